#include "fleet.h"

#include "child.h"
#include "clock.h"
#include "fail.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_EVERY = 200, PIECE = 16384 };

typedef struct {
    Arena *arena;
    const FleetWanted *wanted;
    Fleet *fleet;
    size_t next;
    struct pollfd *fds;
    FleetShip **owner; /* of each of fds */
} Sailing;

static bool open_pipe(int *ours, int *its) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail_errno(FAIL_ERROR, "cannot open a pipe");
    *ours = ends[0];
    *its = ends[1];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0 || fail_errno(FAIL_ERROR, "cannot set up a pipe");
}

static void close_end(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static bool start(Sailing *s, FleetShip *ship) {
    const FleetWanted *wanted = s->wanted;
    int out = -1, err = -1;
    bool ok = open_pipe(&ship->out, &out) && open_pipe(&ship->err, &err);
    if (ok) {
        const Child child = {wanted->config, wanted->words,
                             wanted->variables(wanted->with, ship->target), out, err};
        ok = child_start(&child, &ship->pid);
    }
    close_end(&out);
    close_end(&err);
    if (!ok)
        return false;
    ship->arena = arena_new();
    ship->line = text_on(ship->arena);
    ship->said = text_on(s->arena);
    ship->started = clock_ms();
    ship->state = FLEET_RUNNING;
    s->fleet->at_work++;
    return true;
}

/* ---- what may begin ---- */

/* Have all canaries come through? One that has not, is the end of it. */
static bool canaries_sing(Sailing *s) {
    Fleet *fleet = s->fleet;
    size_t count = (size_t)s->wanted->config->canary, fine = 0;
    for (size_t i = 0; i < count && i < fleet->count; i++) {
        const FleetShip *ship = &fleet->ship[i];
        fine += ship->state == FLEET_OK || ship->state == FLEET_PENDING;
        if (ship->state > FLEET_PENDING && !fleet->reason)
            fleet->reason =
                arena_format(s->arena, "the canary %s did not succeed", ship->target->name);
    }
    return fine == count || fine == fleet->count;
}

static bool may_start(Sailing *s) {
    const Config *config = s->wanted->config;
    Fleet *fleet = s->fleet;
    long long most = config->jobs ? config->jobs : 1;
    if (s->next == fleet->count || fleet->stopped || fleet->reason ||
        (long long)fleet->at_work >= most)
        return false;
    if (config->max_failures && (long long)fleet->failed >= config->max_failures)
        fleet->reason = arena_format(s->arena, "%zu failed (max_failures)", fleet->failed);
    if (!fleet->reason && (long long)s->next >= config->canary && !canaries_sing(s))
        return false;
    return !fleet->reason;
}

/* ---- what they say ---- */

static void hear(Sailing *s, FleetShip *ship, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n') {
            text_add_char(&ship->line, bytes[i]);
            continue;
        }
        s->wanted->heard(s->wanted->with, ship, ship->line.at);
        arena_reset(ship->arena);
        ship->line = text_on(ship->arena);
    }
}

/* All that is there now; at the end of the pipe it is closed. */
static void listen_to(Sailing *s, FleetShip *ship, int *fd) {
    char piece[PIECE];
    ssize_t got;
    while (*fd >= 0 && (got = read(*fd, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return;
        if (fd == &ship->out)
            hear(s, ship, piece, (size_t)got);
        else
            text_add_bytes(&ship->said, piece, (size_t)got);
    }
    close_end(fd);
}

static void listen_to_all(Sailing *s) {
    nfds_t count = 0;
    for (size_t i = 0; i < s->next; i++) {
        FleetShip *ship = &s->fleet->ship[i];
        for (int k = 0; k < 2 && ship->state == FLEET_RUNNING; k++) {
            int fd = k ? ship->err : ship->out;
            if (fd < 0)
                continue;
            s->fds[count] = (struct pollfd){fd, POLLIN, 0};
            s->owner[count++] = ship;
        }
    }
    if (poll(s->fds, count, LOOK_EVERY) <= 0)
        return;
    for (nfds_t i = 0; i < count; i++)
        if (s->fds[i].revents)
            listen_to(s, s->owner[i],
                      s->fds[i].fd == s->owner[i]->out ? &s->owner[i]->out : &s->owner[i]->err);
}

/* ---- how they end ---- */

static FleetState state_of(const Fleet *fleet, int status) {
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    if (fleet->stopped && (WIFSIGNALED(status) || code == stop_code()))
        return FLEET_INTERRUPTED;
    if (WIFSIGNALED(status))
        return FLEET_KILLED;
    return code == 0 ? FLEET_OK : code == FAIL_PENDING ? FLEET_PENDING : FLEET_FAILED;
}

static void note_end(Sailing *s, FleetShip *ship, int status) {
    listen_to(s, ship, &ship->out);
    listen_to(s, ship, &ship->err);
    close_end(&ship->out);
    close_end(&ship->err);
    arena_free(ship->arena);
    ship->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    ship->state = state_of(s->fleet, status);
    ship->duration_ms = clock_ms() - ship->started;
    s->fleet->at_work--;
    s->fleet->ended++;
    s->fleet->failed += ship->state == FLEET_FAILED || ship->state == FLEET_KILLED;
    s->wanted->looked(s->wanted->with, s->fleet);
}

/* Who has closed both pipes is about to end; who has not may be dead all the same, with a pipe held
 * open by somebody else. */
static void collect(Sailing *s) {
    for (size_t i = 0; i < s->next; i++) {
        FleetShip *ship = &s->fleet->ship[i];
        int status, how = ship->out < 0 && ship->err < 0 ? 0 : WNOHANG;
        if (ship->state == FLEET_RUNNING && waitpid(ship->pid, &status, how) == ship->pid)
            note_end(s, ship, status);
    }
}

static void stop(Sailing *s) {
    s->fleet->stopped = true;
    for (size_t i = 0; i < s->next; i++)
        if (s->fleet->ship[i].state == FLEET_RUNNING)
            kill(s->fleet->ship[i].pid, stop_code() - 128);
}

static bool sail(Sailing *s) {
    bool ok = true;
    while (ok || s->fleet->at_work) {
        if (stop_asked() && !s->fleet->stopped)
            stop(s);
        while (ok && may_start(s))
            ok = start(s, &s->fleet->ship[s->next++]);
        if (!s->fleet->at_work)
            break;
        listen_to_all(s);
        collect(s);
        s->wanted->looked(s->wanted->with, s->fleet);
    }
    return ok;
}

bool fleet_run(Arena *a, const FleetWanted *wanted, Fleet *out) {
    size_t count = wanted->targets.count;
    Sailing s = {.arena = a, .wanted = wanted, .fleet = out};
    *out = (Fleet){.count = count, .ship = arena_take(a, (count + 1) * sizeof *out->ship)};
    s.fds = arena_take(a, (2 * count + 1) * sizeof *s.fds);
    s.owner = arena_take(a, (2 * count + 1) * sizeof *s.owner);
    for (size_t i = 0; i < count; i++)
        out->ship[i] = (FleetShip){.target = &wanted->targets.at[i], .out = -1, .err = -1};
    return sail(&s);
}
