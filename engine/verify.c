#include "verify.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "sql.h"
#include "text.h"
#include "utf8.h"

#include <string.h>

enum { ROWS_SHOWN = 10, CELL_SHOWN = 120 };

static const char *const whens[] = {
    [VERIFY_BEFORE] = "before",
    [VERIFY_AFTER] = "after",
    [VERIFY_BEFORE_EACH] = "before_each",
    [VERIFY_AFTER_EACH] = "after_each",
};

typedef enum { OWN_TRANSACTION, INSIDE } Place;

typedef struct {
    Run *run;
    Arena *arena;
    const Hook *hook;
    Place place;
    const char *when, *migration;
    long long timeout; /* its own, ms; -1: none */
    bool holds;
    const char *text, *rows; /* what it says when it does not hold */
} Check;

bool verify_load(Run *run) {
    return run->checks.at ||
           hook_load(run->arena, run->config, "checks", "check", &run->script, &run->checks);
}

static bool is_due(const Hook *hook, VerifyWhen when) {
    Arena *a = arena_new();
    bool due = text_same(script_text(a, &hook->declaration, "when"), whens[when]);
    arena_free(a);
    return due;
}

bool verify_has(const Run *run, VerifyWhen when) {
    for (size_t i = 0; i < run->checks.count; i++)
        if (is_due(&run->checks.at[i], when))
            return true;
    return false;
}

static bool send(Check *check, const char *sql) {
    return pg_do_all(check->run->pg, sql);
}

static const char *limited(Check *check, const char *sql) {
    Run *run = check->run;
    long long ms = check->timeout >= 0 ? check->timeout : run->config->statement_timeout;
    return ledger_inline(run->pg, check->arena, run->config->ledger_schema, sql,
                         PG_WITH(arena_format(check->arena, "%lldms", ms)));
}

static bool open_reading(Check *check) {
    if (check->place == OWN_TRANSACTION)
        return send(check, limited(check, SQL_VERIFY_OPEN));
    return send(check,
                arena_format(check->arena, "%s;\n%s;\n%s", SQL_VERIFY_OPEN_INSIDE,
                             pg_settings(check->run->pg), limited(check, SQL_VERIFY_LIMIT_INSIDE)));
}

/* Not even a stop keeps it from being closed. */
static bool close_reading(Check *check) {
    Failure why = fail_kept(check->arena);
    Pg *pg = check->run->pg;
    if (pg_state(pg) == PG_LOST)
        return false;
    pg_stoppable(pg, false);
    bool closed = send(check, check->place == INSIDE ? SQL_VERIFY_CLOSE_INSIDE : SQL_VERIFY_CLOSE);
    pg_stoppable(pg, true);
    if (!closed)
        return false;
    fail_again(&why);
    return why.kind == FAIL_NONE;
}

static void add_cell(Text *text, const char *cell) {
    size_t length = strcspn(cell, "\r\n");
    bool cut = cell[length] || length > CELL_SHOWN;
    if (length > CELL_SHOWN)
        length = utf8_cut(cell, CELL_SHOWN);
    text_add_bytes(text, cell, length);
    text_add(text, cut ? "..." : "");
}

/* "id = 4, email = NULL", a row a line. */
static const char *say_rows(Arena *a, const PgRows *rows) {
    Text text = text_on(a);
    for (size_t row = 0; row < rows->count && row < ROWS_SHOWN; row++) {
        text_add(&text, row ? "\n  " : "  ");
        for (int column = 0; column < rows->width; column++) {
            const char *cell = pg_cell(rows, row, column);
            text_addf(&text, "%s%s = ", column ? ", " : "", rows->name[column]);
            add_cell(&text, cell ? cell : "NULL");
        }
    }
    if (rows->count > ROWS_SHOWN)
        text_addf(&text, "\n  and more than these %d", ROWS_SHOWN);
    return text.at;
}

/* The line of the query with a caret, and the file before the message. */
static bool tell_wrong_query(Check *check, const char *query, size_t prefix) {
    const Declaration *d = &check->hook->declaration;
    long position = pg_error(check->run->pg)->position - (long)prefix;
    const char *excerpt = sqlfile_excerpt(check->arena, query, position);
    if (excerpt)
        fail_context(excerpt);
    return fail_in("%s:%d", d->file, d->line);
}

/* By a cursor: a query that gives millions of rows is asked for a few. */
static bool ask_query(Check *check, const char *query) {
    static const char head[] = "DECLARE stint_check NO SCROLL CURSOR FOR\n";
    Pg *pg = check->run->pg;
    PgRows rows;
    const char *fetch = arena_format(check->arena, "FETCH %d FROM stint_check", ROWS_SHOWN + 1);
    if (!pg_do(pg, arena_format(check->arena, "%s%s", head, query), PG_NONE) ||
        !pg_rows(pg, check->arena, &rows, fetch, PG_NONE))
        return tell_wrong_query(check, query, strlen(head));
    check->holds = rows.count == 0;
    check->rows = check->holds ? NULL : say_rows(check->arena, &rows);
    return true;
}

static bool ask_function(Check *check) {
    const Declaration *d = &check->hook->declaration;
    const Config *config = check->run->config;
    script_limit(d->script, check->timeout >= 0 ? check->timeout : config->lua_time,
                 check->timeout >= 0 ? "timeout in the check is its limit" : NULL);
    script_alarm_code(FAIL_REFUSED);
    bool ok = script_ask(check->arena, d, "test", check->run->pg, &check->holds, &check->text);
    script_alarm_code(FAIL_MIGRATION);
    script_limit(d->script, config->lua_time, NULL);
    return ok;
}

static bool ask(Check *check) {
    const char *query = script_text(check->arena, &check->hook->declaration, "none");
    bool ok = open_reading(check) && (query ? ask_query(check, query) : ask_function(check));
    if (!ok && text_same(failure()->sqlstate, "57014") && failure()->kind == FAIL_ERROR)
        fail_hint("%s", check->timeout >= 0
                            ? "timeout in the check is the limit of each of its statements"
                            : "statement_timeout in config.ini; a check can have a timeout of its "
                              "own: timeout = \"30s\"");
    return close_reading(check) && ok;
}

static void tell(const Check *check) {
    const char *message = check->text;
    if (check->rows)
        message = arena_format(check->arena, "%s:\n%s", check->text, check->rows);
    event_tell("check", EVENT_SAYS("name", check->hook->name), EVENT_SAYS("when", check->when),
               EVENT_SAYS("migration", check->migration), EVENT_ANSWERS("ok", check->holds),
               EVENT_SAYS("message", check->holds ? NULL : message));
}

/* What it says when it does not hold: its own text, or what it is about. */
static void settle_text(Check *check) {
    const Declaration *d = &check->hook->declaration;
    if (!check->text)
        check->text = script_text(check->arena, d, "about");
    if (!check->text)
        check->text =
            check->rows ? "there are rows that must not be there" : "its test is not true";
}

static bool is_warning(const Check *check) {
    return text_same(script_text(check->arena, &check->hook->declaration, "level"), "warn");
}

/* What was asked could not be answered, which is no yes. */
static bool tell_error(Check *check) {
    const Declaration *d = &check->hook->declaration;
    if (failure()->kind != FAIL_ERROR || pg_state(check->run->pg) == PG_LOST)
        return false; /* a stop, a lost connection: not the check's doing */
    Failure why = fail_kept(check->arena);
    check->holds = false;
    check->text = why.message;
    tell(check);
    if (is_warning(check)) {
        log_warn("check %s: %s", check->hook->name, why.message);
        fail_clear();
        return true;
    }
    fail_again(&why);
    fail_as(FAIL_REFUSED);
    return why.place.file ? false : script_at(d);
}

static bool tell_answer(Check *check) {
    const Declaration *d = &check->hook->declaration;
    const char *name = check->hook->name;
    if (!check->holds)
        settle_text(check);
    tell(check);
    if (check->holds) {
        log_detail("check %s: ok", name);
        return true;
    }
    if (is_warning(check)) {
        log_warn("check %s: %s%s%s", name, check->text, check->rows ? "\n" : "",
                 check->rows ? check->rows : "");
        return true;
    }
    fail(FAIL_REFUSED, "check %s: %s", name, check->text);
    if (check->rows)
        fail_detail("rows that must not be there:\n%s", check->rows);
    return script_at(d);
}

static bool ask_one(Run *run, const Hook *hook, Place place, const char *when,
                    const char *migration) {
    Arena *a = arena_new();
    Check check = {.run = run,
                   .arena = a,
                   .hook = hook,
                   .place = place,
                   .when = when,
                   .migration = migration,
                   .timeout = script_duration(&hook->declaration, "timeout", -1)};
    bool ok = ask(&check) ? tell_answer(&check) : tell_error(&check);
    arena_free(a);
    return ok;
}

static bool ask_all(Run *run, Place place, VerifyWhen when, const char *migration) {
    for (size_t i = 0; i < run->checks.count; i++)
        if (is_due(&run->checks.at[i], when) &&
            !ask_one(run, &run->checks.at[i], place, whens[when], migration))
            return false;
    return true;
}

bool verify_ask(Run *run, VerifyWhen when, const char *migration) {
    if (!verify_has(run, when))
        return true;
    bool ok = run_clean(run) && ask_all(run, OWN_TRANSACTION, when, migration);
    run->used = true; /* functions may have left what no rollback takes back */
    return ok;
}

bool verify_ask_inside(Run *run, VerifyWhen when, const char *migration) {
    return ask_all(run, INSIDE, when, migration);
}
