#include "clock.h"

#include "stop.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

long long clock_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

long long clock_ms(void) {
    return clock_us() / 1000;
}

const char *clock_stamp(Arena *a) {
    struct timespec t;
    struct tm day;
    char seconds[32];
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &day);
    strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &day);
    return arena_format(a, "%s.%03ldZ", seconds, t.tv_nsec / 1000000);
}

const char *clock_version(Arena *a) {
    time_t t = time(NULL);
    struct tm day;
    char digits[32];
    gmtime_r(&t, &day);
    strftime(digits, sizeof digits, "%Y%m%d%H%M%S", &day);
    return arena_string(a, digits);
}

static const struct {
    const char *unit;
    long long ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

static long long unit_of(const char **at) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t length = strlen(units[i].unit);
        if (strncmp(*at, units[i].unit, length) == 0) {
            *at += length;
            return units[i].ms;
        }
    }
    return 0;
}

/* A number without sign or exponent, and what follows it; strtod alone would take 1e9 and 0x10. */
static bool number_at(const char **at, double *out) {
    char digits[32] = "", *end;
    size_t length = strspn(*at, "0123456789.");
    if (!length || length >= sizeof digits)
        return false;
    memcpy(digits, *at, length);
    *out = strtod(digits, &end);
    *at += length + strspn(*at + length, " ");
    return !*end;
}

bool clock_duration(const char *string, long long *ms) {
    const char *at = string + strspn(string, " ");
    double total = 0, number;
    if (!*at)
        return false;
    while (*at) {
        if (!number_at(&at, &number))
            return false;
        bool bare = !*at; /* seconds, and the end of it */
        long long unit = bare ? 1000 : unit_of(&at);
        if (!unit)
            return false;
        total += number * (double)unit;
        at += strspn(at, " ");
    }
    if (total > 1e15)
        return false;
    *ms = (long long)(total + 0.5);
    return true;
}

const char *clock_say(Arena *a, long long ms) {
    if (ms < 1000)
        return arena_format(a, "%lldms", ms);
    if (ms < 60000)
        return arena_format(a, "%lld.%llds", ms / 1000, ms % 1000 / 100);
    if (ms < 3600000)
        return arena_format(a, "%lldm%02llds", ms / 60000, ms / 1000 % 60);
    return arena_format(a, "%lldh%02lldm", ms / 3600000, ms / 60000 % 60);
}

static double chance(void) {
    static unsigned seed;
    if (!seed)
        seed = (unsigned)getpid() ^ (unsigned)clock_us();
    return (double)rand_r(&seed) / RAND_MAX;
}

long long clock_backoff(long long first, long long most, int n) {
    double wait = (double)first;
    while (n-- > 0 && wait < (double)most)
        wait *= 2;
    if (wait > (double)most)
        wait = (double)most;
    return (long long)(wait * (0.75 + chance() / 2));
}

void clock_sleep(long long ms) {
    long long until = clock_ms() + ms;
    for (long long left = ms; left > 0 && !stop_asked(); left = until - clock_ms())
        poll(NULL, 0, left > INT_MAX ? INT_MAX : (int)left);
}

static long long pretended;
static bool pretends;

long long clock_now(void) {
    return pretends ? pretended : (long long)time(NULL);
}

void clock_pretend(const long long *seconds) {
    pretends = seconds != NULL;
    pretended = seconds ? *seconds : 0;
}
