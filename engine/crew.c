#include "crew.h"

#include "child.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "sql.h"
#include "stop.h"
#include "text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_EVERY = 100, TELL_EVERY = 250, YOUNG = 2000, MOST_YOUNG = 10, LONGEST_PAUSE = 5000 };

typedef struct {
    pid_t pid; /* 0: not running */
    long long started, again_at;
} Hand;

typedef struct {
    Worker *worker;
    const Config *config;
    Hand *hand;
    long count;
    int died_young;    /* in a row */
    long long batches; /* that were done when it was forgiven last that so many died young */
    int code;          /* of the last that ended badly */
} Crew;

static bool start(Crew *crew, Hand *hand) {
    char parent[32];
    snprintf(parent, sizeof parent, "STINT_CREW=%ld", (long)getpid());
    const Child child = {
        .config = crew->config,
        .words = (const char *const[]){"-q", "work", crew->worker->backfill->migration, NULL},
        .variables = (const char *const[]){parent, NULL},
        .out = CHILD_NOWHERE,
        .err = CHILD_NOWHERE,
    };
    if (!child_start(&child, &hand->pid))
        return false;
    hand->started = clock_ms();
    return true;
}

/* A worker that ended: 0 is the end of the work, as far as it could see. */
static void note_end(Crew *crew, Hand *hand, int status) {
    long long now = clock_ms();
    bool fine = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    crew->died_young = !fine && now - hand->started < YOUNG ? crew->died_young + 1 : 0;
    crew->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (!fine)
        log_say("%s: worker %ld ended with %d; another takes its place",
                crew->worker->migration->name, (long)hand->pid, crew->code);
    hand->pid = 0;
    hand->again_at =
        now + (fine ? TELL_EVERY : clock_backoff(1, LONGEST_PAUSE, crew->died_young + 3));
}

static void collect(Crew *crew) {
    int status;
    for (long i = 0; i < crew->count; i++)
        if (crew->hand[i].pid && waitpid(crew->hand[i].pid, &status, WNOHANG) == crew->hand[i].pid)
            note_end(crew, &crew->hand[i], status);
}

static void end_all(Crew *crew) {
    for (long i = 0; i < crew->count; i++)
        if (crew->hand[i].pid)
            kill(crew->hand[i].pid, SIGTERM);
    for (long i = 0; i < crew->count; i++)
        while (crew->hand[i].pid && waitpid(crew->hand[i].pid, NULL, 0) < 0 && errno == EINTR)
            continue;
}

static void tell(Worker *w, long long before) {
    const Backfill *b = w->backfill;
    long long spent = clock_ms() - w->started - (b->held - w->governor->held),
              fresh = b->rows_seen - w->seen_before;
    double speed = spent > 0 ? 1000.0 * (double)fresh / (double)spent : 0;
    long long left = b->rows_total > b->rows_seen ? b->rows_total - b->rows_seen : 0;
    event_tell("batch", EVENT_SAYS("version", w->migration->version),
               EVENT_SAYS("name", w->migration->name),
               EVENT_COUNTS("rows", b->rows_changed - before),
               EVENT_COUNTS("rows_done", b->rows_seen), EVENT_COUNTS("rows_total", b->rows_total),
               EVENT_MEASURES("rows_per_second", speed), EVENT_COUNTS("batch_size", b->batch_size),
               EVENT_COUNTS("workers", b->workers),
               EVENT_COUNTS("eta_seconds", speed > 0 ? (long long)((double)left / speed) : -1));
}

static bool look(Worker *w) {
    Arena *a = arena_new();
    Backfill *b = w->backfill, seen = *b;
    long long before = b->rows_changed;
    bool ok = backfill_find(w->pg, a, w->schema, &seen);
    if (ok) {
        b->rows_seen = seen.rows_seen;
        b->rows_changed = seen.rows_changed;
        b->ranges_left = seen.ranges_left;
        b->batch_size = seen.batch_size;
        b->batches = seen.batches;
        b->held = seen.held - w->held_before;
        b->state = arena_string(w->ranges, seen.state);
        governor_tell(w->governor, text_same(seen.desired, "pause") ? "paused" : seen.throttled_by);
        if (b->rows_changed != before)
            tell(w, before);
    }
    arena_free(a);
    return ok;
}

static bool replace(Crew *crew) {
    const Worker *w = crew->worker;
    if (crew->died_young > MOST_YOUNG && w->backfill->batches > crew->batches) {
        crew->batches = w->backfill->batches;
        crew->died_young = 0;
    }
    if (crew->died_young > MOST_YOUNG) {
        fail(FAIL_PARTIAL, "workers end with %d as soon as they begin", crew->code);
        return fail_hint("see why: stint work %s", w->migration->name);
    }
    for (long i = 0; i < crew->count; i++)
        if (!crew->hand[i].pid && clock_ms() >= crew->hand[i].again_at &&
            !start(crew, &crew->hand[i]))
            return false;
    return true;
}

static WorkerAnswer watch(Crew *crew) {
    Worker *w = crew->worker;
    long long told = 0;
    for (;;) {
        if (stop_asked()) {
            stop_failure();
            return WORKER_STOPPED;
        }
        collect(crew);
        if (clock_ms() - told >= TELL_EVERY) {
            told = clock_ms();
            arena_reset(w->ranges);
            if (!look(w))
                return worker_answer(w);
            if (!w->backfill->ranges_left)
                return WORKER_DONE;
            if (!text_same(w->backfill->state, "running"))
                return WORKER_OVER;
        }
        if (!replace(crew))
            return WORKER_FAILED;
        clock_sleep(LOOK_EVERY);
    }
}

WorkerAnswer crew_run(Worker *w, const Config *config, long count) {
    Crew crew = {.worker = w, .config = config, .count = count, .batches = w->backfill->batches};
    Arena *a = arena_new();
    w->ranges = arena_new();
    crew.hand = arena_take(a, (size_t)count * sizeof *crew.hand);
    w->held_before = w->backfill->held;
    /* here people see what it cannot see */
    WorkerAnswer answer = governor_look(w->governor) ? watch(&crew) : worker_answer(w);
    Failure why = fail_kept(a);
    end_all(&crew);
    fail_again(&why);
    w->backfill->state = "running";
    arena_free(w->ranges);
    arena_free(a);
    w->ranges = NULL;
    return answer;
}
