#include "sieve.h"

#include "clock.h"
#include "fail.h"
#include "log.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The longest line whose kind must be known: a COPY with all its columns. */
enum { ROOM = 1 << 20, LOOK = 200, TELL_EVERY = 5000 };

typedef enum { IN_SQL, IN_COPY, IN_LARGE_OBJECTS } Where;

typedef struct {
    int from, to;
    Where where;
    bool in_line; /* what comes next is the rest of a line that was too long */
    size_t length;
    long long passed, told_at;
    char at[ROOM];
} Sieve;

static bool is(const char *line, size_t length, const char *text) {
    return length == strlen(text) && memcmp(line, text, length) == 0;
}

static bool begins(const char *line, size_t length, const char *text) {
    return length >= strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

static bool ends(const char *line, size_t length, const char *text) {
    size_t n = strlen(text);
    return length >= n && memcmp(line + length - n, text, n) == 0;
}

/* False: it stays behind. */
static bool passes(Sieve *s, const char *line, size_t length) {
    static const char large_objects[] = "; Type: BLOBS; ";
    switch (s->where) {
    case IN_COPY:
        if (is(line, length, "\\."))
            s->where = IN_SQL;
        return true;
    case IN_LARGE_OBJECTS:
        if (is(line, length, "COMMIT;")) {
            s->where = IN_SQL;
            return false;
        }
        return !is(line, length, "BEGIN;");
    default:
        if (begins(line, length, "COPY ") && ends(line, length, " FROM stdin;"))
            s->where = IN_COPY;
        else if (begins(line, length, "-- Data for Name: ") &&
                 memmem(line, length, large_objects, strlen(large_objects)))
            s->where = IN_LARGE_OBJECTS;
        return true;
    }
}

static bool is_ready(int fd, short what) {
    struct pollfd one = {.fd = fd, .events = what};
    while (!stop_asked())
        if (poll(&one, 1, LOOK) > 0)
            return true;
    return stop_failure();
}

static SieveAnswer give(Sieve *s, const char *at, size_t length) {
    while (length) {
        if (!is_ready(s->to, POLLOUT))
            return SIEVE_FAILED;
        ssize_t n = write(s->to, at, length);
        if (n < 0 && errno == EPIPE)
            return SIEVE_CLOSED;
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            fail_errno(FAIL_ERROR, "cannot hand on what is restored");
            return SIEVE_FAILED;
        }
        at += n > 0 ? n : 0;
        length -= n > 0 ? (size_t)n : 0;
        s->passed += n > 0 ? n : 0;
    }
    return SIEVE_DONE;
}

/* The whole lines that are there, and the beginning of one that does not fit; what is left moves to
 * the front. */
static SieveAnswer pass_lines(Sieve *s) {
    size_t begin = 0, from = 0;
    SieveAnswer answer = SIEVE_DONE;
    for (char *end; answer == SIEVE_DONE && from < s->length &&
                    (end = memchr(s->at + from, '\n', s->length - from));) {
        size_t next = (size_t)(end - s->at) + 1;
        if (!s->in_line && !passes(s, s->at + from, next - 1 - from)) {
            answer = give(s, s->at + begin, from - begin);
            begin = next;
        }
        s->in_line = false;
        from = next;
    }
    if (!from && s->length == ROOM) {
        s->in_line = true;
        from = s->length;
    }
    if (answer == SIEVE_DONE)
        answer = give(s, s->at + begin, from - begin);
    memmove(s->at, s->at + from, s->length - from);
    s->length -= from;
    return answer;
}

static void tell(Sieve *s) {
    long long now = clock_ms();
    if (now - s->told_at < TELL_EVERY)
        return;
    s->told_at = now;
    log_say("restore: %lld kB of SQL", s->passed / 1024);
}

static SieveAnswer copy(Sieve *s) {
    for (;;) {
        if (!is_ready(s->from, POLLIN))
            return SIEVE_FAILED;
        ssize_t n = read(s->from, s->at + s->length, ROOM - s->length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fail_errno(FAIL_ERROR, "cannot read what is to be restored");
            return SIEVE_FAILED;
        }
        if (n == 0)
            return give(s, s->at, s->length);
        s->length += (size_t)n;
        SieveAnswer answer = pass_lines(s);
        if (answer != SIEVE_DONE)
            return answer;
        tell(s);
    }
}

SieveAnswer sieve_copy(int from, int to) {
    Sieve *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->from = from;
    s->to = to;
    s->told_at = clock_ms();
    fcntl(to, F_SETFL, O_NONBLOCK); /* a stop must be heard while nobody reads */
    SieveAnswer answer = copy(s);
    free(s);
    return answer;
}
