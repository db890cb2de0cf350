/* file: whole files and sorted folders. Paths are given back as they came in. Every function fails
 * with FAIL_ERROR and the path. Refuses to know what is in them. */
#ifndef FILE_H
#define FILE_H

#include "arena.h"

#include <stdbool.h>

typedef struct {
    const char *at; /* followed by a NUL that is not counted */
    size_t length;
} Bytes;

typedef struct {
    size_t count;
    const char **name; /* without the folder, in the order of their bytes */
    bool *is_folder;
} FileNames;

bool file_read(Arena *a, const char *path, Bytes *out);
/* Writes a new file; one that exists is left alone and is a failure. Makes its folders. */
bool file_create(const char *path, const char *text);
/* Replaces a file's text in one step (a temporary file beside it, then rename). */
bool file_replace(const char *path, const char *text, size_t length);
bool file_names(Arena *a, const char *folder, FileNames *out); /* no "." and "..", no hidden ones */
bool file_exists(const char *path);
bool file_is_folder(const char *path);
bool file_make_folder(const char *path); /* with its parents; fine if it is there */
const char *file_join(Arena *a, const char *folder, const char *name); /* an absolute name stays */
const char *file_base(const char *path);             /* the part after the last / */
const char *file_folder(Arena *a, const char *path); /* the part before it, or "." */

#endif
