/* clause: the parts of a batch's statement that come from the declaration and from the key: what is
 * set, which stripe a row is in, the team's own statement with its bounds; and texts with words in
 * braces. Refuses to know which statements there are (batch.h). */
#ifndef CLAUSE_H
#define CLAUSE_H

#include "batch.h"

/* One {word} of a statement and what stands for it; a list ends with NULL. */
typedef struct {
    const char *word, *text;
} Clause;
const char *clause_fill(Arena *a, const char *sql, const Clause *clauses);

/* `format` once for each column: %k its name, %n its number from 1, %t its type. */
const char *clause_each(Arena *a, Strings names, Strings types, const char *format);
const char *clause_each_joined(Arena *a, Strings names, Strings types, const char *format,
                               const char *with);

const char *clause_set(const Batch *batch);
const char *clause_read(const Batch *batch); /* the columns that a transform reads */
/* Is the changed row one of `where`? By pages it must not be: the server fails with these words. */
#define CLAUSE_STILL "the change leaves `where` true"
const char *clause_still(const Batch *batch);
const char *clause_row_after(const Batch *batch); /* the row's columns, as the change makes them */
/* A window is as long as so many of its largest batches; and the keys that a stripe stands for. */
long clause_window(const Backfill *backfill);
const char *clause_tells(Arena *a, const Backfill *backfill);
/* May a stripe be made of stretches: so many whole numbers, then those of the others? */
bool clause_has_stretches(const Backfill *b);
/* Are the rows of this batch looked up by stretches? */
bool clause_by_stretch(const Batch *batch, BatchKind kind, BatchStart start);
/* Is the row in the stripes that this batch is about? `row` is "t." or "". */
const char *clause_stripe(const Batch *batch, BatchKind kind, const char *row);
/* The team's statement with :lo, :hi and :stripe written out, giving a row for each that it
 * changed. */
const char *clause_statement(const Batch *batch, BatchKind kind);
/* Does it hold this word (such as "stripe") behind a colon? */
bool clause_asks(const char *sql, const char *word);

#endif
