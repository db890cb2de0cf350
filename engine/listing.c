#include "listing.h"

#include "backfill.h"
#include "fail.h"
#include "prospect.h"
#include "replay.h"
#include "text.h"
#include "utf8.h"
#include "variable.h"

#include <string.h>

static const char *const part_kinds[] = {
    [PART_TRANSACTION] = "in a transaction",
    [PART_OWN] = "in the file's own transaction",
    [PART_ROLLED_BACK] = "in the file's own transaction, rolled back",
    [PART_SOLO] = "outside of any transaction",
};

static const char *statement_text(Arena *a, const SqlHalf *half, const Statement *s) {
    Bytes sql = variable_sql(half, s);
    return arena_string(a, fail_redacted(arena_bytes(a, sql.at, sql.length)));
}

/* The first line of a statement, cut where a terminal would. */
static const char *first_line(Arena *a, const SqlHalf *half, const Statement *s) {
    enum { SHOWN = 100 };
    Text line = text_on(a);
    const char *sql = statement_text(a, half, s);
    for (size_t i = 0; sql[i] && line.length <= SHOWN; i++) {
        char c = sql[i];
        bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
        if (!blank)
            text_add_char(&line, c);
        else if (line.length && line.at[line.length - 1] != ' ')
            text_add_char(&line, ' ');
    }
    return line.length <= SHOWN
               ? line.at
               : arena_format(a, "%.*s...", (int)utf8_cut(line.at, SHOWN), line.at);
}

static void print_statements(const Listing *listing, const ReviewFile *file, size_t from) {
    const Call *call = listing->call;
    const SqlHalf *half = &file->item->migration->sql->up;
    bool whole = option_given(&call->given, "sql");
    for (size_t p = 0; p < half->parts.count; p++) {
        const Part *part = &half->parts.at[p];
        if (part->first + part->count <= from && half->statements.count)
            continue;
        printf("  %s:\n", part_kinds[part->kind]);
        for (size_t i = part->first; i < part->first + part->count; i++) {
            const Statement *s = &half->statements.at[i];
            printf("  %4zu  line %-4zu %s\n", i + 1, s->line,
                   whole ? statement_text(call->arena, half, s) : first_line(call->arena, half, s));
            prospect_print(call->arena, file, i + 1);
            replay_print_statement(call->arena, listing->rehearsal, file->id, i + 1);
        }
    }
    if (!half->statements.count)
        puts("        no statements");
}

/* What the database decides, where its table is there already. */
static void print_order(Call *call, Pg *pg, const Migration *m) {
    Backfill b;
    if (!pg || !backfill_describe(pg, call->arena, &m->declaration, m->id, BACKFILL_UP, &b)) {
        puts("        in an order that is chosen when it begins");
        if (pg)
            printf("        as it is now it could not: %s\n", fail_redacted(failure()->message));
        fail_clear();
        return;
    }
    printf("        %s\n", b.order);
    printf("        written meanwhile: %s: %s\n", b.writes, b.writes_why);
    if (text_same(call->config->backfills, "detached"))
        puts("        by stint work: it is begun and left (backfills = detached)");
    else if (b.workers > 1)
        printf("        by %ld workers\n", b.workers);
}

static void print_backfill(Call *call, Pg *pg, const Migration *m) {
    const Declaration *d = &m->declaration;
    Pairs set = script_pairs(call->arena, d, "set"),
          finally = script_pairs(call->arena, d, "finally"),
          window = script_pairs(call->arena, d, "window");
    const char *where = script_text(call->arena, d, "where"),
               *verify = script_text(call->arena, d, "verify"),
               *batch = script_text(call->arena, d, "batch");
    printf("  batches of %s over %s, each a transaction:\n", script_text(call->arena, d, "target"),
           script_text(call->arena, d, "table"));
    for (size_t i = 0; i < set.count; i++)
        printf("        SET %s = %s\n", set.name[i], set.value[i]);
    if (batch)
        printf("        %s\n", batch);
    if (script_has(d, "transform"))
        puts("        a function, row by row");
    if (where)
        printf("        WHERE %s\n", where);
    print_order(call, pg, m);
    for (size_t i = 0; i < window.count; i++)
        printf("%s%s %s%s", i ? ", " : "        window: ", window.name[i], window.value[i],
               i + 1 < window.count ? "" : "\n");
    if (verify)
        printf("        verify: %s\n", verify);
    if (finally.count)
        printf("        finally: NOT NULL on %s: a CHECK that refuses new rows without it when all "
               "are walked, VALIDATE, SET NOT NULL\n",
               finally.value[0]);
}

static void print_function(const Listing *listing, const ReviewFile *file) {
    const Migration *m = file->item->migration;
    printf("  a function, %s\n", script_flag(&m->declaration, "transaction", true)
                                     ? "in a transaction"
                                     : "outside of any transaction");
    prospect_print_script(listing->call->arena, file);
    replay_print_script(listing->call->arena, listing->rehearsal, file->id);
}

void listing_print(const Listing *listing, const PlanItem *item) {
    Call *call = listing->call;
    const ReviewFile *file = review_file(listing->review, item->migration->id);
    const Migration *m = item->migration;
    size_t from = item->row && item->state == PLAN_PARTIAL ? (size_t)item->row->position : 0;
    printf("%s (%s%s%s)\n", m->path, migration_kind(m->kind),
           item->state == PLAN_PENDING ? "" : ", ",
           item->state == PLAN_PENDING ? "" : plan_state(item->state));
    if (m->sql)
        print_statements(listing, file, from);
    else if (m->kind == MIGRATION_BACKFILL)
        print_backfill(call, listing->pg, m);
    else
        print_function(listing, file);
    prospect_print_time(call->arena, listing->precedent, m);
    prospect_print_findings(call->arena, listing->review, file);
}

Json *listing_json(const Listing *listing, const PlanItem *item) {
    Arena *a = listing->call->arena;
    const ReviewFile *file = review_file(listing->review, item->migration->id);
    const Migration *m = item->migration;
    Json *json = json_new_map(a), *list = json_new_list(a);
    json_set_text(json, "version", m->version);
    json_set_text(json, "name", m->name);
    json_set_text(json, "kind", migration_kind(m->kind));
    json_set_text(json, "state", plan_state(item->state));
    json_set_text(json, "path", m->path);
    json_set_text(json, "checksum", m->checksum);
    prospect_set_time(json, listing->precedent, m);
    json_set_integer(json, "position",
                     item->row && item->state == PLAN_PARTIAL ? item->row->position : 0);
    for (size_t p = 0; m->sql && p < m->sql->up.parts.count; p++) {
        const Part *part = &m->sql->up.parts.at[p];
        for (size_t i = part->first; i < part->first + part->count; i++) {
            const Statement *s = &m->sql->up.statements.at[i];
            Json *one = json_new_map(a);
            json_set_integer(one, "number", (long long)i + 1);
            json_set_integer(one, "line", (long long)s->line);
            json_set_text(one, "kind", s->words);
            json_set_text(one, "runs", part_kinds[part->kind]);
            json_set_text(one, "sql", statement_text(a, &m->sql->up, s));
            json_set(one, "impact", prospect_json(a, file, i + 1));
            json_append(list, one);
        }
    }
    for (size_t i = 0; !m->sql && i < json_count(file->deeds); i++) {
        const Json *deed = json_at(file->deeds, i);
        long long number = json_as_integer(json_get(deed, "number"));
        if (number <= (long long)json_count(list))
            continue; /* within the one before */
        Json *one = json_new_map(a);
        json_set_integer(one, "number", number);
        json_set_integer(one, "line", json_as_integer(json_get(deed, "line")));
        json_set_text(one, "kind", json_as_text(json_get(deed, "kind")));
        json_set_text(one, "sql", fail_redacted(json_as_text(json_get(deed, "sql"))));
        json_set(one, "impact", prospect_json(a, file, (size_t)number));
        json_append(list, one);
    }
    json_set(json, "statements", list);
    if (listing->rehearsal)
        json_set(json, "rehearsed", replay_file_json(a, listing->rehearsal, m->id));
    return json;
}
