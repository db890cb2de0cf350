/* step: fence, work, position, outcome: the one way that anything is applied. A step is a
 * transaction that carries its own position: it opens with its write to the ledger, which fails
 * when somebody else did it, and ends with the position. What no transaction can hold has its
 * intent written before and its outcome after. Refuses to know plans and policies. */
#ifndef STEP_H
#define STEP_H

#include "guard.h"
#include "ledger.h"
#include "migration.h"
#include "retreat.h"

typedef enum { STEP_UP, STEP_DOWN } StepWay;

/* What the session keeps from one file to the next: as long as files leave it as they found it, the
 * statement that writes a file's row stays prepared. */
typedef struct {
    bool prepared;
    int quiet; /* files in a row that left the session clean */
} StepSession;

/* What is known of a file on its way into the ledger. `position`, `run_believed` and `begun` are
 * moved on by each step that is done. */
typedef struct {
    Arena *arena;
    Pg *pg;
    const char *schema; /* of the ledger */
    const Migration *migration;
    StepWay way;
    SqlHalf *half;        /* of this way; NULL for Lua */
    bool begun;           /* the ledger has a row for it; on the way down: that says so */
    bool rolled_back;     /* a row that only says so: it is opened anew */
    const char *repeated; /* tokens of a repeatable file as it was applied last, or NULL */
    long position;        /* statements done */
    long long run, run_believed;
    const char *prelude; /* statements that make the session clean, or NULL: it is */
    size_t prelude_count;
    StepSession *session;    /* or NULL */
    Guard *guard;            /* holds it to its plan, or NULL */
    Retreat *retreat;        /* how it waits for table locks */
    FailPlace place;         /* of the failure, where it is a statement's */
    size_t failed;           /* that statement */
    bool (*ask)(void *with); /* in the transaction that ends the file, before its COMMIT: false
                                rolls it back, with the failure to tell; or NULL */
    void *ask_with;
    bool asked; /* it was, and that transaction is committed */
} Step;

typedef enum {
    STEP_DONE,
    STEP_TAKEN,  /* another run did it, or is at it: read the ledger again */
    STEP_SPLIT,  /* statement `failed` ends transactions itself: no transaction can hold it */
    STEP_LOCKED, /* a table lock was not to be had; rolled back: see retreat.h */
    STEP_LEFT,   /* begun; the rest is other processes' (a detached backfill) */
    STEP_LOST,   /* the connection is gone: whether it is done, the ledger tells */
    STEP_FAILED, /* rolled back; failure() says why */
} StepAnswer;

/* Statements [part->first, first + count) in one transaction. */
StepAnswer step_part(Step *step, const Part *part);
/* A statement that no transaction can hold. */
StepAnswer step_solo(Step *step, size_t statement);
/* The same, when its intent was found written: looks what became of it and goes on. */
StepAnswer step_resume_solo(Step *step, size_t statement, const char *facts);
/* A Lua migration: its `up` or `down`, in one transaction or (transaction = false) in none. */
StepAnswer step_lua(Step *step);

/* How far it is, for messages: "2 of 4 statements are applied". */
const char *step_stands(const Step *step);
/* After a failure: is the session still there? */
StepAnswer step_failed_or_lost(const Step *step);
/* For those who write their own step (worker.h). A short transaction of ours: the fence, then `sql`
 * (`count` statements), under our own role whatever the file has SET. */
StepAnswer step_write(Step *step, const char *sql, size_t count);
/* What makes the session clean goes alone, before anything that asks: names mean what they mean to
 * this file. Sent before is fine. */
StepAnswer step_prelude(Step *step);
/* One statement of ours behind a file's, in a transaction of its own, under our own role. */
StepAnswer step_aside(Step *step, const char *sql);
/* An event of this file in the ledger, in the same way. */
StepAnswer step_note(Step *step, const char *kind, const char *message);
/* The statement that writes the position down; where that is the end of the file: that it is
 * applied, or rolled back. */
const char *step_position_sql(Step *step, long position);

#endif
