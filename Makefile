# SPDX-License-Identifier: Apache-2.0
#
# The front door: each target makes the machine ready (infra/bootstrap), then lets CMake do the work.
#   make build TYPE=Debug    another build type for a new build/
#   make test JOBS=1         tests one after the other
#   make test ARGS='-R ring' only the tests whose name matches, or any other ctest arguments

TYPE ?= RelWithDebInfo
JOBS ?= $(shell expr $$(nproc) + 2)
ARGS ?=

BOOTSTRAP := infra/bootstrap/bootstrap.sh
CTEST := ctest --output-on-failure --no-tests=error -j $(JOBS)

.NOTPARALLEL:
.DEFAULT_GOAL := build
.PHONY: build demo test test-full test-full-dev test-full-asan test-full-tsan bench chaos mutants mesh-up mesh-down mesh-status lint clean help

# Configures every time: it takes half a second, and sees what the bootstrap has added. The build type is said only
# once, so that a choice made in the cache stays. $(1): product or all.
define compile
@set -e; if [ -f build/CMakeCache.txt ]; then set --; else set -- -G Ninja -DCMAKE_BUILD_TYPE=$(TYPE); fi; \
cmake -S . -B build "$$@"
@cmake --build build --target $(1)
endef

# $(1) is a preset with its build in build/$(1).
define compile_preset
@cmake --preset $(1)
@cmake --build build/$(1)
endef

build:
	@$(BOOTSTRAP) --for build
	$(call compile,product)

demo:
	@$(BOOTSTRAP) --for demo
	$(call compile,product)
	@examples/demo.sh

test:
	@$(BOOTSTRAP) --for test
	$(call compile,all)
	@$(CTEST) --test-dir build -LE full $(ARGS)

# Fixtures crash on purpose, and the tests look for the signal that a user's handler would die of.
HANDS_OFF := handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigill=0:handle_sigfpe=0

# With `make -k test-full` a failure in one does not keep the others from running.
test-full: test-full-dev test-full-asan test-full-tsan

test-full-dev:
	@$(BOOTSTRAP) --for test-full
	$(call compile,all)
	@$(CTEST) --test-dir build $(ARGS)

test-full-asan:
	@$(BOOTSTRAP) --for test-full
	$(call compile_preset,asan)
	@ASAN_OPTIONS=$(HANDS_OFF) $(CTEST) --test-dir build/asan $(ARGS)

test-full-tsan:
	@$(BOOTSTRAP) --for test-full
	$(call compile_preset,tsan)
	@$(CTEST) --test-dir build/tsan -L tsan $(ARGS)

bench:
	@$(BOOTSTRAP) --for bench
	$(call compile,all)
	@tests/bench/run.sh
	@tests/bench/mesh.sh --docs docs/benchmarks.md
	@if [ -x build/bench/bench_recovery ]; then tests/bench/recovery.sh --docs docs/benchmarks.md; \
	else echo "recovery: not measured: its harness needs cmocka (make test installs it)"; fi

# CHAOS_SECONDS=900 CHAOS_SEED=random; what it does: docs/chaos.md.
chaos:
	@$(BOOTSTRAP) --for test
	$(call compile,all)
	@build/tests/chaos-run

# ARGS='core/settle' and the options of tests/mutants/mutants.py.
mutants:
	@$(BOOTSTRAP) --for mutants
	@tests/mutants/mutants.py $(or $(ARGS),core/settle core/consumer core/dispatch core/jetstream)

# Two clusters of three nats-servers on loopback, clients on 4422 and 5422; ARGS='--shape cluster' and the like.
mesh-up:
	@$(BOOTSTRAP) --for build
	@infra/nats/local-mesh up $(ARGS)

mesh-down:
	@infra/nats/local-mesh down $(ARGS)

mesh-status:
	@infra/nats/local-mesh status $(ARGS)

# Files that are not committed yet are looked at too.
LIST := git ls-files -z --cached --others --exclude-standard --

lint:
	@$(BOOTSTRAP) --for lint
	@$(LIST) '*.c' '*.h' | xargs -0r clang-format --dry-run -Werror
	@$(LIST) '*.sh' .ci/run infra/nats/local-mesh | xargs -0r shellcheck -x -P SCRIPTDIR
	@echo "lint: clean"

clean:
	@rm -rf build
	@echo "clean: build/ removed; .deps/ (fetched libraries and servers) kept"

help:
	@echo "make build      build/bin/ and build/plugins/ (the default)"
	@echo "make demo       10,000 messages through a handler, on a private nats-server"
	@echo "make test       the tests but the long ones, against real nats-servers (under 10 minutes)"
	@echo "make test-full  also the long tests, every server version, sanitizers"
	@echo "make bench      the figures of the README"
	@echo "make chaos      15 minutes of faults, and proof that nothing is lost (docs/chaos.md)"
	@echo "make mutants    changes a module's code in many places and lists what no test notices (ARGS=core/settle)"
	@echo "make mesh-up    two clusters of three nats-servers on loopback; mesh-status, mesh-down"
	@echo "make lint       clang-format and shellcheck"
	@echo "make clean      removes build/"
