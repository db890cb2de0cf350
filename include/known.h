/* known: the checksums of a project's files as they were last read, so that a file that has not
 * changed since is not read again: with thousands of applied files that is most of the work of a
 * run that has nothing to do. A cache and nothing more: below ${XDG_CACHE_HOME:-~/.cache}/stint;
 * any doubt (size, inode, times, a file changed within the last two seconds) means that it is read.
 * Refuses to know what the files hold. */
#ifndef KNOWN_H
#define KNOWN_H

#include "arena.h"

typedef struct Known Known;

/* Never fails: without a cache nothing is known. */
Known *known_open(Arena *a, const char *project);
/* The checksum of the file as it is now, or NULL; it is remembered for known_note. */
const char *known_checksum(Known *known, const char *path);
/* The file that known_checksum was asked about last was read. */
void known_note(Known *known, const char *path, const char *checksum);
/* Writes what is new, as well as it can. */
void known_close(Known *known);

#endif
