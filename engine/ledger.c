#include "ledger.h"

#include "fail.h"
#include "order.h"
#include "sql.h"
#include "text.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef STINT_VERSION
#define STINT_VERSION "unknown"
#endif

const char *ledger_who(void) {
    static char who[320];
    if (!*who) {
        char host[256] = "";
        struct passwd *account = getpwuid(geteuid());
        gethostname(host, sizeof host - 1);
        snprintf(who, sizeof who, "%s@%s", account ? account->pw_name : "?", host);
    }
    return who;
}

/* "stint." and "SCHEMA IF NOT EXISTS stint" stand for the schema in the .sql files. */
const char *ledger_sql(Arena *a, const char *schema, const char *sql) {
    static const char word[] = "stint";
    if (strcmp(schema, word) == 0)
        return sql;
    Text text = text_on(a);
    for (const char *found; (found = strstr(sql, word)); sql = found + 5) {
        bool is_schema = found[5] == '.' || (found[5] == ';' && found[-1] == ' ');
        text_add_bytes(&text, sql, (size_t)(found - sql));
        if (is_schema)
            text_add_quoted(&text, schema, '"');
        else
            text_add(&text, word);
    }
    text_add(&text, sql);
    return text.at;
}

/* The next $ that stands for a value: not one in a name, a text or a comment. */
static const char *next_value(const char *sql) {
    while (*sql && *sql != '$') {
        if (*sql == '"' || *sql == '\'')
            sql += 1 + strcspn(sql + 1, *sql == '"' ? "\"" : "'");
        else if (sql[0] == '-' && sql[1] == '-')
            sql += strcspn(sql, "\n");
        sql += *sql != 0 && *sql != '$';
    }
    return *sql ? sql : NULL;
}

const char *ledger_inline(Pg *pg, Arena *a, const char *schema, const char *sql, PgArgs args) {
    Text text = text_on(a);
    sql = ledger_sql(a, schema, sql);
    for (const char *found; (found = next_value(sql));) {
        char *after;
        long n = strtol(found + 1, &after, 10);
        text_add_bytes(&text, sql, (size_t)(found - sql));
        if (n < 1 || n > args.count)
            abort(); /* a mistake of ours, in a text of ours */
        text_add(&text, args.value[n - 1] ? pg_literal(pg, a, args.value[n - 1]) : "NULL");
        sql = after;
    }
    text_add(&text, sql);
    return text.at;
}

bool ledger_is_absent(const Pg *pg) {
    return pg_failed_with(pg, "42P01") || pg_failed_with(pg, "3F000");
}

/* No such column: a newer one. */
static bool is_unknown(const Pg *pg) {
    return ledger_is_absent(pg) || pg_failed_with(pg, "42703");
}

static bool cannot_read(const Pg *pg, const char *schema) {
    if (pg_failed_with(pg, "42501"))
        fail_hint("stint runs as a role that may read the schema %s; see: stint doctor", schema);
    return fail_in("cannot read the ledger");
}

/* The version of the tables; 0 where there are none. */
static bool read_version(Pg *pg, Arena *a, const char *schema, int *out) {
    PgRows rows;
    *out = 0;
    if (pg_row(pg, a, &rows, ledger_sql(a, schema, SQL_SCHEMA_VERSION), PG_NONE)) {
        *out = (int)pg_integer(&rows, 0, 0);
        if (*out <= LEDGER_VERSION)
            return true;
        fail(FAIL_LEDGER, "the ledger in schema %s has version %d, this program knows %d", schema,
             *out, LEDGER_VERSION);
        return fail_hint("use the newer stint that made it");
    }
    if (!is_unknown(pg))
        return cannot_read(pg, schema);
    fail_clear();
    return true;
}

/* "2026-11-22 20:15:42.3061" -> "2026-11-22T20:15:42.306Z": here, for it is dear on the server. */
static const char *moment(Arena *a, const char *timestamp) {
    if (!timestamp || strlen(timestamp) < 19)
        return NULL;
    char *out = arena_bytes(a, "0000-00-00T00:00:00.000Z", 24);
    memcpy(out, timestamp, 10);
    memcpy(out + 11, timestamp + 11, 8);
    for (size_t i = 20; i < 23 && timestamp[19] == '.' && timestamp[i]; i++)
        out[i] = timestamp[i];
    return out;
}

/* How many columns each look has (sql/ledger.sql); a wider one begins with those of the narrower.
 */
enum { BRIEF_WIDTH = 7, DATED_WIDTH = 10 };

static const char *otherwise(const char *cell, const char *most) {
    return cell ? cell : most;
}

static LedgerRow row_of(Arena *a, const PgRows *rows, size_t r) {
    const char *id = pg_cell(rows, r, 0), *version = pg_cell(rows, r, 1);
    LedgerRow row = {.id = id,
                     .version = version ? version : id,
                     .name = pg_cell(rows, r, 2),
                     .kind = otherwise(pg_cell(rows, r, 3), "sql"),
                     .state = otherwise(pg_cell(rows, r, 4), "applied"),
                     .checksum = pg_cell(rows, r, 5),
                     .had_twin = pg_true(rows, r, 6),
                     .duration_ms = -1};
    if (rows->width == BRIEF_WIDTH)
        return row;
    row.applied_at = moment(a, pg_cell(rows, r, 7));
    row.applied_by = pg_cell(rows, r, 8);
    if (pg_cell(rows, r, 9))
        row.duration_ms = pg_integer(rows, r, 9);
    if (rows->width == DATED_WIDTH)
        return row;
    row.position = (long)pg_integer(rows, r, 10);
    row.statements = (long)pg_integer(rows, r, 11);
    row.intent = (long)pg_integer(rows, r, 12);
    row.intent_facts = pg_cell(rows, r, 13);
    row.run = pg_integer(rows, r, 14);
    row.tokens = pg_cell(rows, r, 15);
    row.down_tokens = pg_cell(rows, r, 16);
    return row;
}

static int by_id(const void *a, const void *b) {
    return strcmp(((const LedgerRow *)a)->id, ((const LedgerRow *)b)->id);
}

static void take_rows(Arena *a, const PgRows *rows, Ledger *out) {
    out->count = rows->count;
    out->row = arena_take(a, (rows->count + 1) * sizeof *out->row);
    out->next = arena_take(a, sizeof *out->next);
    for (size_t r = 0; r < rows->count; r++)
        out->row[r] = row_of(a, rows, r);
    order_sort(out->row, out->count, sizeof *out->row, by_id); /* the server's order is a table's */
}

static bool is_settled(const PgRows *rows, size_t r) {
    const char *state = pg_cell(rows, r, 4);
    return !state || strcmp(state, "baselined") == 0;
}

/* A brief look is enough where everything is settled. */
static bool is_all_settled(const PgRows *rows) {
    for (size_t r = 0; r < rows->count; r++)
        if (!is_settled(rows, r))
            return false;
    return true;
}

bool ledger_read(Pg *pg, Arena *a, const char *schema, LedgerDepth depth, Ledger *out) {
    PgRows rows;
    const char *known = arena_format(a, "%d", LEDGER_VERSION);
    *out = (Ledger){.schema = schema, .depth = depth};
    /* a second look, for a ledger that another run makes between the two queries */
    for (int look = 0; look < 2; look++) {
        static const char *const looks[] = {[LEDGER_WHOLE] = SQL_LEDGER_ROWS,
                                            [LEDGER_BRIEF] = SQL_LEDGER_BRIEF,
                                            [LEDGER_DATED] = SQL_LEDGER_DATED};
        bool ok = pg_rows(pg, a, &rows, ledger_sql(a, schema, looks[depth]), PG_WITH(known));
        if (!ok && !is_unknown(pg))
            return cannot_read(pg, schema);
        if (!ok || !rows.count) {
            if (!read_version(pg, a, schema, &out->version))
                return false;
            if (!out->version)
                return true;
        }
        if (ok && depth != LEDGER_WHOLE && !is_all_settled(&rows))
            return ledger_read(pg, a, schema, LEDGER_WHOLE, out);
        if (ok) {
            out->version = LEDGER_VERSION;
            take_rows(a, &rows, out);
            return true;
        }
    }
    return fail(FAIL_LEDGER, "the schema %s holds a ledger that is not Stint's, or not whole",
                schema);
}

bool ledger_read_failures(Pg *pg, Arena *a, Ledger *ledger) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, ledger_sql(a, ledger->schema, SQL_LEDGER_FAILURES), PG_NONE))
        return fail_in("cannot read the ledger");
    ledger->failure_count = rows.count;
    ledger->failure = arena_take(a, (rows.count + 1) * sizeof *ledger->failure);
    for (size_t r = 0; r < rows.count; r++)
        ledger->failure[r] =
            (LedgerFailure){pg_cell(&rows, r, 0), pg_cell(&rows, r, 1), pg_cell(&rows, r, 2)};
    return true;
}

const LedgerRow *ledger_row(const Ledger *ledger, const char *id) {
    LedgerRow wanted = {.id = id};
    if (!ledger->count)
        return NULL;
    size_t next = *ledger->next < ledger->count ? *ledger->next : 0;
    const LedgerRow *found = &ledger->row[next];
    if (strcmp(found->id, id) != 0)
        found = bsearch(&wanted, ledger->row, ledger->count, sizeof wanted, by_id);
    if (found)
        *ledger->next = (size_t)(found - ledger->row) + 1;
    return found;
}

const LedgerFailure *ledger_failure(const Ledger *ledger, const char *id) {
    for (size_t i = 0; i < ledger->failure_count; i++)
        if (strcmp(ledger->failure[i].id, id) == 0)
            return &ledger->failure[i];
    return NULL;
}

const char *ledger_definition(Arena *a, const char *schema) {
    return ledger_sql(a, schema, SQL_SCHEMA_CREATE SQL_SCHEMA_BACKFILL SQL_SCHEMA_REST);
}

bool ledger_prepare(Pg *pg, const char *schema) {
    Arena *a = arena_new();
    int version;
    bool ok = read_version(pg, a, schema, &version);
    if (ok && !version) {
        const char *sql = arena_format(a, "BEGIN;%s;COMMIT", ledger_definition(a, schema));
        ok = pg_do_all(pg, sql);
        if (!ok) {
            fail_in("cannot make the ledger in schema %s", schema);
            if (pg_failed_with(pg, "42501"))
                fail_hint("let the role make it: GRANT CREATE ON DATABASE %s TO %s",
                          pg_database(pg), pg_user(pg));
            pg_roll_back(pg);
        }
    }
    arena_free(a);
    return ok;
}

bool ledger_texts(Pg *pg, Arena *a, const char *schema, const char *id, const char **text,
                  const char **down_text) {
    PgRows rows;
    if (!pg_row(pg, a, &rows, ledger_sql(a, schema, SQL_LEDGER_TEXTS), PG_WITH(id)))
        return fail_in("cannot read what was applied of %s", id);
    *text = pg_cell(&rows, 0, 0);
    *down_text = pg_cell(&rows, 0, 1);
    return true;
}

bool ledger_begin_run(Pg *pg, const char *schema, const char *command, const char *environment,
                      long long *run) {
    Arena *a = arena_new();
    PgRows rows;
    bool ok = pg_row(pg, a, &rows, ledger_sql(a, schema, SQL_LEDGER_RUN_BEGIN),
                     PG_WITH(command, environment, ledger_who(), "stint " STINT_VERSION));
    *run = ok ? pg_integer(&rows, 0, 0) : 0;
    arena_free(a);
    return ok || fail_in("cannot write to the ledger");
}

bool ledger_end_run(Pg *pg, const char *schema, long long run, const char *outcome, long applied) {
    Arena *a = arena_new();
    bool ok =
        pg_do(pg, ledger_sql(a, schema, SQL_LEDGER_RUN_END),
              PG_WITH(arena_format(a, "%lld", run), outcome, arena_format(a, "%ld", applied)));
    arena_free(a);
    return ok || fail_in("cannot write the run's end to the ledger");
}

bool ledger_event(Pg *pg, const char *schema, long long run, const char *id, const char *kind,
                  const char *message, const char *facts) {
    Arena *a = arena_new();
    const char *number = run ? arena_format(a, "%lld", run) : NULL;
    bool ok = pg_do(pg, ledger_sql(a, schema, SQL_LEDGER_EVENT),
                    PG_WITH(number, id, kind, ledger_who(), message, facts));
    arena_free(a);
    return ok || fail_in("cannot write an event to the ledger");
}
