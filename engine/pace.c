#include "pace.h"

#include <math.h>

/* Sizes in keys. Above 20,000 nothing gets faster, only locks get longer (measured; docs). */
enum { FIRST_SIZE = 1000, LARGEST_SIZE = 20000, MOST_BYTES = 16 << 20, CALM = 10 };
/* A longer rest would not hear of a new speed in time; ms. */
enum { LONGEST_REST = 20000 };

static long largest(const Backfill *b) {
    return b->most_keys && b->most_keys < LARGEST_SIZE ? b->most_keys : LARGEST_SIZE;
}

Pace pace_of(const Backfill *b) {
    long most = b->row_bytes ? (long)(MOST_BYTES / b->row_bytes) : FIRST_SIZE;
    return (Pace){.size = most < 1            ? 1
                          : most < FIRST_SIZE ? most
                                              : FIRST_SIZE,
                  .ceiling = largest(b),
                  .share = 1};
}

void pace_take(Pace *p, long size) {
    if (size < p->size || p->rate <= 0)
        p->size = size;
}

/* Size follows time: the smoothed rate times the target, growing by half at the most; and bytes. */
void pace_learn(Pace *p, const Backfill *b, PaceBatch batch) {
    double ms = batch.us > 1000 ? (double)batch.us / 1000 : 1, target = (double)b->target;
    if (batch.bytes > 0 && batch.keys > 0) {
        long most = (long)((double)MOST_BYTES * (double)batch.keys / (double)batch.bytes);
        p->ceiling = most < 1 ? 1 : most < largest(b) ? most : largest(b);
    }
    if (batch.keys < p->size / 2)
        return; /* a short last batch says little */
    double now = (double)batch.keys / ms;
    p->rate = p->rate > 0 ? exp(0.7 * log(p->rate) + 0.3 * log(now)) : now;
    double wanted = p->rate * target, size = (double)p->size;
    double most = p->isolates ? 2 * size : p->calm > 0 ? size : 1.5 * size;
    if (ms > 5 * target)
        wanted = size / 10;
    else if (wanted > most)
        wanted = size < 2 && !p->calm ? 2 : most;
    else if (wanted < size / 2)
        wanted = size / 2;
    if (wanted > (double)p->ceiling)
        wanted = (double)p->ceiling;
    p->isolates = p->isolates && wanted < FIRST_SIZE;
    p->calm -= p->calm > 0;
    p->size = wanted < 1 ? 1 : (long)wanted;
}

void pace_halve(Pace *p) {
    p->calm = CALM;
    p->size = p->size > 1 ? p->size / 2 : 1;
}

long long pace_rest(const Pace *p, long long us) {
    if (p->share >= 1 || p->share <= 0)
        return 0;
    double ms = (double)us / 1000 * (1 / p->share - 1);
    return ms < LONGEST_REST ? (long long)ms : LONGEST_REST;
}
