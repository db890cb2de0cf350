#include "guard.h"

#include "clock.h"
#include "log.h"
#include "sql.h"
#include "text.h"

#include <string.h>

enum { LOOK_EVERY = 100 };

const char guard_setting[] = "SET client_min_messages = debug1";

/* What the server says before it works, in words that are the same from 13 to 18. */
static const struct {
    const char *begins, *before_table;
    const char *lists[2]; /* of an impact, where the table must stand */
    const char *does;
} announcements[] = {
    {"rewriting table ", "rewriting table \"", {"rewrites", NULL}, "rewrite the table"},
    {"verifying table ", "verifying table \"", {"scans", "rewrites"}, "read all of the table"},
    {"building index ", "on table \"", {"builds", "rewrites"}, "build an index of the table"},
    {"validating foreign key ", NULL, {"scans", NULL}, "check every row for the foreign key"},
};

enum { KINDS = sizeof announcements / sizeof *announcements };

bool guard_is_wanted(const Config *config) {
    return config->guard ? !text_same(config->guard, "off") : config->is_protected;
}

static bool only_warns(const Config *config) {
    return text_same(config->guard, "warn");
}

/* "public.t" is meant by t: an announcement says no schema. */
static bool is_meant(const char *id, const char *table) {
    size_t length = strlen(id), short_one = strlen(table);
    return length >= short_one && text_same(id + length - short_one, table) &&
           (length == short_one || id[length - short_one - 1] == '.');
}

static bool has_name(const Json *list, const char *table) {
    for (size_t i = 0; i < json_count(list); i++)
        if (is_meant(json_as_text(json_at(list, i)), table))
            return true;
    return false;
}

/* The indexes of an emptied table are built anew, of nothing. */
static bool empties(const Json *impact, const char *table) {
    const Json *loses = json_get(impact, "loses");
    for (size_t i = 0; i < json_count(loses); i++)
        if (text_same(json_as_text(json_get(json_at(loses, i), "kind")), "rows") &&
            is_meant(json_as_text(json_get(json_at(loses, i), "name")), table))
            return true;
    return false;
}

static bool is_said(const Guard *guard, const Json *deed, size_t kind, const char *table) {
    const Json *impact = json_get(deed, "impact");
    if (json_as_flag(json_get(deed, "waived")))
        return true;
    if (text_same(json_as_text(json_get(impact, "certainty")), "opaque") &&
        text_same(guard->config->opaque, "allow"))
        return true;
    if (table && empties(impact, table))
        return true;
    for (size_t i = 0; i < 2 && announcements[kind].lists[i]; i++) {
        const Json *list = json_get(impact, announcements[kind].lists[i]);
        if (table ? has_name(list, table) : json_count(list) > 0)
            return true;
    }
    return false;
}

/* `number` 0: by any statement of the file. */
static bool is_planned(const Guard *guard, size_t number, size_t kind, const char *table) {
    for (size_t i = 0; i < json_count(guard->deeds); i++) {
        const Json *deed = json_at(guard->deeds, i);
        if ((!number || (size_t)json_as_integer(json_get(deed, "number")) == number) &&
            is_said(guard, deed, kind, table))
            return true;
    }
    return false;
}

/* The statement behind so many completed ones; 0: none of the file's. */
static size_t number_at(Guard *guard, size_t completed) {
    size_t statement;
    if (message_where(guard->message, completed, 0, &statement, &guard->place) != MESSAGE_STATEMENT)
        return 0;
    return statement + 1;
}

static bool is_opaque(const Guard *guard, size_t number) {
    for (size_t i = 0; i < json_count(guard->deeds); i++) {
        const Json *deed = json_at(guard->deeds, i), *impact = json_get(deed, "impact");
        if ((size_t)json_as_integer(json_get(deed, "number")) == number &&
            text_same(json_as_text(json_get(impact, "certainty")), "opaque"))
            return true;
    }
    return false;
}

/* libpq hands over a notice before the result that came ahead of it: it may be of the next. */
static bool may_be(Guard *guard, size_t completed, size_t kind, const char *table) {
    if (!guard->message)
        return is_planned(guard, guard->number, kind, table);
    size_t later = number_at(guard, completed + 1), now = number_at(guard, completed);
    if (!now || (is_opaque(guard, later) && !is_opaque(guard, now)))
        number_at(guard, completed + 1); /* the place to tell: the likelier one */
    return (now && is_planned(guard, now, kind, table)) ||
           (later && is_planned(guard, later, kind, table));
}

static const char *table_of(Arena *a, size_t kind, const char *message) {
    const char *before = announcements[kind].before_table;
    const char *from = before ? strstr(message, before) : NULL;
    if (!from)
        return NULL;
    from += strlen(before);
    const char *end = strrchr(from, '"');
    return end ? arena_bytes(a, from, (size_t)(end - from)) : NULL;
}

/* Where it cannot be seen, it counts as known. */
static bool is_known(const Guard *guard, const char *table) {
    Failure before = fail_kept(guard->arena);
    Pg *witness = pg_witness(guard->pg);
    PgRows rows;
    const char *pid = arena_format(guard->arena, "%d", pg_pid(guard->pg));
    bool ok = witness && pg_row(witness, guard->arena, &rows, SQL_GUARD_KNOWN, PG_WITH(table, pid));
    fail_again(&before);
    return !ok || pg_true(&rows, 0, 0);
}

static bool trip(Guard *guard, const char *what) {
    if (only_warns(guard->config)) {
        log_warn("guard: %s", what);
        return false;
    }
    if (!guard->tripped)
        guard->tripped = what;
    return true;
}

/* True: what runs is cancelled. */
static bool hear(void *with, const char *message, size_t completed) {
    Guard *guard = with;
    size_t kind = 0;
    while (kind < KINDS && !text_starts(message, announcements[kind].begins))
        kind++;
    if (kind == KINDS)
        return false;
    const char *table = table_of(guard->arena, kind, message);
    if ((table && text_starts(table, "pg_toast")) || may_be(guard, completed, kind, table) ||
        (table && !is_known(guard, table)))
        return false;
    return trip(guard,
                arena_format(guard->arena, "it was about to %s%s%s, and the plan does not say so",
                             announcements[kind].does, table ? " " : "", table ? table : ""));
}

/* The tables that are locked against readers, for people; NULL: none is seen. */
static const char *locked_tables(const Guard *guard, Arena *a) {
    Failure before = fail_kept(a);
    Pg *witness = pg_witness(guard->pg);
    PgRows rows;
    const char *pid = arena_format(a, "%d", pg_pid(guard->pg));
    bool ok = witness && pg_row(witness, a, &rows, SQL_GUARD_EXCLUSIVE, PG_WITH(pid));
    fail_again(&before);
    return ok ? pg_cell(&rows, 0, 0) : NULL;
}

static void look_at_locks(Guard *guard, Arena *a) {
    long long hold = guard->config->exclusive_hold, now = clock_ms();
    const char *tables = locked_tables(guard, a);
    if (!tables || !guard->exclusive_since) {
        guard->exclusive_since = tables ? now : 0;
        return;
    }
    if (guard->tripped || now - guard->exclusive_since < hold)
        return;
    guard->exclusive_since = now; /* who is only warned is warned again after as long */
    if (trip(guard, arena_format(guard->arena,
                                 "%s locked against readers for longer than %s (exclusive_hold)",
                                 tables, clock_say(a, hold))))
        pg_cancel(guard->pg);
}

static void look(void *with) {
    Guard *guard = with;
    Arena *a = arena_new(); /* a statement may be looked at for hours */
    if (guard->before.tick)
        guard->before.tick(guard->before.with);
    look_at_locks(guard, a);
    arena_free(a);
}

void guard_arm(Guard *guard, Arena *a, const Config *config, Pg *pg, const Json *deeds) {
    *guard = (Guard){.arena = a, .pg = pg, .config = config, .deeds = deeds};
    pg_on_debug(pg, (PgEar){hear, guard});
}

void guard_watch(Guard *guard) {
    if (guard->config->exclusive_hold)
        guard->before = pg_on_wait(guard->pg, (PgWait){LOOK_EVERY, look, guard});
}

void guard_disarm(Guard *guard) {
    pg_on_debug(guard->pg, (PgEar){NULL, NULL});
}

bool guard_has_tripped(const Guard *guard) {
    return guard && guard->tripped;
}

bool guard_tell(const Guard *guard) {
    const Failure before = fail_kept(guard->arena); /* the next one takes its place */
    const FailPlace place = before.place.file ? before.place : guard->place;
    const char *said = before.message;
    fail(FAIL_ERROR, "cancelled by the guard: %s", guard->tripped);
    if (said)
        fail_detail("%s", said);
    if (place.file)
        fail_at(place);
    return fail_hint(
        "stint plan shows what is expected; what is meant so is let through by a line above "
        "the statement: -- stint: allow guard reason=\"...\"");
}
