#include "evidence.h"

#include "approval.h"
#include "backfill.h"
#include "fail.h"
#include "file.h"
#include "ledger.h"
#include "proof.h"
#include "release.h"
#include "session.h"
#include "sql.h"
#include "text.h"

#include <stdlib.h>

static Strings strings_of(Arena *a, const Json *list) {
    Strings strings = {0, arena_take(a, (json_count(list) + 1) * sizeof(char *))};
    for (size_t i = 0; i < json_count(list); i++)
        strings.at[strings.count++] = json_as_text(json_at(list, i));
    return strings;
}

/* ---- what would run ---- */

static bool has_way_back(const Migration *m) {
    return m->kind == MIGRATION_REPEATABLE || migration_has_down(m) ||
           (m->sql && m->sql->up.directives.rollback);
}

static Json *item_json(Arena *a, const PlanItem *item) {
    const Migration *m = item->migration;
    Json *json = json_new_map(a);
    json_set_text(json, "id", m->id);
    json_set_text(json, "version", m->version);
    json_set_text(json, "name", m->name);
    json_set_text(json, "kind", migration_kind(m->kind));
    json_set_text(json, "path", m->path);
    json_set_text(json, "state", plan_state(item->state));
    json_set_text(json, "checksum", m->checksum);
    json_set_text(json, "tokens", m->tokens);
    json_set_flag(json, "reversible", has_way_back(m));
    json_set_text(json, "downtime", m->sql ? m->sql->up.directives.downtime : NULL);
    json_set_text(json, "rollback", m->sql ? m->sql->up.directives.rollback : NULL);
    return json;
}

Json *evidence_plan(const EvidenceFor *of, const char *command) {
    Json *plan = json_new_map(of->arena), *pending = json_new_list(of->arena);
    json_set_text(plan, "environment", of->config->environment);
    json_set_text(plan, "database", of->pg ? pg_database(of->pg) : NULL);
    json_set_text(plan, "command", command);
    for (size_t i = 0; i < of->count; i++)
        json_append(pending, item_json(of->arena, of->item[i]));
    json_set(plan, "pending", pending);
    return plan;
}

/* ---- another environment ---- */

typedef struct {
    const EvidenceFor *of;
    const char *name; /* of the other environment */
    Json *json;       /* { files = { ID = ... } }, or { problem } */
} Other;

static bool cannot(Other *other, const char *problem) {
    json_set_text(other->json, "problem", problem);
    return true;
}

/* Whatever kept us from asking is the gate's to tell. */
static bool cannot_ask(Other *other) {
    const char *problem = arena_string(other->of->arena, failure()->message);
    fail_clear();
    return cannot(other, problem);
}

static Strings ids_of(const EvidenceFor *of) {
    Strings ids = {0, arena_take(of->arena, (of->count + 1) * sizeof(char *))};
    for (size_t i = 0; i < of->count; i++)
        ids.at[ids.count++] = of->item[i]->migration->id;
    return ids;
}

static Json *row_json(Arena *a, const char *state, const char *tokens, long long ms,
                      long long age) {
    Json *json = json_new_map(a);
    json_set_text(json, "state", state);
    json_set_text(json, "tokens", tokens);
    json_set_integer(json, "duration_ms", ms);
    json_set_integer(json, "age", age);
    return json;
}

/* What chose this database (STINT_URL, --url) may have chosen the other one's too. */
static bool is_same(const Pg *one, const Pg *other) {
    return one && text_same(pg_host(one), pg_host(other)) &&
           text_same(pg_port(one), pg_port(other)) &&
           text_same(pg_database(one), pg_database(other));
}

static bool ask_ledger(Other *other, const Config *config, Pg *pg) {
    const EvidenceFor *of = other->of;
    Arena *a = of->arena;
    PgRows rows;
    if (is_same(of->pg, pg))
        return cannot(other, "it is this very database");
    if (!pg_rows(pg, a, &rows, ledger_sql(a, config->ledger_schema, SQL_GATE_APPLIED),
                 PG_WITH(backfill_array(a, ids_of(of))))) {
        if (!ledger_is_absent(pg))
            return cannot_ask(other);
        fail_clear();
        return cannot(other, "nothing was ever applied there");
    }
    Json *files = json_new_map(a);
    for (size_t r = 0; r < rows.count; r++)
        json_set(files, pg_cell(&rows, r, 0),
                 row_json(a, pg_cell(&rows, r, 1), pg_cell(&rows, r, 2),
                          pg_cell(&rows, r, 3) ? pg_integer(&rows, r, 3) : -1,
                          pg_integer(&rows, r, 4)));
    json_set(other->json, "files", files);
    return true;
}

/* What is written there counts, where it is for this environment and from that one. */
static bool read_record(Other *other) {
    const EvidenceFor *of = other->of;
    Arena *a = of->arena;
    Release release;
    PgRows rows;
    if (!release_read(a, of->config, of->release, &release))
        return false;
    if (!text_same(release.from, other->name) || !of->pg)
        return true;
    Json *files = json_new_map(a);
    for (size_t i = 0; i < of->count; i++) {
        const ReleaseEntry *entry = release_entry(a, &release, of->item[i]->migration);
        if (!entry)
            continue;
        if (!pg_row(of->pg, a, &rows, SQL_GATE_AGE, PG_WITH(entry->applied_at)))
            return false;
        json_set(
            files, entry->id,
            row_json(a, "applied", entry->tokens, entry->duration_ms, pg_integer(&rows, 0, 0)));
    }
    json_set(other->json, "files", files);
    json_set_text(other->json, "release", of->release);
    json_set_null(other->json, "problem");
    return true;
}

static bool ask_other(Other *other) {
    const EvidenceFor *of = other->of;
    const Config *here = of->config;
    Arena *a = of->arena;
    Config *config;
    const ConfigWanted wanted = {
        .file = here->file ? file_join(a, here->folder, file_base(here->file)) : NULL,
        .environment = other->name};
    if (!config_load(a, &wanted, &config))
        return fail_in("a policy's applied_on");
    Pg *pg = config_connection(config) ? session_open(a, config, "gate", SESSION_MUST_EXIST) : NULL;
    bool ok = pg ? ask_ledger(other, config, pg) : cannot_ask(other);
    pg_close(pg);
    return ok && (!of->release || json_get(other->json, "files") || read_record(other));
}

static bool ask_others(const EvidenceFor *of, const Json *names, Json *found) {
    Json *all = json_new_map(of->arena);
    for (size_t i = 0; i < json_count(names); i++) {
        Other other = {of, json_as_text(json_at(names, i)), json_new_map(of->arena)};
        if (!ask_other(&other))
            return false;
        json_set(all, other.name, other.json);
    }
    json_set(found, "applied_on", all);
    return true;
}

/* ---- approvals ---- */

static Json *approvals_json(Arena *a, const Approvals *all) {
    Json *json = json_new_map(a), *given = json_new_list(a);
    json_set_integer(json, "valid", (long long)all->valid);
    json_set_text(json, "refused", all->refused);
    json_set_text(json, "next", all->next);
    for (size_t i = 0; i < all->count; i++) {
        Json *one = json_new_map(a);
        json_set_text(one, "by", all->approval[i].by);
        json_set_text(one, "refused", all->approval[i].refused);
        json_append(given, one);
    }
    json_set(json, "given", given);
    return json;
}

static bool count_approvals(const EvidenceFor *of, const Json *kinds, Json *found) {
    Arena *a = of->arena;
    Json *all = json_new_map(a);
    for (size_t i = 0; of->ledger->version && i < json_count(kinds); i++) {
        const Json *kind = json_at(kinds, i);
        const ApprovalWanted wanted = approval_wanted(a, kind);
        Json *files = json_new_map(a);
        for (size_t k = 0; k < of->count; k++) {
            const Migration *m = of->item[k]->migration;
            Approvals approvals;
            if (!approval_count(of->pg, a, of->config, m, &wanted, &approvals))
                return false;
            json_set(files, m->id, approvals_json(a, &approvals));
        }
        json_set(all, json_as_text(json_get(kind, "key")), files);
    }
    json_set(found, "approvals", all);
    return true;
}

/* ---- backups ---- */

static bool list_backups(const EvidenceFor *of, const Json *wanted, Json *found) {
    Arena *a = of->arena;
    Json *list = json_new_list(a);
    PgRows rows;
    if (!json_as_flag(wanted) || !of->ledger->version)
        return true;
    if (!pg_rows(of->pg, a, &rows, ledger_sql(a, of->config->ledger_schema, SQL_GATE_BACKUPS),
                 PG_WITH(of->config->environment)))
        return fail_in("cannot read the backups in the ledger");
    for (size_t r = 0; r < rows.count; r++) {
        Json *one = json_new_map(a);
        json_set_text(one, "file", pg_cell(&rows, r, 0));
        json_set_integer(one, "age", pg_integer(&rows, r, 1));
        json_set_flag(one, "proved", pg_true(&rows, r, 2));
        json_append(list, one);
    }
    json_set(found, "backup", list);
    return true;
}

/* ---- standbys ---- */

/* What cannot be seen is NULL, never none. */
static bool look_at_replicas(const EvidenceFor *of, const Json *wanted, Json *found) {
    Arena *a = of->arena;
    PgRows sight, rows = {0};
    if (!json_as_flag(wanted) || !of->pg)
        return true;
    if (!pg_row(of->pg, a, &sight, SQL_GATE_SIGHT, PG_NONE))
        return false;
    Json *json = json_new_map(a);
    if (!pg_rows(of->pg, a, &rows, SQL_HEALTH_REPLICA_LAG, PG_NONE)) {
        if (pg_state(of->pg) == PG_LOST)
            return false;
        json_set_text(json, "problem", arena_string(a, failure()->message));
        fail_clear();
    }
    json_set_flag(json, "sees", pg_true(&sight, 0, 0));
    json_set_text(json, "role", pg_cell(&sight, 0, 1));
    json_set_integer(json, "count", rows.count ? pg_integer(&rows, 0, 2) : 0);
    if (rows.count && pg_cell(&rows, 0, 1))
        json_set_number(json, "lag", strtod(pg_cell(&rows, 0, 1), NULL));
    json_set_text(json, "who", rows.count ? pg_cell(&rows, 0, 5) : NULL);
    json_set(found, "replicas", json);
    return true;
}

/* ---- proofs ---- */

static bool list_proofs(const EvidenceFor *of, const Json *kinds, Json *found) {
    ProofFiles files = {0, arena_take(of->arena, (of->count + 1) * sizeof *files.at)};
    for (size_t i = 0; i < of->count; i++)
        files.at[files.count++] = of->item[i]->migration;
    return !of->ledger->version ||
           proof_find(of->pg, of->arena, of->config->ledger_schema, kinds, &files, found);
}

/* ---- the time ---- */

static bool know_zone(Pg *pg, Arena *a, const char *zone) {
    PgRows rows;
    if (text_same(zone, "UTC"))
        return true;
    return pg_rows(pg, a, &rows, SQL_GATE_ZONE, PG_WITH(zone)) &&
           (rows.count || fail(FAIL_CONFIG, "the server knows no zone %s", zone));
}

bool evidence_window(Pg *pg, Arena *a, const Json *window, const char *now, Json **out) {
    const char *zone = json_as_text(json_get(window, "zone"));
    PgRows rows;
    *out = json_new_map(a);
    if (!know_zone(pg, a, zone) ||
        !pg_row(pg, a, &rows, SQL_GATE_WINDOW,
                PG_WITH(now, backfill_array(a, strings_of(a, json_get(window, "days"))),
                        json_as_text(json_get(window, "from")),
                        json_as_text(json_get(window, "to")), zone,
                        backfill_array(a, strings_of(a, json_get(window, "first"))),
                        backfill_array(a, strings_of(a, json_get(window, "last"))))))
        return false;
    json_set_flag(*out, "is_open", pg_true(&rows, 0, 0));
    json_set_text(*out, "at", arena_format(a, "%s in %s", pg_cell(&rows, 0, 1), zone));
    json_set_text(*out, "frozen", pg_cell(&rows, 0, 2));
    json_set_text(*out, "opens", pg_cell(&rows, 0, 3));
    return true;
}

static bool ask_windows(const EvidenceFor *of, const Json *windows, Json *found) {
    Json *all = json_new_map(of->arena), *one;
    for (size_t i = 0; of->pg && i < json_count(windows); i++) {
        const Json *window = json_at(windows, i);
        const char *policy = json_as_text(json_get(window, "policy"));
        if (!evidence_window(of->pg, of->arena, window, NULL, &one)) {
            fail_in("window");
            return fail_at(
                (FailPlace){policy, (size_t)json_as_integer(json_get(window, "line")), 0, NULL});
        }
        json_set(all, policy, one);
    }
    json_set(found, "windows", all);
    return true;
}

bool evidence_may(Pg *pg, Arena *a, Strings roles, bool *may) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_GATE_MAY, PG_WITH(backfill_array(a, roles))))
        return false;
    *may = rows.count > 0;
    return true;
}

bool evidence_find(const EvidenceFor *of, const Json *wanted, Json **out) {
    Json *found = *out = json_new_map(of->arena);
    return ask_windows(of, json_get(wanted, "windows"), found) &&
           ask_others(of, json_get(wanted, "applied_on"), found) &&
           list_backups(of, json_get(wanted, "backup"), found) &&
           list_proofs(of, json_get(wanted, "proofs"), found) &&
           look_at_replicas(of, json_get(wanted, "replicas"), found) &&
           count_approvals(of, json_get(wanted, "approvals"), found);
}
