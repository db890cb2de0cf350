#include "file.h"

#include "fail.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(Arena *a, int fd, const char *path, size_t expected, Bytes *out) {
    char *at = arena_take(a, expected + 2);
    size_t length = 0, room = expected + 1;
    for (;;) {
        ssize_t n = read(fd, at + length, room - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(FAIL_ERROR, "cannot read %s", path);
        length += (size_t)n;
        if (n == 0 || length == expected) /* a file that grows meanwhile is read as it was */
            break;
        if (length == room) {
            at = arena_grow(a, at, length, room * 2 + 1);
            room *= 2;
        }
    }
    at[length] = 0;
    *out = (Bytes){at, length};
    return true;
}

static bool read_large(Arena *a, int fd, const char *path, Bytes *out) {
    struct stat about;
    if (lseek(fd, 0, SEEK_SET) < 0 || fstat(fd, &about) != 0)
        return fail_errno(FAIL_ERROR, "cannot read %s", path);
    if (!S_ISREG(about.st_mode))
        return fail(FAIL_ERROR, "%s is a pipe or a device, not a file", path);
    return read_all(a, fd, path, (size_t)about.st_size, out);
}

/* What fits here is read by one call, and asked nothing about: a folder may hold thousands of
 * files. */
static bool read_from(Arena *a, int fd, const char *path, Bytes *out) {
    static char small[16384];
    struct stat about;
    ssize_t n = read(fd, small, sizeof small);
    if (n < 0 && errno == EISDIR)
        return fail(FAIL_ERROR, "%s is a folder, not a file", path);
    if (n <= 0 && fstat(fd, &about) == 0 && !S_ISREG(about.st_mode))
        return fail(FAIL_ERROR, "%s is a pipe or a device, not a file", path);
    if (n < 0)
        return fail_errno(FAIL_ERROR, "cannot read %s", path);
    if ((size_t)n == sizeof small)
        return read_large(a, fd, path, out);
    *out = (Bytes){arena_bytes(a, small, (size_t)n), (size_t)n};
    return true;
}

bool file_read(Arena *a, const char *path, Bytes *out) {
    /* a pipe without a writer would block */
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(FAIL_ERROR, "cannot open %s", path);
    bool ok = read_from(a, fd, path, out);
    close(fd);
    return ok;
}

static bool write_all(int fd, const char *path, const char *text, size_t length) {
    while (length) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(FAIL_ERROR, "cannot write %s", path);
        text += n;
        length -= (size_t)n;
    }
    return true;
}

static bool write_and_close(int fd, const char *path, const char *text, size_t length) {
    bool ok = write_all(fd, path, text, length);
    if (close(fd) != 0 && ok)
        ok = fail_errno(FAIL_ERROR, "cannot write %s", path);
    return ok;
}

bool file_create(const char *path, const char *text) {
    Arena *a = arena_new();
    bool ok = file_make_folder(file_folder(a, path));
    if (ok) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        ok = fd < 0 ? fail_errno(FAIL_ERROR, "cannot create %s", path)
                    : write_and_close(fd, path, text, strlen(text));
    }
    arena_free(a);
    return ok;
}

bool file_replace(const char *path, const char *text, size_t length) {
    Arena *a = arena_new();
    const char *beside = arena_format(a, "%s.%ld.tmp", path, (long)getpid());
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool ok = fd < 0 ? fail_errno(FAIL_ERROR, "cannot create %s", beside)
                     : write_and_close(fd, beside, text, length);
    if (ok && rename(beside, path) != 0)
        ok = fail_errno(FAIL_ERROR, "cannot replace %s", path);
    if (!ok)
        unlink(beside);
    arena_free(a);
    return ok;
}

typedef struct {
    const char *name;
    bool is_folder;
} Entry;

static int by_bytes(const void *a, const void *b) {
    return strcmp(((const Entry *)a)->name, ((const Entry *)b)->name);
}

static bool entry_is_folder(const char *folder, const struct dirent *entry) {
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    Arena *a = arena_new();
    bool is = file_is_folder(file_join(a, folder, entry->d_name));
    arena_free(a);
    return is;
}

bool file_names(Arena *a, const char *folder, FileNames *out) {
    DIR *dir = opendir(folder);
    size_t room = 64, count = 0;
    if (!dir)
        return fail_errno(FAIL_ERROR, "cannot open the folder %s", folder);
    Entry *entries = arena_take(a, room * sizeof *entries);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        if (count == room) {
            entries = arena_grow(a, entries, room * sizeof *entries, 2 * room * sizeof *entries);
            room *= 2;
        }
        entries[count++] = (Entry){arena_string(a, entry->d_name), entry_is_folder(folder, entry)};
    }
    closedir(dir);
    qsort(entries, count, sizeof *entries, by_bytes);
    *out = (FileNames){count, arena_take(a, (count + 1) * sizeof *out->name),
                       arena_take(a, count + 1)};
    for (size_t i = 0; i < count; i++) {
        out->name[i] = entries[i].name;
        out->is_folder[i] = entries[i].is_folder;
    }
    return true;
}

bool file_exists(const char *path) {
    struct stat about;
    return stat(path, &about) == 0;
}

bool file_is_folder(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

bool file_make_folder(const char *path) {
    if (file_is_folder(path) || !*path)
        return true;
    Arena *a = arena_new();
    bool ok = file_make_folder(file_folder(a, path));
    if (ok && mkdir(path, 0777) != 0 && errno != EEXIST)
        ok = fail_errno(FAIL_ERROR, "cannot make the folder %s", path);
    arena_free(a);
    return ok;
}

const char *file_join(Arena *a, const char *folder, const char *name) {
    if (name[0] == '/' || !*folder || strcmp(folder, ".") == 0)
        return arena_string(a, name);
    size_t n = strlen(folder), m = strlen(name), slash = folder[n - 1] != '/';
    char *path = arena_take(a, n + slash + m + 1);
    memcpy(path, folder, n);
    if (slash)
        path[n] = '/';
    memcpy(path + n + slash, name, m);
    return path;
}

const char *file_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *file_folder(Arena *a, const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return slash == path ? "/" : arena_bytes(a, path, (size_t)(slash - path));
}
