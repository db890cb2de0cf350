/* clock: time as the engine needs it. Milliseconds in long long everywhere; durations are written
 * "250ms", "5s", "10m", "2h", "1d" or several in a row ("1h30m"); a bare number is seconds. Refuses
 * to know time zones: hours.h asks the server. */
#ifndef CLOCK_H
#define CLOCK_H

#include "arena.h"

#include <stdbool.h>

/* Milliseconds that only ever grow; and microseconds of the same clock. */
long long clock_ms(void);
long long clock_us(void);
/* "2026-11-22T19:09:01.123Z": now, RFC 3339, UTC. */
const char *clock_stamp(Arena *a);
/* "20261122190901": now, UTC, as a version. */
const char *clock_version(Arena *a);

/* False (no failure set) if `string` is no duration. */
bool clock_duration(const char *string, long long *ms);
/* "1.2s", "340ms", "2h05m": for people. */
const char *clock_say(Arena *a, long long ms);

/* How long to sleep before try `n` (from 0): first * 2^n, at most `most`, times a random factor
 * of 0.75 to 1.25, so that waiters do not march in step. */
long long clock_backoff(long long first, long long most, int n);
/* Sleeps; ends early when stop_asked() becomes true. */
void clock_sleep(long long ms);

/* Seconds since 1970 as scripts see them: the real ones, unless a spec has set them. */
long long clock_now(void);
/* From now on it is always this time for scripts; NULL: the real one again. */
void clock_pretend(const long long *seconds);

#endif
