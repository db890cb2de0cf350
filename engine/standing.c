#include "standing.h"

#include "fail.h"
#include "file.h"
#include "ledger.h"
#include "migration.h"
#include "sql.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const StandingWish wishes[] = {
    [STANDING_PAUSE] = {"pause", "backfill_pause", "{planned,running}", "pause", NULL},
    [STANDING_RESUME] = {"resume", "backfill_resume", "{paused,failed,cancelled}", "run", NULL},
    [STANDING_CANCEL] = {"cancel", "backfill_cancel", "{planned,running,paused,failed}", "cancel",
                         "cancelled"},
};

const StandingWish *standing_wish(StandingWishes wish) {
    return &wishes[wish];
}

static Standing read_one(const PgRows *rows, size_t r) {
    return (Standing){.migration = pg_cell(rows, r, 0),
                      .id = pg_cell(rows, r, 1),
                      .name = pg_cell(rows, r, 2),
                      .version = pg_cell(rows, r, 3),
                      .table = pg_cell(rows, r, 4),
                      .way = pg_cell(rows, r, 5),
                      .state = pg_cell(rows, r, 6),
                      .rows_total = pg_integer(rows, r, 7),
                      .rows_done = pg_integer(rows, r, 8),
                      .rows_changed = pg_integer(rows, r, 9),
                      .quarantined = pg_integer(rows, r, 10),
                      .residue = pg_integer(rows, r, 11),
                      .ranges = pg_integer(rows, r, 12),
                      .ranges_left = pg_integer(rows, r, 13),
                      .workers = pg_integer(rows, r, 14),
                      .rate = pg_integer(rows, r, 15),
                      .batch_size = pg_integer(rows, r, 16),
                      .sweep = pg_integer(rows, r, 17),
                      .error = pg_cell(rows, r, 18),
                      .throttled_by = pg_cell(rows, r, 19),
                      .who = pg_cell(rows, r, 20),
                      .since = pg_cell(rows, r, 21),
                      .dead = pg_integer(rows, r, 22),
                      .held = pg_integer(rows, r, 23),
                      .speed = strtod(pg_cell(rows, r, 24), NULL),
                      .swept = pg_integer(rows, r, 25),
                      .budget = strtod(pg_cell(rows, r, 26), NULL),
                      .slowed_by = pg_cell(rows, r, 27)};
}

bool standing_read(Pg *pg, Arena *a, const char *schema, Standings *out) {
    PgRows rows;
    *out = (Standings){0};
    if (!pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_STANDING_LIST), PG_NONE)) {
        if (!ledger_is_absent(pg))
            return fail_in("cannot read the ledger");
        fail_clear(); /* no ledger, no backfill */
        return true;
    }
    out->count = rows.count;
    out->at = arena_take(a, (rows.count + 1) * sizeof *out->at);
    for (size_t i = 0; i < rows.count; i++)
        out->at[i] = read_one(&rows, i);
    return true;
}

Standing *standing_find(const Standings *all, const char *word) {
    const char *base = file_base(word);
    Standing *called = NULL;
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        Standing *s = &all->at[i];
        size_t length = strlen(s->name);
        if (text_same(word, s->version) || text_same(word, s->migration) ||
            (strncmp(base, s->name, length) == 0 &&
             (!base[length] || text_same(base + length, ".lua"))))
            return s;
        if (!migration_is_called(s->version, s->name, word))
            continue;
        called = s;
        count++;
    }
    return count == 1 ? called : NULL;
}

bool standing_workers(Pg *pg, Arena *a, const char *schema, const Standing *s, StandingWorker **out,
                      size_t *count) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_STANDING_WORKERS), PG_WITH(s->id)))
        return fail_in("cannot read the ledger");
    *count = rows.count;
    *out = arena_take(a, (rows.count + 1) * sizeof **out);
    for (size_t i = 0; i < rows.count; i++)
        (*out)[i] = (StandingWorker){pg_cell(&rows, i, 0),    pg_cell(&rows, i, 1),
                                     pg_cell(&rows, i, 2),    pg_cell(&rows, i, 3),
                                     pg_integer(&rows, i, 4), pg_integer(&rows, i, 5),
                                     pg_integer(&rows, i, 6), pg_integer(&rows, i, 7)};
    return true;
}

long long standing_eta(const Standing *s) {
    long long left = s->rows_total - (s->sweep ? s->swept : s->rows_done);
    if (s->rate <= 0 || !s->ranges_left || left < 0)
        return -1; /* more than were estimated: nobody knows how many are left */
    return (left + s->rate - 1) / s->rate;
}

double standing_part(const Standing *s) {
    double part = s->rows_total > 0 ? (double)s->rows_done / (double)s->rows_total : 0;
    if (text_same(s->state, "finished"))
        return 1;
    return part > 0.99 ? 0.99 : part;
}

bool standing_want(Pg *pg, const char *schema, const Standing *s, StandingWishes wish, bool *done) {
    Arena *a = arena_new();
    PgRows rows;
    const StandingWish *w = &wishes[wish];
    bool ok = pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_STANDING_WISH),
                      PG_WITH(s->id, w->from, w->desired, w->state, w->kind, ledger_who()));
    *done = ok && rows.affected > 0;
    arena_free(a);
    return ok || fail_in("cannot write to the ledger");
}

bool standing_retry(Pg *pg, const char *schema, const Standing *s) {
    Arena *a = arena_new();
    bool ok = pg_do(pg, ledger_sql(a, schema, SQL_STANDING_RETRY), PG_WITH(s->id, ledger_who()));
    arena_free(a);
    return ok || fail_in("cannot write to the ledger");
}

bool standing_speed(Pg *pg, const char *schema, const Standing *s, double speed) {
    Arena *a = arena_new();
    bool ok = pg_do(pg, ledger_sql(a, schema, SQL_STANDING_SPEED),
                    PG_WITH(s->id, arena_format(a, "%g", speed), ledger_who()));
    arena_free(a);
    return ok || fail_in("cannot write to the ledger");
}

bool standing_lag(Pg *pg, long long *ms) {
    Arena *a = arena_new();
    PgRows rows;
    bool ok = pg_row(pg, a, &rows, SQL_STANDING_LAG, PG_NONE);
    *ms = ok && pg_cell(&rows, 0, 0) ? pg_integer(&rows, 0, 0) : -1;
    arena_free(a);
    return ok;
}
