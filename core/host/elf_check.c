/* SPDX-License-Identifier: Apache-2.0
 * elf_check - compares ELF header, program headers and section table with the size of the file. */
#include "elf_check.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PHDRS_MAX 128

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__i386__)
#define OWN_MACHINE EM_386
#elif defined(__arm__)
#define OWN_MACHINE EM_ARM
#elif defined(__riscv)
#define OWN_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define OWN_MACHINE EM_PPC64
#elif defined(__s390x__)
#define OWN_MACHINE EM_S390
#endif

#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OWN_DATA (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

static const char *machine_name(unsigned machine)
{
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {
        {EM_X86_64, "x86-64"}, {EM_AARCH64, "arm64"}, {EM_386, "i386"},   {EM_ARM, "arm"},
        {EM_RISCV, "riscv"},   {EM_PPC64, "ppc64"},   {EM_S390, "s390x"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "another machine";
}

static int check_kind(const ElfW(Ehdr) * e, const char *path, struct error *err)
{
    if (e->e_ident[EI_CLASS] != OWN_CLASS || e->e_ident[EI_DATA] != OWN_DATA)
        return error_set(err, -ENOEXEC, "%s: built for another word size or byte order: rebuild it on this machine",
                         path);
#ifdef OWN_MACHINE
    if (e->e_machine != OWN_MACHINE)
        return error_set(err, -ENOEXEC, "%s: built for %s (ELF machine %u), this is %s: rebuild it for this machine",
                         path, machine_name(e->e_machine), e->e_machine, machine_name(OWN_MACHINE));
#endif
    if (e->e_type != ET_DYN)
        return error_set(err, -ENOEXEC, "%s: an ELF file but not a shared object: link it with -shared", path);
    if (e->e_phentsize != sizeof(ElfW(Phdr)) || e->e_phnum == 0 || e->e_phnum > PHDRS_MAX)
        return error_set(err, -ENOEXEC, "%s: its ELF program headers are invalid: copy or build it again", path);
    return 0;
}

static int truncated_report(const char *path, uint64_t size, uint64_t needs, struct error *err)
{
    return error_set(err, -ENOEXEC,
                     "%s: truncated: %" PRIu64 " bytes of at least %" PRIu64 " (is a copy still running?)", path, size,
                     needs);
}

static int has_text_relocations(int fd, const ElfW(Phdr) * p)
{
    for (uint64_t i = 0; i + sizeof(ElfW(Dyn)) <= p->p_filesz; i += sizeof(ElfW(Dyn))) {
        ElfW(Dyn) d;
        if (pread(fd, &d, sizeof(d), (off_t)(p->p_offset + i)) != (ssize_t)sizeof(d) || d.d_tag == DT_NULL)
            break;
        if (d.d_tag == DT_TEXTREL || (d.d_tag == DT_FLAGS && (d.d_un.d_val & DF_TEXTREL)))
            return 1;
    }
    return 0;
}

int elf_check(int fd, const char *path, struct error *err, uint64_t *ret_load_end, int *ret_textrel)
{
    struct stat st;
    ElfW(Ehdr) e;
    ElfW(Phdr) phdrs[PHDRS_MAX];

    if (fstat(fd, &st))
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return error_set(err, -ENOEXEC, "%s: not a regular file", path);
    uint64_t size = (uint64_t)st.st_size;
    ssize_t n = pread(fd, &e, sizeof(e), 0);
    if (n < 0)
        return error_set(err, -errno, "%s: cannot be read: %s", path, strerror(errno));
    if (n < SELFMAG || memcmp(e.e_ident, ELFMAG, SELFMAG) != 0)
        return error_set(err, -ENOEXEC, "%s: not an ELF file%s", path, size ? "" : " (it is empty)");
    if (n < (ssize_t)sizeof(e))
        return truncated_report(path, size, sizeof(e), err);
    int rc = check_kind(&e, path, err);
    if (rc)
        return rc;

    uint64_t bytes = (uint64_t)e.e_phnum * sizeof(ElfW(Phdr));
    if (e.e_phoff > size || bytes > size - e.e_phoff)
        return truncated_report(path, size, e.e_phoff + bytes, err);
    if (pread(fd, phdrs, bytes, (off_t)e.e_phoff) != (ssize_t)bytes)
        return error_set(err, -EIO, "%s: cannot be read", path);

    uint64_t load_end = 0;
    int textrel = 0;
    for (unsigned i = 0; i < e.e_phnum; i++) {
        const ElfW(Phdr) *p = &phdrs[i];
        if (p->p_type == PT_NULL)
            continue;
        if (p->p_filesz && (p->p_offset > size || p->p_filesz > size - p->p_offset))
            return truncated_report(path, size, p->p_offset + p->p_filesz, err);
        if (p->p_type == PT_LOAD && p->p_offset + p->p_filesz > load_end)
            load_end = p->p_offset + p->p_filesz;
        if (p->p_type == PT_DYNAMIC)
            textrel = has_text_relocations(fd, p);
    }
    /* The section table is at the end of the file, so its presence shows that a copy has finished. */
    bytes = (uint64_t)e.e_shnum * e.e_shentsize;
    if (e.e_shoff && (e.e_shoff > size || bytes > size - e.e_shoff))
        return truncated_report(path, size, e.e_shoff + bytes, err);
    if (!load_end)
        return error_set(err, -ENOEXEC, "%s: contains no loadable segment: copy or build it again", path);
    *ret_load_end = load_end;
    *ret_textrel = textrel;
    return 0;
}
