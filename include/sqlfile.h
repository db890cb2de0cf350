/* sqlfile: a SQL migration: its directives, its up and its down, each with statements and parts.
 * Refuses to know databases and ledgers. */
#ifndef SQLFILE_H
#define SQLFILE_H

#include "config.h"
#include "directive.h"
#include "file.h"
#include "statement.h"

typedef struct {
    const char *file;   /* path, for messages */
    const char *text;   /* the whole text that offsets count in (up's own file, or down's) */
    size_t from, to;    /* this half of it, in bytes */
    const char *tokens; /* SHA-256 over its tokens, directives included */
    Directives directives;
    Statements statements;
    Parts parts;
    const ConfigPairs *variables; /* what its placeholders stand for, once variable_fill has
                                     replaced them */
} SqlHalf;

typedef struct {
    SqlHalf up;
    SqlHalf *down; /* what stands below the down line, or in the twin; NULL: there is none */
} SqlFile;

/* Reads a migration's text. `down_text` is the text of a twin NAME.down.sql, or {NULL, 0}. Both a
 * twin and a `-- stint: down` line are a failure. Every failure is FAIL_CONFIG with file, line,
 * column. */
bool sqlfile_read(Arena *a, const char *path, Bytes text, const char *down_path, Bytes down_text,
                  SqlFile *out);
/* The same of what the ledger keeps: where it has a text of the way down, that is the one, and what
 * `text` says of it counts for nothing. */
bool sqlfile_recall(Arena *a, const char *path, const char *text, const char *down_text,
                    SqlFile *out);
/* Only the hash over the up half's tokens: what an edit is judged by. */
bool sqlfile_tokens(Arena *a, const char *path, Bytes text, const char **out);

/* "SQL line 2: ..." with a caret below a character of the text (from 1), as psql shows it; NULL
 * where it is below 1. The text ends with a NUL. */
const char *sqlfile_excerpt(Arena *a, const char *text, long position);
/* The byte of the n-th character (from 0) after `from`. */
size_t sqlfile_byte(const char *text, size_t length, size_t from, size_t characters);

#endif
