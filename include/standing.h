/* standing: how far backfills are, as anybody may ask the ledger from anywhere, and what somebody
 * wants of one: an UPDATE that every worker reads with its next answer. Refuses to do batches, and
 * to know how it is shown. */
#ifndef STANDING_H
#define STANDING_H

#include "pg.h"

typedef struct {
    const char *migration; /* id in the ledger */
    const char *id;        /* of the backfill */
    const char *name, *version, *table;
    const char *way;   /* up, down */
    const char *state; /* planned running paused failed finished cancelled */
    long long rows_total, rows_done, rows_changed, quarantined, residue;
    long long ranges, ranges_left, workers;
    long long rate; /* rows a second of those who are at it, smoothed over their last batches */
    long long batch_size;
    long long sweep, swept;   /* which it is at, 0: none yet; rows that it has walked */
    const char *error;        /* why it failed, or NULL */
    const char *throttled_by; /* why it rests, or NULL */
    const char *slowed_by;    /* which limit slows it down, or NULL */
    const char *who, *since;  /* who paused or cancelled it last; or NULL */
    long long dead;           /* tuples of its table that wait for a vacuum */
    long long held;           /* ms that it was held up */
    double speed;             /* the part of their time that workers may work, as people want it */
    double budget;            /* the part of that which the database's health leaves */
} Standing;

typedef struct {
    size_t count;
    Standing *at; /* in the order of their beginning */
} Standings;

/* A worker: the range it is at. */
typedef struct {
    const char *range, *who, *pid, *from;
    long long rows_done, rate, batch_size, quiet; /* ms since its last batch */
} StandingWorker;

/* None where there is no ledger. */
bool standing_read(Pg *pg, Arena *a, const char *schema, Standings *out);
/* As migration_find; NULL: none. */
Standing *standing_find(const Standings *all, const char *word);
bool standing_workers(Pg *pg, Arena *a, const char *schema, const Standing *standing,
                      StandingWorker **out, size_t *count);
/* Seconds that the rest takes while nothing holds it up; -1: unknown. */
long long standing_eta(const Standing *standing);
/* 0 to 1; 1 only where it is finished: the number of rows is an estimate. */
double standing_part(const Standing *standing);

typedef struct {
    const char *word;    /* "pause" */
    const char *kind;    /* of the event in the ledger */
    const char *from;    /* the states in which it can be wanted, as an array */
    const char *desired; /* what workers read */
    const char *state;   /* what is so from then on, or NULL: as the ledger knows */
} StandingWish;

typedef enum { STANDING_PAUSE, STANDING_RESUME, STANDING_CANCEL } StandingWishes;
const StandingWish *standing_wish(StandingWishes wish);
/* `*done` is false where its state forbids it. */
bool standing_want(Pg *pg, const char *schema, const Standing *standing, StandingWishes wish,
                   bool *done);
/* The part of their time, up to 1, that workers may work. */
bool standing_speed(Pg *pg, const char *schema, const Standing *standing, double speed);
/* ms that the slowest standby is behind; -1: none that can be seen. */
bool standing_lag(Pg *pg, long long *ms);
/* Rows that failed are among those that are left for the end again. */
bool standing_retry(Pg *pg, const char *schema, const Standing *standing);

#endif
