/* picture: what is under way in a database at one moment, read in one go: backfills, their workers,
 * the run, how far standbys are behind; and as people and programs see it. Refuses to change
 * anything. */
#ifndef PICTURE_H
#define PICTURE_H

#include "json.h"
#include "lock.h"
#include "standing.h"

typedef struct {
    Standings all;
    StandingWorker **worker; /* of each of `all` */
    size_t *worker_count;
    LockHolder run; /* pid 0: none */
    long long lag;  /* ms; -1: unknown */
} Picture;

/* In the order of their beginning; or for a screen, which ends somewhere: what is not over first,
 * then the newest. */
typedef enum { PICTURE_AS_BEGUN, PICTURE_LIVE_FIRST } PictureOrder;
bool picture_take(Pg *pg, Arena *a, const char *schema, PictureOrder order, Picture *out);
/* Is it under way: planned, running, paused? */
bool picture_is_live(const Standing *standing);
/* A run, or a backfill that is under way. */
bool picture_has_life(const Picture *picture);
/* Some lines; `chosen` is the backfill that keys are for, or NULL. */
const char *picture_text(Arena *a, const Picture *picture, const Standing *chosen);
/* A line for a log; and one for each that is under way. */
const char *picture_line(Arena *a, const Picture *picture, const Standing *standing);
const char *picture_lines(Arena *a, const Picture *picture);
Json *picture_json(Arena *a, const Picture *picture);

#endif
