#include "known.h"

#include "fail.h"
#include "file.h"
#include "text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FORMAT = 0x73740002, SUM = 64, RACY = 2 };

/* As it stands in the file: this machine's numbers, for this machine's cache. */
typedef struct {
    uint64_t inode, size, modified, changed; /* times in ns */
    char sum[SUM + 8];                       /* ends with a NUL */
    uint32_t name, length;                   /* where in the names; bytes */
} Entry;

typedef struct {
    uint32_t format, count;
} Head;

struct Known {
    Arena *arena;
    const char *file; /* NULL: nowhere to keep anything */
    const Entry *entry;
    const char *names;
    size_t count, next; /* where the next file is looked for first */
    const Entry **seen; /* what will be written */
    const char **seen_name;
    size_t seen_count, room;
    Entry asked;
    size_t fresh; /* of the seen, how many had to be read */
};

static const char *place(Arena *a, const char *project) {
    const char *home = getenv("HOME"), *cache = getenv("XDG_CACHE_HOME");
    if (!(cache && *cache == '/') && !(home && *home == '/'))
        return NULL;
    const char *folder = cache && *cache == '/' ? cache : file_join(a, home, ".cache");
    /* FNV-1a: two projects of one hash only take each other's files for new; libcrypto would take
     * longer to start than all else does */
    uint64_t hash = 0xcbf29ce484222325U;
    for (const char *at = project; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3U;
    return arena_format(a, "%s/stint/%016llx", folder, (unsigned long long)hash);
}

/* Only a file of our own, whole and well formed, is believed. */
static void load(Known *known) {
    struct stat about;
    Bytes bytes;
    Head head;
    if (lstat(known->file, &about) != 0 || !S_ISREG(about.st_mode) || about.st_uid != geteuid() ||
        !file_read(known->arena, known->file, &bytes) || bytes.length < sizeof head) {
        fail_clear();
        return;
    }
    memcpy(&head, bytes.at, sizeof head);
    size_t names = sizeof head + (size_t)head.count * sizeof(Entry);
    if (head.format != FORMAT || names > bytes.length)
        return;
    const Entry *entry = (const Entry *)(const void *)(bytes.at + sizeof head);
    for (uint32_t i = 0; i < head.count; i++)
        if ((size_t)entry[i].name + entry[i].length >= bytes.length - names ||
            bytes.at[names + entry[i].name + entry[i].length] != 0)
            return;
    known->entry = entry;
    known->names = bytes.at + names;
    known->count = head.count;
}

Known *known_open(Arena *a, const char *project) {
    Known *known = arena_take(a, sizeof *known);
    known->arena = a;
    known->file = place(a, project);
    if (known->file)
        load(known);
    return known;
}

static uint64_t nanoseconds(struct timespec t) {
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int compare(const Known *known, size_t i, const char *path) {
    return strcmp(known->names + known->entry[i].name, path);
}

/* Files come in the order in which they were written, but for what is new. */
static const Entry *find(Known *known, const char *path) {
    size_t low = 0, high = known->count;
    if (known->next < known->count && compare(known, known->next, path) == 0)
        return &known->entry[known->next++];
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(known, middle, path);
        if (order == 0) {
            known->next = middle + 1;
            return &known->entry[middle];
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void keep(Known *known, const char *path, const Entry *entry) {
    if (known->seen_count == known->room) {
        size_t room = known->room ? 2 * known->room : known->count + 64;
        known->seen = arena_grow(known->arena, known->seen, known->room * sizeof *known->seen,
                                 room * sizeof *known->seen);
        known->seen_name = arena_grow(known->arena, known->seen_name, known->room * sizeof(char *),
                                      room * sizeof(char *));
        known->room = room;
    }
    known->seen[known->seen_count] = entry;
    known->seen_name[known->seen_count++] = path;
}

const char *known_checksum(Known *known, const char *path) {
    struct stat about;
    known->asked = (Entry){0};
    if (!known->file || stat(path, &about) != 0 || !S_ISREG(about.st_mode))
        return NULL;
    known->asked = (Entry){.inode = (uint64_t)about.st_ino,
                           .size = (uint64_t)about.st_size,
                           .modified = nanoseconds(about.st_mtim),
                           .changed = nanoseconds(about.st_ctim)};
    const Entry *entry = find(known, path), *asked = &known->asked;
    if (!entry || entry->inode != asked->inode || entry->size != asked->size ||
        entry->modified != asked->modified || entry->changed != asked->changed)
        return NULL;
    keep(known, path, entry);
    return entry->sum;
}

void known_note(Known *known, const char *path, const char *checksum) {
    uint64_t now = (uint64_t)time(NULL) * 1000000000U, racy = (uint64_t)RACY * 1000000000U;
    uint64_t last =
        known->asked.modified > known->asked.changed ? known->asked.modified : known->asked.changed;
    /* what was just written may be written again within the same tick of the file system's clock */
    if (!known->asked.inode || last + racy > now || strlen(checksum) != SUM)
        return;
    Entry *entry = arena_take(known->arena, sizeof *entry);
    *entry = known->asked;
    memcpy(entry->sum, checksum, SUM);
    keep(known, path, entry);
    known->fresh++;
}

static int by_name(const void *a, const void *b, void *with) {
    const Known *known = with;
    return strcmp(known->seen_name[*(const size_t *)a], known->seen_name[*(const size_t *)b]);
}

void known_close(Known *known) {
    if (!known->file || (!known->fresh && known->seen_count == known->count))
        return;
    Arena *a = arena_new();
    Head head = {FORMAT, (uint32_t)known->seen_count};
    Text text = text_on(a), names = text_on(a);
    size_t *order = arena_take(a, (known->seen_count + 1) * sizeof *order);
    for (size_t i = 0; i < known->seen_count; i++)
        order[i] = i;
    if (known->seen_count)
        qsort_r(order, known->seen_count, sizeof *order, by_name, known);
    text_add_bytes(&text, (const char *)&head, sizeof head);
    for (size_t i = 0; i < known->seen_count; i++) {
        const char *name = known->seen_name[order[i]];
        Entry entry = *known->seen[order[i]];
        entry.name = (uint32_t)names.length;
        entry.length = (uint32_t)strlen(name);
        text_add_bytes(&text, (const char *)&entry, sizeof entry);
        text_add_bytes(&names, name, entry.length + 1);
    }
    text_add_bytes(&text, names.at, names.length);
    if (!file_make_folder(file_folder(a, known->file)) ||
        !file_replace(known->file, text.at, text.length))
        fail_clear();
    arena_free(a);
}
