#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of one module: changes its code in one place at a time and runs the module's unit tests.

usage: mutants.py [--sample N] [--seed N] [--jobs N] [--show] MODULE...

  MODULE       a folder or a file, for example core/settle or core/dispatch/window.c
  --sample N   at most N mutants for each MODULE, chosen by the seed (default 60; 0: all)
  --seed N     default 1; the same seed chooses the same mutants of the same code
  --jobs N     mutants at a time, each in a source copy of its own (default 2)
  --unit       unit tests only
  --show       lists the mutants and ends

A mutant flips a condition, a logical operator or a sign, changes a constant by one, or removes a statement. The tests
are built with AddressSanitizer and LeakSanitizer. A mutant is killed if a test fails, hangs or crashes: first the unit
tests that include a header of the module, then, for some modules, its integration tests. A mutant that survives is
printed with its change: either a test is missing, or the change makes no difference that a test can see (a time-out
that is one longer). Exit status: 0 if at least 90 % of the mutants of each MODULE are killed, 1 if fewer are, 2 for a
usage error.

The copies and their builds are in build/mutants/. The checkout itself is never changed.
"""
import argparse
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = os.path.join(ROOT, 'build', 'mutants')
TEST_SECONDS = 300
ENOUGH = 0.9
# Crashes on purpose in the tests' plugins must end by the signal that a user's handler would die of (Makefile).
ENVIRONMENT = dict(os.environ, ASAN_OPTIONS='handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigill=0:handle_sigfpe=0')
# What unit tests leave alive meets the integration tests of the module: they drive the parts that need real workers.
INTEGRATION = {
    'core/consumer': ['cumulative', 'drain', 'order', 'cluster'],
    'core/dispatch': ['outcomes', 'batch', 'breaker', 'limits', 'drain'],
    'core/jetstream': ['dlq', 'provision'],
    'core/settle': ['outcomes', 'dlq'],
}

# Comments, strings, characters and preprocessor lines stay as they are.
FIXED = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
OPERATORS = {
    ' == ': ' != ', ' != ': ' == ', ' < ': ' <= ', ' <= ': ' < ', ' > ': ' >= ', ' >= ': ' > ',
    ' && ': ' || ', ' || ': ' && ', ' + ': ' - ', ' - ': ' + ', ' += ': ' -= ', ' -= ': ' += ',
}
OPERATOR = re.compile('|'.join(re.escape(o) for o in OPERATORS))
CONDITION = re.compile(r'\b(?:if|while) \((?=\S)')
CONSTANT = re.compile(r'(?<![\w.])(?:\d{1,3}|true|false)(?![\w.])')
STATEMENT = re.compile(r'^[ \t]+(?!return\b|goto\b|break\b|continue\b|else\b|case\b|default\b|struct\b|const\b|static\b)'
                       r'(?:[\w.>\[\]-]+(?:\([^;{}]*\)| [|&+-]?= [^;{}]*|\+\+|--));$', re.M)


def blank(match):
    """Spaces of the same length, so that offsets stay."""
    return re.sub(r'[^\n]', ' ', match[0])


def closing(text, start):
    """The offset of the parenthesis that closes the one before `start`."""
    depth = 1
    for i in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[i], 0)
        if depth == 0:
            return i
    return None


def function_bodies(code):
    """Ranges between a brace at the start of a line and its partner: function bodies, not tables."""
    for m in re.finditer(r'\)\n\{\n(.*?)^\}', code, re.S | re.M):
        yield m.start(1), m.end(1)


def mutants_of(path):
    """Tuples (path, offset, old text, new text) for one source file."""
    text = open(os.path.join(ROOT, path)).read()
    code = FIXED.sub(blank, text)
    for start, end in function_bodies(code):
        body = code[start:end]
        for m in OPERATOR.finditer(body):
            yield path, start + m.start(), m[0], OPERATORS[m[0]]
        for m in CONDITION.finditer(body):
            last = closing(body, m.end())
            if last is not None:
                old = text[start + m.end():start + last]
                yield path, start + m.end(), old, '!(' + old + ')'
        for m in CONSTANT.finditer(body):
            new = {'true': 'false', 'false': 'true'}.get(m[0]) or str(int(m[0]) + 1)
            yield path, start + m.start(), m[0], new
        for m in STATEMENT.finditer(body):
            old = text[start + m.start():start + m.end()]
            if 'log_' not in old:
                yield path, start + m.start(), old, re.match(r'\s*', old)[0] + ';'


def sources_of(module):
    if os.path.isfile(os.path.join(ROOT, module)):
        return [module]
    found = []
    for folder, _, files in os.walk(os.path.join(ROOT, module)):
        found += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files if f.endswith('.c')]
    return sorted(found)


def tests_of(module):
    """Unit tests that include a header of the module, directly or through a helper header of the tests."""
    name = re.sub(r'^core/', '', module.rstrip('/'))
    name = os.path.dirname(name) if name.endswith('.c') else name
    folder = os.path.join(ROOT, 'tests', 'unit')
    texts = {f: open(os.path.join(folder, f)).read() for f in os.listdir(folder) if f.endswith(('.c', '.h'))}
    wanted = {f for f, t in texts.items() if re.search(rf'#include "{re.escape(name)}/', t)}
    wanted |= {f for f, t in texts.items() if any(f'#include "{h}"' in t for h in wanted if h.endswith('.h'))}
    return sorted(f[:-2] for f in wanted if f.endswith('_test.c'))


def integration_tests_of(module):
    for key, names in INTEGRATION.items():
        if module == key or module.startswith(key + '/'):
            return names
    return []


class Copy:
    """A copy of the sources with a build of its own. `stages`: lists of ctest names, run in this order; `targets`: the
    programs that these tests need."""

    def __init__(self, index, stages, targets):
        self.source = os.path.join(WORK, str(index), 'source')
        self.build = os.path.join(WORK, str(index), 'build')
        self.stages, self.targets = stages, targets

    def prepare(self):
        os.makedirs(self.source, exist_ok=True)
        files = subprocess.run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'], cwd=ROOT,
                               check=True, capture_output=True, text=True).stdout.split('\0')
        for folder, _, names in os.walk(self.source): # a file that was removed would still be built
            for name in names:
                path = os.path.join(folder, name)
                if os.path.relpath(path, self.source) not in files:
                    os.remove(path)
        for file in filter(None, files):
            source, target = os.path.join(ROOT, file), os.path.join(self.source, file)
            if not os.path.isfile(source):
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.exists(target) or open(source, 'rb').read() != open(target, 'rb').read():
                shutil.copy(source, target)
        deps = os.path.join(self.source, '.deps')
        if not os.path.exists(deps) and os.path.exists(os.path.join(ROOT, '.deps')):
            os.symlink(os.path.join(ROOT, '.deps'), deps)
        command = ['cmake', '-S', self.source, '-B', self.build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Debug',
                   '-DSEAMQ_SANITIZE=address,undefined']
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        build = ['cmake', '--build', self.build, '--target', *self.targets]
        for command in [build] + [self.test_command(names) for names in self.stages]:
            result = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT)
            if result.returncode != 0:
                sys.exit(f'mutants: {" ".join(command)} fails without any mutant:\n{result.stdout[-3000:]}')

    def test_command(self, names):
        return ['ctest', '--test-dir', self.build, '-R', '^(' + '|'.join(names) + ')$', '--no-tests=error',
                '--stop-on-failure', '--timeout', str(TEST_SECONDS)]

    @staticmethod
    def passes(command):
        return subprocess.run(command, check=False, env=ENVIRONMENT, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def survives(self, mutant):
        """True: no test noticed. False: killed. None: it does not compile."""
        path, offset, old, new = mutant
        file = os.path.join(self.source, path)
        text = open(os.path.join(ROOT, path)).read()
        assert text[offset:offset + len(old)] == old
        try:
            with open(file, 'w') as f:
                f.write(text[:offset] + new + text[offset + len(old):])
            if not self.passes(['cmake', '--build', self.build, '--target', *self.targets]):
                return None
            return all(self.passes(self.test_command(names)) for names in self.stages)
        finally:
            with open(file, 'w') as f:
                f.write(text)


def describe(mutant):
    path, offset, old, new = mutant
    text = open(os.path.join(ROOT, path)).read()
    line = text.count('\n', 0, offset) + 1
    return f'{path}:{line}: {" ".join(old.split())} -> {" ".join(new.split())}'


def run(mutants, copies):
    """The mutants that survived, and the number that compiled."""
    waiting, lock, survivors, done = queue.Queue(), threading.Lock(), [], []
    for mutant in mutants:
        waiting.put(mutant)

    def work(copy):
        while True:
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            result = copy.survives(mutant)
            with lock:
                if result is not None:
                    done.append(mutant)
                if result:
                    survivors.append(mutant)
                word = {True: 'SURVIVES', False: 'killed', None: 'does not compile'}[result]
                print(f'{len(mutants) - waiting.qsize():4}/{len(mutants)} {word:16} {describe(mutant)}', flush=True)

    threads = [threading.Thread(target=work, args=(copy,)) for copy in copies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return survivors, len(done)


def main():
    parser = argparse.ArgumentParser(prog='mutants.py', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sample', type=int, default=60)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--jobs', type=int, default=2)
    parser.add_argument('--unit', action='store_true')
    parser.add_argument('--show', action='store_true')
    parser.add_argument('modules', nargs='+', metavar='MODULE')
    args = parser.parse_args()

    enough = True
    for module in args.modules:
        sources, tests = sources_of(module), tests_of(module)
        if not sources or not tests:
            parser.error(f'{module}: no C sources there, or no unit test includes one of its headers (try core/settle)')
        mutants = [m for path in sources for m in mutants_of(path)]
        found = len(mutants)
        if 0 < args.sample < found:
            mutants = sorted(random.Random(args.seed).sample(mutants, args.sample))
        print(f'{module}: {len(mutants)} of {found} mutants, seed {args.seed}, tests: {" ".join(tests)}', flush=True)
        if args.show:
            print('\n'.join(describe(m) for m in mutants))
            continue
        more = [] if args.unit else integration_tests_of(module)
        stages = [tests] + ([[f'integration-{name}' for name in more]] if more else [])
        copies = [Copy(i, stages, tests + [f'it-{name}' for name in more]) for i in range(args.jobs)]
        for copy in copies:
            copy.prepare()
        survivors, compiled = run(mutants, copies)
        share = 1 - len(survivors) / max(1, compiled)
        print(f'{module}: {compiled - len(survivors)} of {compiled} killed: {share:.0%}')
        for mutant in sorted(survivors):
            print(f'  survives: {describe(mutant)}')
        enough &= share >= ENOUGH
    return 0 if enough else 1


sys.exit(main())
