/* archive: a backup as it lies on disk: its file (or folder), its checksum, and the note beside it
 * (FILE.json) that says what it is a backup of. Written under another name and renamed whole, so
 * that nothing unfinished ever has a backup's name. Refuses to know how it is made and used. */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include "arena.h"
#include "json.h"

#include <stdbool.h>

typedef enum { ARCHIVE_CUSTOM, ARCHIVE_DIRECTORY, ARCHIVE_PLAIN, ARCHIVE_FORMATS } ArchiveFormat;

typedef struct {
    const char *path;
    ArchiveFormat format;
    const char *environment, *database;
    const char *server;        /* its version, "15.14" */
    const char *ledger_schema; /* of the project that made it */
    const char *last;          /* the last migration in it, or NULL */
    const char *taken_at;      /* RFC 3339: the moment that it shows */
    const char *made_by;
    const char *checksum; /* SHA-256, of a folder: of its files' lines as sha256sum prints them */
    long long bytes, tables;
} Archive;

const char *archive_format(ArchiveFormat format);               /* "custom" */
bool archive_read_format(const char *word, ArchiveFormat *out); /* FAIL_USAGE */

/* A place for one that is being made, in `folder`, which is made too (0700). */
typedef struct {
    const char *folder;  /* hidden, 0700, locked while somebody writes */
    const char *partial; /* what is to be written */
    int lock;            /* programs that write there inherit it */
} ArchiveDraft;

/* Also sweeps what killed runs have left there. Sets archive->path. */
bool archive_begin(Arena *a, const char *folder, Archive *archive, ArchiveDraft *out);
/* Checksum and bytes, the note, the name: in this order. */
bool archive_finish(Arena *a, Archive *archive, const ArchiveDraft *draft);
/* Removes the draft; after archive_finish too. The failure stays what it was. */
void archive_discard(const ArchiveDraft *draft);

/* Checksum and size of what is there. */
bool archive_sum(Arena *a, const char *path, const char **checksum, long long *bytes);
/* What the note says. `*there` is false if there is none. */
bool archive_read_note(Arena *a, const char *path, Archive *out, bool *there);
Json *archive_json(Arena *a, const Archive *archive);
/* The file and its note. */
bool archive_remove(Arena *a, const char *path);

#endif
