/* trace: what a statement has really done, seen from its own session when it has ended: the locks
 * that it holds now and did not before, the tables that it wrote anew, those whose indexes it has
 * built. Refuses to know what it should have done, and to change anything. */
#ifndef TRACE_H
#define TRACE_H

#include "script.h"

typedef struct {
    const char *relation;
    bool is_new;   /* it was not there at the beginning */
    bool is_table; /* a table, partitioned or not, or a materialized view */
    Strings modes; /* "AccessExclusive": that are held now and were not, the strongest first */
    bool stronger; /* the first of them is stronger than what was held before */
    bool rewritten;
} TraceTouch;

typedef struct {
    bool holds; /* its transaction is open; else its locks went with it */
    size_t count;
    TraceTouch *touch;
    Strings builds; /* tables that were there, with indexes that are new */
} Trace;

/* The eye: what was there when it last looked. */
typedef struct {
    Pg *pg;
    Arena *arena, *next; /* of what was seen last; for what is seen now */
    PgRows first, before;
    bool holds; /* what was held then may be held still */
} TraceEye;

/* The first look. What is done with trace_close must be done whatever this answers. */
bool trace_open(TraceEye *eye, Arena *a, Pg *pg);
/* A transaction is over, and nothing is held. */
void trace_begin(TraceEye *eye);
/* What is otherwise than at the last look. */
bool trace_look(TraceEye *eye, Arena *a, Trace *out);
void trace_close(TraceEye *eye);

/* Of a mode of locking, from 1; 0: it is none. */
int trace_rank(const char *mode);

#endif
