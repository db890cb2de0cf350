#include "estimate.h"

#include "clock.h"
#include "fail.h"
#include "ledger.h"
#include "log.h"
#include "quarantine.h"
#include "run.h"
#include "sql.h"
#include "text.h"
#include "worker.h"

#include <string.h>

/* The batches' ledger: nobody but this session sees it, and it is gone with it. */
static const char *const ledger = "pg_temp";

typedef struct {
    Arena *arena;
    const Config *config;
    Run run;
    Pg *pg;
    Estimate *out;
    Migration *migration;
    Backfill whole;              /* of the table itself */
    const char *copy, *copy_oid; /* its quoted name */
    Backfill backfill;           /* of the copy */
    PgRows before;
} Trial;

static const char *number(Arena *a, long long n) {
    return arena_format(a, "%lld", n);
}

static bool find_file(Trial *t, const char *name) {
    t->migration = migration_find(&t->run.files, name);
    return t->migration && run_open(&t->run, t->migration);
}

static bool check_file(const Migration *m) {
    if (m->kind == MIGRATION_BACKFILL)
        return true;
    return fail(FAIL_ERROR, "%s declares no backfill", m->path);
}

/* A statement of the team's own names the real table. */
static bool check_form(const Backfill *b) {
    if (b->form != BACKFILL_STATEMENT)
        return true;
    fail(FAIL_ERROR,
         "a `batch` of your own names the tables that it changes: it cannot be tried on a copy");
    return script_at(b->declaration);
}

static bool drop(Trial *t, const char *table) {
    return pg_do(t->pg, arena_format(t->arena, SQL_ESTIMATE_DROP, table), PG_NONE);
}

static bool drop_left(Trial *t) {
    PgRows rows;
    if (!pg_rows(t->pg, t->arena, &rows, SQL_ESTIMATE_LEFT, PG_WITH(t->config->ledger_schema)))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        if (!drop(t, pg_cell(&rows, i, 0)))
            return false;
        log_detail("dropped %s, which a killed run had left", pg_cell(&rows, i, 0));
    }
    return true;
}

static bool make_schema(Trial *t) {
    PgRows rows;
    const char *schema = t->config->ledger_schema;
    if (!pg_row(t->pg, t->arena, &rows, SQL_ESTIMATE_SCHEMA, PG_WITH(schema)))
        return false;
    return pg_integer(&rows, 0, 0) ||
           pg_do(t->pg, ledger_sql(t->arena, schema, SQL_ESTIMATE_HOME), PG_NONE);
}

/* Rows that lie at equal distances, from each of the leaves. */
static bool fill(Trial *t, const Backfill *b, long long wanted) {
    Arena *a = t->arena;
    Backfill source = *b; /* the leaves, even where the rows will move between them */
    source.changed = (Strings){0, NULL};
    PgRows columns;
    if (!backfill_leaves(t->pg, a, &source) ||
        !pg_row(t->pg, a, &columns, SQL_ESTIMATE_COLUMNS, PG_WITH(b->oid)))
        return false;
    const char *names = pg_cell(&columns, 0, 0);
    for (size_t i = 0; i < source.leaf.count; i++) {
        const char *sql =
            arena_format(a, SQL_ESTIMATE_FILL, t->copy, names, names, source.leaf_table.at[i]);
        if (!pg_do(t->pg, sql,
                   PG_WITH(source.leaf.at[i], number(a, wanted), backfill_array(a, source.leaf))))
            return false;
    }
    return true;
}

static bool make_copy(Trial *t, const Backfill *b, long long wanted) {
    Arena *a = t->arena;
    PgRows name, settings, oid;
    if (!pg_row(t->pg, a, &name, SQL_ESTIMATE_NAME, PG_WITH(t->config->ledger_schema)) ||
        !pg_rows(t->pg, a, &settings, SQL_ESTIMATE_SETTINGS, PG_WITH(backfill_array(a, b->leaf))))
        return false;
    t->copy = pg_cell(&name, 0, 0);
    const char *list = settings.count ? pg_cell(&settings, 0, 0) : NULL;
    const char *with = list ? arena_format(a, " WITH (%s)", list) : "";
    if (!pg_do(t->pg, arena_format(a, SQL_ESTIMATE_MAKE, t->copy, b->table, with), PG_NONE) ||
        !fill(t, b, wanted) ||
        !pg_do(t->pg, arena_format(a, "VACUUM (ANALYZE) %s", t->copy), PG_NONE) ||
        !pg_row(t->pg, a, &oid, SQL_ESTIMATE_OID, PG_WITH(t->copy)))
        return false;
    t->copy_oid = pg_cell(&oid, 0, 0);
    return true;
}

/* A ledger of the batches' own, and the backfill of the copy in it. */
static bool open_ledger(Trial *t) {
    Arena *a = t->arena;
    Backfill *b = &t->backfill;
    const Migration *m = t->migration;
    const char **leaf = arena_take(a, 2 * sizeof *leaf);
    leaf[0] = t->copy_oid;
    leaf[1] = t->copy;
    *b = t->whole;
    b->table = t->copy;
    b->oid = t->copy_oid;
    b->leaf = (Strings){1, leaf};
    b->leaf_table = (Strings){1, leaf + 1};
    b->workers = 1;
    return pg_do_all(t->pg, ledger_sql(a, ledger, SQL_SCHEMA_BACKFILL)) &&
           pg_do(t->pg, ledger_sql(a, ledger, SQL_ESTIMATE_OPEN),
                 PG_WITH(b->migration, m->name, m->version, b->table, backfill_array(a, b->key),
                         backfill_array(a, b->key_type), number(a, b->target),
                         number(a, b->rows_total), number(a, b->stripes),
                         backfill_walk_name(b->walk), number(a, b->max_quarantine),
                         number(a, b->stripe_keys)));
}

static bool measure(Trial *t, PgRows *out) {
    return pg_row(t->pg, t->arena, out, SQL_ESTIMATE_FACTS, PG_WITH(t->copy_oid));
}

/* Per row of the copy, for all rows. */
static long long scaled(const Trial *t, const PgRows *after, int column) {
    const Estimate *e = t->out;
    long long most = pg_integer(after, 0, column) - pg_integer(&t->before, 0, column);
    double part = (double)e->rows_total / (double)(e->rows ? e->rows : 1);
    return (long long)((double)most * part);
}

static bool read_results(Trial *t, const Worker *w, long long us) {
    Estimate *e = t->out;
    Arena *a = t->arena;
    PgRows after, whole, failing;
    const Backfill *b = &t->whole;
    if (!measure(t, &after) || !backfill_find(t->pg, a, ledger, &t->backfill) ||
        !pg_row(t->pg, a, &whole, SQL_ESTIMATE_WHOLE,
                PG_WITH(backfill_array(a, b->leaf), b->oid)) ||
        !pg_row(t->pg, a, &failing, ledger_sql(a, ledger, SQL_ESTIMATE_FAILING),
                PG_WITH(number(a, t->backfill.id))))
        return false;
    e->rows = pg_integer(&t->before, 0, 3);
    e->changed = t->backfill.rows_changed;
    e->failing = pg_integer(&failing, 0, 0);
    e->first_failure = pg_cell(&failing, 0, 1);
    e->batch_size = w->pace.size;
    e->rows_per_second = (double)e->rows * 1e6 / (double)(us > 0 ? us : 1);
    e->seconds = e->rows ? (double)e->rows_total / e->rows_per_second : 0;
    e->wal = scaled(t, &after, 0);
    e->table_growth = scaled(t, &after, 1);
    e->index_growth = scaled(t, &after, 2);
    e->page_images = e->changed ? pg_integer(&whole, 0, 0) : 0;
    e->triggers = pg_integer(&whole, 0, 1);
    return true;
}

/* More rows fail than may: that is an answer, too. */
static bool is_too_many(Trial *t, WorkerAnswer answer) {
    if (answer != WORKER_FAILED || failure()->kind != FAIL_PARTIAL)
        return false;
    fail_clear();
    return pg_state(t->pg) == PG_IDLE;
}

static bool try_it(Trial *t) {
    bool made;
    Governor governor;
    if (!governor_of(t->pg, t->arena, ledger, t->config, &t->backfill, t->migration->name,
                     &governor))
        return false;
    Worker w = worker_of(t->pg, t->arena, ledger, t->migration, &t->backfill, &governor);
    if (!range_make(t->pg, t->arena, ledger, &t->backfill, w.pace.size, &made) ||
        !backfill_find(t->pg, t->arena, ledger, &t->backfill) || !measure(t, &t->before) ||
        !worker_settle(&w, t->config->statement_timeout, 0))
        return false;
    long long start = clock_us();
    WorkerAnswer answer = worker_walk(&w);
    long long us = clock_us() - start;
    return (answer == WORKER_DONE || is_too_many(t, answer)) && read_results(t, &w, us);
}

/* On the way out of a failure, too, which stays the one to tell. */
static void clean(Trial *t) {
    Failure why = fail_kept(t->arena);
    bool failed = failure()->kind != FAIL_NONE;
    pg_roll_back(t->pg);
    pg_stoppable(t->pg, false);
    if (t->copy && pg_state(t->pg) == PG_IDLE)
        drop(t, t->copy);
    if (failed)
        fail_again(&why);
}

static bool describe(Trial *t) {
    Estimate *e = t->out;
    const Migration *m = t->migration;
    Backfill *b = &t->whole;
    if (!backfill_describe(t->pg, t->arena, &m->declaration, m->id, BACKFILL_UP, b))
        return false;
    e->name = arena_string(t->arena, m->name);
    e->version = arena_string(t->arena, m->version);
    e->table = b->table;
    e->order = b->order;
    e->rows_total = b->rows_total;
    e->workers = b->workers;
    return check_form(b);
}

bool estimate_make(Arena *a, const Config *config, const char *name, long long rows,
                   Estimate *out) {
    Trial t = {.arena = a, .config = config, .out = out};
    t.run = (Run){.arena = a, .config = config, .command = "backfill"};
    *out = (Estimate){0};
    bool ok = run_connect(&t.run, SESSION_MUST_EXIST) && run_look(&t.run);
    t.pg = t.run.pg;
    ok = ok && find_file(&t, name) && check_file(t.migration) && describe(&t) && make_schema(&t) &&
         drop_left(&t) && make_copy(&t, &t.whole, rows) && open_ledger(&t) && try_it(&t);
    if (t.pg)
        clean(&t);
    run_close(&t.run);
    return ok;
}
