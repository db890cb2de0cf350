/* rehearsal: the pending files really run, on an empty copy of the target's schema: what each
 * statement locked and rewrote there, compared with what the review says; and which of the
 * application's statements can no longer be prepared after which file. Refuses to touch the target
 * beyond its schema, and leaves nothing behind but an event in its ledger when all went well. */
#ifndef REHEARSAL_H
#define REHEARSAL_H

#include "mould.h"
#include "review.h"
#include "trace.h"

typedef struct {
    const char *file;
    size_t line;
    const char *text;
} RehearsalNote;

typedef struct {
    size_t count;
    RehearsalNote *at;
} RehearsalNotes;

/* What a statement did. */
typedef struct {
    const char *id; /* of its file */
    size_t number;  /* in the file; 0: of a Lua migration */
    size_t line;
    const char *sql; /* of a Lua migration, or NULL */
    long long ms;
    Trace trace;
    Json *planned; /* outside of a transaction: its locks, which went with its end, by the plan */
} RehearsalDeed;

typedef struct {
    const char *place;   /* of the scratch server */
    const char *problem; /* why there was none; NULL: there was */
    Strings lacks;       /* of the copy; any: what was found is assumed */
    size_t statements;
    RehearsalDeed *deed;                /* as many, in their order */
    long long ms;                       /* that they took */
    RehearsalNotes differences, broken; /* from the plan; statements of the application */
    size_t queries;                     /* that could be prepared before */
    const char *unproven; /* why the ledger does not say that it went well; NULL: it does */
} Rehearsal;

typedef struct {
    bool asks;        /* are the application's statements asked? */
    const char *file; /* that holds them; NULL: pg_stat_statements of the target */
} RehearsalQueries;

/* False: failed: a file fails there (FAIL_MIGRATION). */
bool rehearsal_hold(Run *run, const Review *review, const RehearsalQueries *queries,
                    Rehearsal *out);
const char *rehearsal_certainty(const Rehearsal *rehearsal); /* "certain" or "assumed" */

#endif
