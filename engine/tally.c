#include "tally.h"

#include "fail.h"
#include "stop.h"
#include "text.h"

#include <string.h>

/* Which of two codes tells more of what must be done now: the one that stands first. Others, and
 * the death by a signal, count as 1. */
static const int worst[] = {7, 4, 6, 1, 78, 64, 5, 9, 8, 3, 2};

static const char *const states[] = {
    [FLEET_NOT_STARTED] = "not_started", [FLEET_RUNNING] = "running", [FLEET_OK] = "ok",
    [FLEET_PENDING] = "pending",         [FLEET_FAILED] = "failed",   [FLEET_KILLED] = "killed",
    [FLEET_INTERRUPTED] = "interrupted",
};

static const char *const counted[] = {
    [TARGETS_RUN] = "applied", [TARGETS_BACK] = "rolled_back", [TARGETS_WORK] = "rows",
    [TARGETS_ASK] = "pending", [TARGETS_DIFF] = "differences",
};

/* What a target has said of itself. */
typedef struct {
    long long count;
    const char *error;
    Json *result; /* its answer; NULL: none */
} Note;

const char *tally_state(const Tally *tally, FleetState state) {
    bool differs = tally->kind == TARGETS_DIFF && state == FLEET_PENDING;
    return differs ? "different" : states[state];
}

bool tally_asks(const Tally *tally) {
    return tally->kind == TARGETS_ASK || tally->kind == TARGETS_DIFF;
}

const char *tally_counts(const Tally *tally) {
    return counted[tally->kind];
}

static void note_document(const Tally *tally, Note *note, const char *line) {
    Json *said;
    if (!json_parse(tally->arena, line, strlen(line), &said)) {
        fail_clear();
        return;
    }
    Json *error = json_get(said, "error"), *found = json_get(said, counted[tally->kind]);
    if (error) {
        note->error = json_as_text(json_get(error, "message"));
        return;
    }
    note->result = said;
    if (found && tally_asks(tally))
        note->count =
            json_kind(found) == JSON_LIST ? (long long)json_count(found) : json_as_integer(found);
}

static long long rows_of(const char *line) {
    Arena *a = arena_new();
    Json *said;
    bool ok = json_parse(a, line, strlen(line), &said);
    long long rows = ok ? json_as_integer(json_get(said, "rows")) : 0;
    arena_free(a);
    if (!ok)
        fail_clear();
    return rows;
}

void tally_hear(const Tally *tally, FleetShip *ship, const char *line) {
    if (!ship->note)
        ship->note = arena_take(tally->arena, sizeof(Note));
    Note *note = ship->note;
    if (tally->kind == TARGETS_RUN)
        note->count += text_starts(line, "{\"event\":\"migration_applied\"");
    if (tally->kind == TARGETS_BACK)
        note->count += text_starts(line, "{\"event\":\"migration_rolled_back\"");
    if (tally->kind == TARGETS_WORK && text_starts(line, "{\"event\":\"batch\""))
        note->count += rows_of(line);
    if (!text_starts(line, "{\"event\":"))
        note_document(tally, note, line);
}

long long tally_of(const FleetShip *ship) {
    const Note *note = ship->note;
    return note ? note->count : 0;
}

const char *tally_error(const FleetShip *ship) {
    const Note *note = ship->note;
    return note ? note->error : NULL;
}

void tally_states(const Fleet *fleet, size_t of[TALLY_STATES]) {
    memset(of, 0, TALLY_STATES * sizeof *of);
    for (size_t i = 0; i < fleet->count; i++)
        of[fleet->ship[i].state]++;
}

static long long sum_of(const Fleet *fleet) {
    long long sum = 0;
    for (size_t i = 0; i < fleet->count; i++)
        sum += tally_of(&fleet->ship[i]);
    return sum;
}

const char *tally_text(const Tally *tally, const Fleet *fleet) {
    Text out = text_on(tally->arena);
    size_t of[TALLY_STATES];
    tally_states(fleet, of);
    text_addf(&out, "%zu target%s:", fleet->count, fleet->count == 1 ? "" : "s");
    for (int i = 0, n = 0; i < TALLY_STATES; i++)
        if (of[i])
            text_addf(&out, "%s%zu %s", n++ ? ", " : " ", of[i],
                      i == FLEET_NOT_STARTED ? "not started" : tally_state(tally, (FleetState)i));
    text_addf(&out, "%s %lld %s", fleet->count ? ";" : "", sum_of(fleet), counted[tally->kind]);
    return out.at;
}

static Json *ship_json(const Tally *tally, const FleetShip *ship) {
    Arena *a = tally->arena;
    const Note *note = ship->note;
    Json *json = json_new_map(a);
    json_set_text(json, "target", ship->target->name);
    json_set_text(json, "state", tally_state(tally, ship->state));
    json_set(json, "code",
             ship->state == FLEET_NOT_STARTED ? json_new_null(a) : json_new_whole(a, ship->code));
    json_set_integer(json, counted[tally->kind], tally_of(ship));
    json_set_integer(json, "duration_ms", ship->duration_ms);
    json_set_text(json, "error", tally_error(ship));
    if (tally_asks(tally))
        json_set(json, "result", note && note->result ? note->result : json_new_null(a));
    return json;
}

Json *tally_json(const Tally *tally, const Fleet *fleet, Json *into) {
    Json *list = json_new_list(tally->arena);
    size_t of[TALLY_STATES];
    tally_states(fleet, of);
    for (size_t i = 0; i < fleet->count; i++)
        json_append(list, ship_json(tally, &fleet->ship[i]));
    json_set(into, "targets", list);
    json_set_integer(into, "total", (long long)fleet->count);
    for (int i = 0; i < TALLY_STATES; i++)
        if (i != FLEET_RUNNING && i != FLEET_PENDING)
            json_set_integer(into, states[i], (long long)of[i]);
    json_set_integer(into, counted[tally->kind], sum_of(fleet));
    json_set_text(into, "reason", fleet->reason);
    return into;
}

int tally_code(const Fleet *fleet) {
    enum { CODES = sizeof worst / sizeof *worst };
    size_t rank = CODES;
    for (size_t i = 0; i < fleet->count; i++) {
        const FleetShip *ship = &fleet->ship[i];
        size_t k = 0, error = 0;
        for (; k < CODES && worst[k] != ship->code; k++)
            error = worst[k] == FAIL_ERROR ? k : error;
        k = k < CODES ? k : error;
        rank = ship->state > FLEET_OK && k < rank ? k : rank;
    }
    return fleet->stopped ? stop_code() : rank < CODES ? worst[rank] : 0;
}
