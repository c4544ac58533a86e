/* SPDX-License-Identifier: Apache-2.0
 * pin - maps a memfd over code, and moves anonymous memory over data. */
#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_check.h"

struct pin_copy {
    char *path; /* resolved */
    int memfd;
    uint64_t size; /* of the copy: the loaded part of the file */
    int textrel;
    size_t objects; /* number of objects loaded before the plugin, such as libc */
};

void pin_copy_free(struct pin_copy *c)
{
    if (!c)
        return;
    if (c->memfd >= 0)
        close(c->memfd);
    free(c->path);
    free(c);
}

static int count_object(struct dl_phdr_info *o, size_t size, void *data)
{
    (void)o;
    (void)size;
    ++*(size_t *)data;
    return 0;
}

/* Sets the memfd: the image if there is one, else a new copy of the file. */
static int copy_fill(struct pin_copy *c, const char *path, const struct image *image, struct error *err)
{
    struct image own = IMAGE_NONE;
    int rc = 0;

    if (image)
        c->memfd = fcntl(image->fd, F_DUPFD_CLOEXEC, 0);
    else if ((rc = image_take(&own, path)) == 0)
        c->memfd = own.fd;
    if (rc == -EAGAIN)
        return error_set(err, rc, "%s: changed while it was read; is a copy still running?", path);
    if (rc)
        return error_set(err, rc, "%s: %s", path, rc == -EACCES ? "no permission to read it" : strerror(-rc));
    if (c->memfd < 0)
        return image ? error_set(err, -errno, "%s: %s", path, strerror(errno))
                     : error_set(err, -ENOEXEC, "%s: not a regular file", path);
    return 0;
}

int pin_copy(struct pin_copy **ret, const char *path, const struct image *image, struct error *err)
{
    struct pin_copy *c = calloc(1, sizeof(*c));
    if (!c)
        return error_set(err, -ENOMEM, "%s: out of memory", path);
    c->memfd = -1;
    dl_iterate_phdr(count_object, &c->objects);
    int rc = copy_fill(c, path, image, err);
    if (rc == 0)
        rc = elf_check(c->memfd, path, err, &c->size, &c->textrel);
    if (rc == 0 && !(c->path = realpath(path, NULL)))
        rc = error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (rc)
        pin_copy_free(c);
    else
        *ret = c;
    return rc;
}

static int changed_report(const char *path, struct error *err)
{
    return error_set(err, -EAGAIN, "%s: changed while it was loaded; is a deploy running?", path);
}

/* True: the file still has these bytes of the copy. */
static bool file_holds(const struct pin_copy *c, const char *copy, uint64_t from, uint64_t len)
{
    static char chunk[64 << 10];
    bool same = true;
    int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (same && len) {
        size_t n = len < sizeof(chunk) ? len : sizeof(chunk);
        same = pread(fd, chunk, n, (off_t)from) == (ssize_t)n && memcmp(chunk, copy + from, n) == 0;
        from += n;
        len -= n;
    }
    close(fd);
    return same;
}

/* AddressSanitizer puts red zones between the globals of a loaded object, and reports memcmp() and memcpy()
 * that read across them.  Volatile keeps the compiler from turning these loops into such calls. */
#define WHOLE_OBJECT __attribute__((no_sanitize_address))

static WHOLE_OBJECT bool bytes_equal(const volatile char *a, const volatile char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static WHOLE_OBJECT void bytes_copy(volatile char *to, const volatile char *from, size_t len)
{
    for (size_t i = 0; i < len; i++)
        to[i] = from[i];
}

struct span { /* whole pages of one segment */
    char *at;
    size_t len;
    off_t offset; /* in the file */
};

static struct span segment_span(const struct dl_phdr_info *o, const ElfW(Phdr) * p)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    uintptr_t start = (o->dlpi_addr + p->p_vaddr) & ~page;
    uintptr_t end = (o->dlpi_addr + p->p_vaddr + p->p_filesz + page) & ~page;
    return (struct span){(char *)start, end - start, (off_t)(p->p_offset & ~(uint64_t)page)};
}

static int segment_overlay(const struct pin_copy *c, const struct span *s, uint32_t flags, struct error *err)
{
    int prot = (flags & PF_R ? PROT_READ : 0) | (flags & PF_X ? PROT_EXEC : 0);
    if (mmap(s->at, s->len, prot, MAP_PRIVATE | MAP_FIXED, c->memfd, s->offset) == MAP_FAILED)
        return error_set(
            err, -EPERM,
            "%s: cannot be made independent of its file, so do not overwrite it in place: mapping failed: %s", c->path,
            strerror(errno));
    return 0;
}

/* Bytes from `done` in the span to the next change of protection. */
static size_t relro_run(const struct span *s, const struct dl_phdr_info *o, const ElfW(Phdr) * relro, size_t done)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    uintptr_t at = (uintptr_t)s->at + done, end = (uintptr_t)s->at + s->len;
    uintptr_t from = relro ? (o->dlpi_addr + relro->p_vaddr) & ~page : end;
    uintptr_t to = relro ? (o->dlpi_addr + relro->p_vaddr + relro->p_memsz) & ~page : end;
    if (at < from && from < end)
        return from - at;
    if (at < to && to < end)
        return to - at;
    return end - at;
}

/* Moves an anonymous copy over the segment.  RELRO pages are read-only, and stay so in the copy. */
static int segment_privatise(const struct span *s, const struct dl_phdr_info *o, const ElfW(Phdr) * relro)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
    size_t done = 0;
    char *copy = mmap(NULL, s->len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return -errno;
    bytes_copy(copy, s->at, s->len);
    if (relro) { /* whole pages only, rounded as ld.so does */
        uintptr_t from = (o->dlpi_addr + relro->p_vaddr) & ~page;
        uintptr_t to = (o->dlpi_addr + relro->p_vaddr + relro->p_memsz) & ~page;
        uintptr_t start = (uintptr_t)s->at;
        if (to > from && from >= start && to <= start + s->len && mprotect(copy + (from - start), to - from, PROT_READ))
            goto failed;
    }
    /* One mremap() for each protection: it moves a single mapping only. */
    while (done < s->len) {
        size_t len = relro_run(s, o, relro, done);
        if (mremap(copy + done, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, s->at + done) == MAP_FAILED)
            goto failed;
        done += len;
    }
    return 0;
failed:;
    int rc = -errno;
    munmap(copy + done, s->len - done);
    return rc;
}

static int pin_object(const struct pin_copy *c, const struct dl_phdr_info *o, struct error *err)
{
    const ElfW(Phdr) *relro = NULL;
    int rc = 0;
    char *copy = mmap(NULL, c->size, PROT_READ, MAP_PRIVATE, c->memfd, 0);
    if (copy == MAP_FAILED)
        return error_set(err, -errno, "%s: out of memory", c->path);
    for (unsigned i = 0; i < o->dlpi_phnum; i++)
        if (o->dlpi_phdr[i].p_type == PT_GNU_RELRO)
            relro = &o->dlpi_phdr[i];

    for (unsigned i = 0; i < o->dlpi_phnum && rc == 0; i++) {
        const ElfW(Phdr) *p = &o->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !p->p_filesz)
            continue;
        struct span s = segment_span(o, p);
        if (p->p_offset + p->p_filesz > c->size) {
            rc = changed_report(c->path, err);
        } else if (p->p_flags & PF_W) {
            if (segment_privatise(&s, o, relro))
                rc = error_set(err, -EPERM,
                               "%s: cannot be made independent of its file, so do not overwrite it in place", c->path);
            else if (!file_holds(c, copy, p->p_offset, p->p_filesz))
                rc = changed_report(c->path, err);
        } else if (c->textrel) {
            rc = error_set(
                err, -EPERM,
                "%s: has text relocations, so it cannot be made independent of its file: build it with -fPIC", c->path);
        } else if (!bytes_equal((char *)o->dlpi_addr + p->p_vaddr, copy + p->p_offset, p->p_filesz)) {
            rc = changed_report(c->path, err);
        } else {
            rc = segment_overlay(c, &s, p->p_flags, err);
        }
    }
    munmap(copy, c->size);
    return rc;
}

struct visit {
    const struct pin_copy *plugin;
    char *folder; /* directory of the plugin, resolved, with a slash at the end */
    size_t seen;  /* objects visited so far, in the order of loading */
    struct error *err;
    int rc;
};

static int visit_object(struct dl_phdr_info *o, size_t size, void *data)
{
    struct visit *v = data;
    (void)size;
    if (v->seen++ < v->plugin->objects || !o->dlpi_name || !strchr(o->dlpi_name, '/'))
        return 0;
    char *path = realpath(o->dlpi_name, NULL);
    if (!path)
        return 0; /* the vdso, or a deleted file, which cannot change */
    if (strcmp(path, v->plugin->path) == 0) {
        v->rc = pin_object(v->plugin, o, v->err);
    } else if (strncmp(path, v->folder, strlen(v->folder)) == 0) {
        struct pin_copy *c = NULL;
        v->rc = pin_copy(&c, path, NULL, v->err);
        if (!v->rc)
            v->rc = pin_object(c, o, v->err);
        pin_copy_free(c);
    }
    free(path);
    return v->rc != 0;
}

int pin_loaded(const struct pin_copy *c, struct error *err)
{
    struct visit v = {.plugin = c, .err = err};
    v.folder = strdup(c->path);
    if (!v.folder)
        return error_set(err, -ENOMEM, "%s: out of memory", c->path);
    strrchr(v.folder, '/')[1] = '\0';
    /* A plugin that rename() has replaced since the copy does not match its file; pin_object() reports that. */
    dl_iterate_phdr(visit_object, &v);
    free(v.folder);
    return v.rc;
}
