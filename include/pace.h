/* pace: how large a worker's next batch is, and how long it rests before it: a controller that
 * follows time and bytes, and the part of its time that people and the governor leave to it.
 * Refuses to run batches. */
#ifndef PACE_H
#define PACE_H

#include "backfill.h"

typedef struct {
    long size, ceiling; /* keys of the next batch; as many as bytes allow */
    double rate;        /* keys a ms, smoothed; 0: unknown */
    int calm;           /* batches until it may grow again */
    bool isolates;      /* a row that fails is being looked for: it may double */
    double share;       /* of its time that it works: up to 1 */
} Pace;

/* What a batch told: the keys that it went over, the bytes that it wrote, its time in us. */
typedef struct {
    long keys;
    long long bytes, us;
} PaceBatch;

Pace pace_of(const Backfill *backfill);
/* Another range, whose last batch had so many keys. */
void pace_take(Pace *pace, long size);
void pace_learn(Pace *pace, const Backfill *backfill, PaceBatch batch);
/* Half of it, and no growth for a while: it took too long, or more than there is. */
void pace_halve(Pace *pace);
/* ms to rest after a batch of so many us. */
long long pace_rest(const Pace *pace, long long us);

#endif
