#include "facts.h"

#include "fail.h"
#include "file.h"
#include "sql.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* What "facts" says in the file; another number is of another Stint. */
enum { SNAPSHOT = 1 };

bool facts_read(Arena *a, Pg *pg, const char *ledger_schema, Json **out) {
    PgRows rows;
    bool ok = pg_do(pg, SQL_FACTS_BEGIN, PG_NONE) &&
              pg_row(pg, a, &rows, SQL_FACTS, PG_WITH(ledger_schema)) &&
              pg_do(pg, SQL_FACTS_END, PG_NONE);
    pg_roll_back(pg);
    if (!ok)
        return fail_in("reading facts of the database");
    const char *text = pg_cell(&rows, 0, 0);
    return json_parse(a, text, strlen(text), out);
}

void facts_name_applied(Arena *a, Json *facts, const Ledger *ledger) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < ledger->count; i++) {
        const LedgerRow *row = &ledger->row[i];
        bool done = text_same(row->state, "applied") || text_same(row->state, "baselined");
        if (done && !text_same(row->kind, "repeatable"))
            json_append_text(list, row->id);
    }
    json_set(facts, "applied", list);
}

static int compare(const void *one, const void *other) {
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static bool is_in(Strings sorted, const char *id) {
    return id && bsearch(&id, sorted.at, sorted.count, sizeof *sorted.at, compare);
}

bool *facts_applied(Arena *a, const Json *facts, const Migrations *files) {
    const Json *list = json_get(facts, "applied");
    size_t count = list ? json_count(list) : 0;
    bool *applied = arena_take(a, files->count + 1);
    Strings ids = {0, arena_take(a, (count + 1) * sizeof *ids.at)};
    for (size_t i = 0; i < count; i++) {
        const char *id = json_as_text(json_at(list, i));
        if (id)
            ids.at[ids.count++] = id;
    }
    qsort(ids.at, ids.count, sizeof *ids.at, compare);
    for (size_t i = 0; i < files->count; i++) {
        const Migration *m = &files->at[i];
        applied[i] =
            m->kind != MIGRATION_REPEATABLE && (is_in(ids, m->id) || is_in(ids, m->version));
    }
    return applied;
}

bool facts_save(const char *path, const Json *facts) {
    const char *text = json_pretty(facts);
    return file_replace(path, text, strlen(text));
}

bool facts_load(Arena *a, const char *path, Json **out) {
    Bytes text;
    if (!file_read(a, path, &text))
        return false;
    if (json_parse(a, text.at, text.length, out) &&
        json_as_integer(json_get(*out, "facts")) == SNAPSHOT)
        return true;
    fail(FAIL_CONFIG, "%s is no snapshot of facts", path);
    return fail_hint("stint doctor --snapshot %s writes one", path);
}
