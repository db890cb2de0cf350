#include "archive.h"

#include "clock.h"
#include "digest.h"
#include "fail.h"
#include "file.h"
#include "stop.h"
#include "text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *word, *ending;
} formats[ARCHIVE_FORMATS] = {
    [ARCHIVE_CUSTOM] = {"custom", ".dump"},
    [ARCHIVE_DIRECTORY] = {"directory", ".dir"},
    [ARCHIVE_PLAIN] = {"plain", ".sql"},
};

#define PARTIAL ".partial"

const char *archive_format(ArchiveFormat format) {
    return formats[format].word;
}

bool archive_read_format(const char *word, ArchiveFormat *out) {
    for (size_t i = 0; i < ARCHIVE_FORMATS; i++)
        if (text_same(formats[i].word, word)) {
            *out = (ArchiveFormat)i;
            return true;
        }
    return fail(FAIL_USAGE, "--format takes custom, directory or plain, not %s", word);
}

/* Whatever a name is made of, a file can have it. */
static void add_plain(Text *text, const char *word) {
    for (; *word; word++)
        text_add_char(text, isalnum((unsigned char)*word) || strchr("-._", *word) ? *word : '-');
}

/* "production_shop_20261122T190901Z_20260127120000" */
static const char *name_of(Arena *a, const Archive *archive) {
    Text name = text_on(a);
    const char *now = clock_version(a);
    add_plain(&name, archive->environment);
    text_add(&name, "_");
    add_plain(&name, archive->database);
    text_addf(&name, "_%.8sT%sZ_", now, now + 8);
    add_plain(&name, archive->last ? archive->last : "0");
    return name.at;
}

/* As deep as a directory dump is. */
static bool remove_all(Arena *a, const char *path) {
    if (file_is_folder(path)) {
        DIR *dir = opendir(path);
        if (!dir)
            return fail_errno(FAIL_ERROR, "cannot open the folder %s", path);
        for (struct dirent *entry; (entry = readdir(dir));)
            if (!text_same(entry->d_name, ".") && !text_same(entry->d_name, ".."))
                remove_all(a, file_join(a, path, entry->d_name));
        closedir(dir);
    }
    return remove(path) == 0 || errno == ENOENT || fail_errno(FAIL_ERROR, "cannot remove %s", path);
}

/* Nobody writes there any more whose lock can be had. */
static void sweep(Arena *a, const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.' || !text_ends(entry->d_name, PARTIAL))
            continue;
        const char *path = file_join(a, folder, entry->d_name);
        int lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (lock < 0)
            continue;
        if (flock(lock, LOCK_EX | LOCK_NB) == 0 && !remove_all(a, path))
            fail_clear();
        close(lock);
    }
    if (dir)
        closedir(dir);
}

/* A folder that we make is for our eyes only, and nothing for a repository. */
static bool make_folder(Arena *a, const char *folder) {
    if (file_is_folder(folder))
        return true;
    if (!file_make_folder(file_folder(a, folder)))
        return false;
    if (mkdir(folder, 0700) != 0)
        return errno == EEXIST || fail_errno(FAIL_ERROR, "cannot make the folder %s", folder);
    return file_create(file_join(a, folder, ".gitignore"), "*\n");
}

bool archive_begin(Arena *a, const char *folder, Archive *archive, ArchiveDraft *out) {
    if (!make_folder(a, folder))
        return false;
    sweep(a, folder);
    const char *base = name_of(a, archive), *ending = formats[archive->format].ending;
    for (int n = 1;; n++) {
        const char *name = n > 1 ? arena_format(a, "%s_%d%s", base, n, ending)
                                 : arena_format(a, "%s%s", base, ending);
        archive->path = file_join(a, folder, name);
        out->folder = file_join(a, folder, arena_format(a, ".%s%s", name, PARTIAL));
        if (file_exists(archive->path))
            continue;
        if (mkdir(out->folder, 0700) == 0)
            break;
        if (errno != EEXIST)
            return fail_errno(FAIL_ERROR, "cannot write in %s", folder);
    }
    out->partial = file_join(a, out->folder, "dump");
    out->lock = open(out->folder, O_RDONLY | O_DIRECTORY);
    return (out->lock >= 0 && flock(out->lock, LOCK_EX | LOCK_NB) == 0) ||
           fail_errno(FAIL_ERROR, "cannot lock %s", out->folder);
}

static bool sum_file(Arena *a, const char *path, const char **checksum, long long *bytes) {
    enum { PIECE = 1 << 16 };
    FILE *file = fopen(path, "rbe");
    if (!file)
        return fail_errno(FAIL_ERROR, "cannot open %s", path);
    char *piece = arena_take(a, PIECE);
    Digest *digest = digest_new();
    for (size_t n; (n = fread(piece, 1, PIECE, file)) && !stop_asked();) {
        digest_add(digest, piece, n);
        *bytes += (long long)n;
    }
    *checksum = digest_end(a, digest);
    bool ok = !ferror(file);
    fclose(file);
    if (stop_asked())
        return stop_failure();
    return ok || fail_errno(FAIL_ERROR, "cannot read %s", path);
}

bool archive_sum(Arena *a, const char *path, const char **checksum, long long *bytes) {
    FileNames names;
    Text lines = text_on(a);
    *bytes = 0;
    if (!file_is_folder(path))
        return sum_file(a, path, checksum, bytes);
    if (!file_names(a, path, &names))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        const char *one = NULL;
        if (!sum_file(a, file_join(a, path, names.name[i]), &one, bytes))
            return false;
        text_addf(&lines, "%s  %s\n", one, names.name[i]);
    }
    *checksum = digest_of(a, lines.at, lines.length);
    return true;
}

Json *archive_json(Arena *a, const Archive *archive) {
    Json *json = json_new_map(a);
    json_set_text(json, "file", archive->path);
    json_set_text(json, "format", formats[archive->format].word);
    json_set_text(json, "environment", archive->environment);
    json_set_text(json, "database", archive->database);
    json_set_text(json, "server", archive->server);
    json_set_text(json, "ledger_schema", archive->ledger_schema);
    json_set_text(json, "last_migration", archive->last);
    json_set_text(json, "taken_at", archive->taken_at);
    json_set_text(json, "made_by", archive->made_by);
    json_set_integer(json, "bytes", archive->bytes);
    json_set_integer(json, "tables", archive->tables);
    json_set_text(json, "checksum", archive->checksum);
    return json;
}

static const char *note_of(Arena *a, const char *path) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    return arena_format(a, "%.*s.json", (int)length, path);
}

static bool is_note(const Archive *archive) {
    return archive->environment && archive->database && archive->server && archive->ledger_schema &&
           archive->taken_at && archive->checksum && archive->bytes > 0;
}

bool archive_read_note(Arena *a, const char *path, Archive *out, bool *there) {
    const char *note = note_of(a, path);
    Bytes text;
    Json *json;
    *out = (Archive){.path = path};
    *there = file_exists(note);
    if (!*there)
        return true;
    if (!file_read(a, note, &text) || !json_parse(a, text.at, text.length, &json))
        return fail_in("%s", note);
    out->environment = json_as_text(json_get(json, "environment"));
    out->database = json_as_text(json_get(json, "database"));
    out->server = json_as_text(json_get(json, "server"));
    out->ledger_schema = json_as_text(json_get(json, "ledger_schema"));
    out->last = json_as_text(json_get(json, "last_migration"));
    out->taken_at = json_as_text(json_get(json, "taken_at"));
    out->made_by = json_as_text(json_get(json, "made_by"));
    out->checksum = json_as_text(json_get(json, "checksum"));
    out->bytes = json_as_integer(json_get(json, "bytes"));
    out->tables = json_as_integer(json_get(json, "tables"));
    const char *format = json_as_text(json_get(json, "format"));
    if (!is_note(out) || !format || !archive_read_format(format, &out->format))
        return fail(FAIL_REFUSED, "%s is not what stint backup writes beside a backup", note);
    return true;
}

static bool give_name(const char *from, const char *to) {
    return rename(from, to) == 0 || fail_errno(FAIL_ERROR, "cannot write %s", to);
}

/* The note first: a backup without one would be nobody's. */
bool archive_finish(Arena *a, Archive *archive, const ArchiveDraft *draft) {
    const char *beside = file_join(a, draft->folder, "note"),
               *folder = file_folder(a, archive->path);
    if (!archive_sum(a, draft->partial, &archive->checksum, &archive->bytes))
        return false;
    Json *json = archive_json(a, archive);
    json_set_text(json, "file", file_base(archive->path)); /* they may be moved together */
    const char *text = arena_format(a, "%s\n", json_pretty(json));
    if (!file_create(beside, text) || chmod(beside, 0600) != 0 ||
        !give_name(beside, note_of(a, archive->path)) || !give_name(draft->partial, archive->path))
        return false;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok || fail_errno(FAIL_ERROR, "cannot write %s", folder);
}

void archive_discard(const ArchiveDraft *draft) {
    Arena *a = arena_new();
    Failure why = fail_kept(a);
    remove_all(a, draft->folder);
    close(draft->lock);
    fail_again(&why);
    arena_free(a);
}

bool archive_remove(Arena *a, const char *path) {
    return remove_all(a, path) && remove_all(a, note_of(a, path));
}
