#include "plan.h"

#include "fail.h"
#include "file.h"
#include "log.h"
#include "order.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char *const states[] = {
    "applied", "baselined", "pending",      "failed",      "partial", "backfilling",
    "edited",  "missing",   "out_of_order", "rolled_back", "partial",
};

const char *plan_state(PlanState state) {
    return states[state];
}

const char *plan_name(const PlanItem *item) {
    return item->migration ? item->migration->name : item->row->name;
}

const char *plan_version(const PlanItem *item) {
    return item->migration ? item->migration->version : item->row->version;
}

bool plan_is_due(const PlanItem *item) {
    if (item->skipped)
        return false;
    switch (item->state) {
    case PLAN_PENDING:
    case PLAN_FAILED:
    case PLAN_PARTIAL:
    case PLAN_BACKFILLING:
    case PLAN_OUT_OF_ORDER:
    case PLAN_ROLLED_BACK:
        return true;
    default:
        return false;
    }
}

bool plan_is_repeatable(const PlanItem *item) {
    return item->migration ? item->migration->kind == MIGRATION_REPEATABLE
                           : strcmp(item->row->kind, "repeatable") == 0;
}

static int by_version(const void *a, const void *b) {
    const PlanItem *x = a, *y = b;
    if (plan_is_repeatable(x) != plan_is_repeatable(y))
        return plan_is_repeatable(x) ? 1 : -1;
    if (plan_is_repeatable(x))
        return strcmp(plan_name(x), plan_name(y));
    int order = migration_order(plan_version(x), plan_version(y));
    return order ? order : strcmp(plan_name(x), plan_name(y));
}

static bool is_settled(const LedgerRow *row) {
    return text_same(row->state, "applied") || text_same(row->state, "baselined");
}

bool plan_is_applied(const PlanItem *item) {
    return item->row && is_settled(item->row);
}

/* Bytes first, tokens only where the bytes differ. */
static bool compare(Arena *a, PlanItem *item) {
    Migration *m = item->migration;
    if (!m->checksum && !migration_read(a, m))
        return false;
    item->state = text_same(item->row->state, "applied") ? PLAN_APPLIED : PLAN_BASELINED;
    if (strcmp(m->checksum, item->row->checksum) == 0 && !m->down_path && !item->row->had_twin)
        return true;
    if (!migration_tokens(a, m))
        return false;
    if (strcmp(m->tokens, item->row->tokens) != 0)
        item->state = m->kind == MIGRATION_REPEATABLE ? PLAN_PENDING : PLAN_EDITED;
    else if (m->kind == MIGRATION_SQL) {
        if (!migration_open(a, m, NULL))
            return false;
        item->down_changed = !text_same(m->down_tokens, item->row->down_tokens);
    }
    return true;
}

static bool judge(Arena *a, const Ledger *ledger, PlanItem *item, const char *newest) {
    Migration *m = item->migration;
    item->row = ledger_row(ledger, m->id);
    if (item->row && is_settled(item->row)) {
        if (!compare(a, item))
            return false;
    } else if (item->row && text_same(item->row->state, "backfilling"))
        item->state = PLAN_BACKFILLING;
    else if (item->row && text_same(item->row->state, "partial"))
        item->state = PLAN_PARTIAL;
    else if (item->row && text_same(item->row->state, "reverting"))
        item->state = PLAN_REVERTING;
    else if (m->kind != MIGRATION_REPEATABLE && newest && migration_order(m->version, newest) < 0)
        item->state = PLAN_OUT_OF_ORDER;
    else
        item->state =
            item->row && m->kind != MIGRATION_REPEATABLE ? PLAN_ROLLED_BACK : PLAN_PENDING;
    return true;
}

void plan_tell_failures(Plan *plan, const Ledger *ledger) {
    for (size_t i = 0; i < plan->count; i++) {
        PlanItem *item = &plan->item[i];
        if (!plan_is_due(item))
            continue;
        item->failure = ledger_failure(ledger, item->migration->id);
        if (item->failure && item->state == PLAN_PENDING)
            item->state = PLAN_FAILED;
    }
}

/* The newest version that is applied; repeatable files have no place in the order. */
static const char *newest_applied(const Ledger *ledger) {
    const char *newest = NULL;
    for (size_t i = 0; i < ledger->count; i++) {
        const LedgerRow *row = &ledger->row[i];
        if (is_settled(row) && strcmp(row->kind, "repeatable") != 0 &&
            (!newest || migration_order(row->version, newest) > 0))
            newest = row->version;
    }
    return newest;
}

static bool has_file(const Migrations *files, const char *id) {
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->at[i].id, id) == 0)
            return true;
    return false;
}

/* Rows whose file is gone. Both lists are long, so a missing one is looked for only when the
 * numbers say that there is one. */
static void add_missing(Arena *a, const Migrations *files, const Ledger *ledger, size_t known,
                        Plan *plan) {
    if (known == ledger->count)
        return;
    size_t most = plan->count + ledger->count;
    plan->item =
        arena_grow(a, plan->item, plan->count * sizeof *plan->item, most * sizeof *plan->item);
    for (size_t i = 0; i < ledger->count; i++) {
        const LedgerRow *row = &ledger->row[i];
        if (strcmp(row->state, "rolled_back") != 0 && !has_file(files, row->id))
            plan->item[plan->count++] = (PlanItem){
                .row = row,
                .state = strcmp(row->state, "reverting") == 0 ? PLAN_REVERTING : PLAN_MISSING};
    }
}

bool plan_make(Arena *a, Migrations *files, const Ledger *ledger, Plan *out) {
    const char *newest = newest_applied(ledger);
    size_t known = 0;
    *out = (Plan){.item = arena_take(a, (files->count + 1) * sizeof *out->item)};
    for (size_t i = 0; i < files->count; i++) {
        PlanItem *item = &out->item[out->count++];
        item->migration = &files->at[i];
        if (!judge(a, ledger, item, newest))
            return false;
        known += item->row != NULL;
        out->due += plan_is_due(item);
    }
    add_missing(a, files, ledger, known, out);
    order_sort(out->item, out->count, sizeof *out->item, by_version);
    return true;
}

static bool refuse_edited(const PlanItem *item) {
    const Migration *m = item->migration;
    fail(FAIL_LEDGER, "%s was edited after it was applied", m->path);
    fail_state("nothing was run");
    return fail_next("undo the edit and write a new migration; or, if the database is right as "
                     "it is: stint resolve %s --accept-change (stint status -v shows the "
                     "difference)",
                     m->version);
}

static bool refuse_missing(const PlanItem *item) {
    const LedgerRow *row = item->row;
    bool half = row->position < row->statements && text_same(row->state, "partial");
    if (half)
        fail(FAIL_LEDGER, "%s is applied up to statement %ld of %ld, but its file is missing",
             row->name, row->position, row->statements);
    else
        fail(FAIL_LEDGER, "%s is applied, but its file is missing", row->name);
    fail_state("nothing was run");
    return fail_next("bring the file back; or let it go: stint resolve %s --rolled-back; or "
                     "order = warn in config.ini",
                     item->row->version);
}

static bool refuse_begun(const PlanItem *item) {
    const char *path = item->migration->path;
    bool backfill = item->state == PLAN_BACKFILLING;
    if (backfill)
        fail(FAIL_LEDGER, "%s was changed since this backfill began", path);
    else
        fail(FAIL_LEDGER, "%s: one of its first %ld statements was changed after they were applied",
             path, item->row->position);
    if (backfill)
        fail_state("nothing was run; the batches before are done with the old text");
    else
        fail_state("%ld of %ld statements are applied; nothing was run", item->row->position,
                   item->row->statements);
    return fail_next(
        "undo the edit%s; or go on with the new text: stint resolve %s --accept-change",
        backfill ? "" : " (a half-applied file may be edited from its failed statement on)",
        plan_version(item));
}

static bool refuse_reverting(const PlanItem *item) {
    fail(FAIL_PARTIAL, "%s is being rolled back", plan_name(item));
    if (strcmp(item->row->kind, "sql") == 0)
        fail_state("%ld of %ld statements of its way down are done", item->row->position,
                   item->row->statements);
    else
        fail_state("its way down was begun and did not end");
    return fail_next("stint down goes on there; then stint up applies it again");
}

static bool refuse_late(const PlanItem *item) {
    fail(FAIL_LEDGER, "%s is older than the newest applied migration", item->migration->path);
    fail_state("nothing was run");
    return fail_next("give it a new version, or let late files in: order = warn (or allow) in "
                     "config.ini, --order warn on the command line");
}

/* Version, full name or path, as everywhere. */
static bool is_named(const PlanItem *item, const char *word) {
    const char *base = file_base(word), *name = plan_name(item);
    size_t length = strlen(name);
    if (word[strspn(word, "0123456789")] == 0)
        return migration_order(word, plan_version(item)) == 0;
    return strncmp(base, name, length) == 0 &&
           (!base[length] || text_same(base + length, ".sql") || text_same(base + length, ".lua"));
}

static bool refuse_without(const PlanItem *item, const char *word, const PlanItem *found,
                           const char *why) {
    fail(FAIL_LEDGER, "%s requires %s, which %s", item->migration->path,
         found ? plan_name(found) : word, why);
    fail_state("nothing was run");
    return fail_next("bring the file that it requires, under an older version; or take the word "
                     "out of its requires");
}

static const PlanItem *named(const Plan *plan, const char *word) {
    for (size_t i = 0; i < plan->count; i++)
        if (is_named(&plan->item[i], word))
            return &plan->item[i];
    return NULL;
}

bool plan_is_left(const PlanItem *item) {
    return item->waits && text_same(item->waits, plan_name(item));
}

const char *plan_waits(const Plan *plan, const PlanItem *item, const char *order) {
    bool begun = item->state == PLAN_PARTIAL || item->state == PLAN_BACKFILLING;
    bool in_turn = text_same(order, "strict") || plan_is_repeatable(item);
    for (size_t i = 0; i < item->requires.count; i++) {
        const PlanItem *found = named(plan, item->requires.at[i]);
        if (found && found->waits)
            return found->waits;
    }
    bool follows = plan->held && plan->held < item;
    return follows && in_turn && !begun ? plan->held->waits : NULL;
}

/* What a file requires is applied, or due before it. */
static bool accept_requires(const Plan *plan, size_t number) {
    const PlanItem *item = &plan->item[number];
    for (size_t i = 0; i < item->requires.count; i++) {
        const char *word = item->requires.at[i];
        const PlanItem *found = named(plan, word);
        if (!found)
            return refuse_without(item, word, NULL, "is not there");
        if (found == item)
            return refuse_without(item, word, found, "is the file itself");
        if (found->skipped)
            return refuse_without(item, word, found, "is not for this environment");
        if (plan_is_due(found) && found > item)
            return refuse_without(item, word, found, "comes after it");
    }
    return true;
}

bool plan_accept(const Plan *plan, const char *order) {
    bool strict = strcmp(order, "strict") == 0, warn = strcmp(order, "warn") == 0;
    for (size_t i = 0; i < plan->count; i++) {
        const PlanItem *item = &plan->item[i];
        if (item->state == PLAN_EDITED)
            return refuse_edited(item);
        if (item->begun_edited)
            return refuse_begun(item);
        if (item->down_changed)
            log_say("%s: the way down was changed since it was applied", item->migration->path);
        if (item->state == PLAN_REVERTING)
            return refuse_reverting(item);
        if (item->state == PLAN_MISSING && plan_is_repeatable(item))
            continue;
        if (item->state == PLAN_MISSING && strict)
            return refuse_missing(item);
        if (item->state == PLAN_OUT_OF_ORDER && strict)
            return refuse_late(item);
        if (warn && item->state == PLAN_MISSING)
            log_warn("%s is applied, but its file is missing", item->row->name);
        if (warn && item->state == PLAN_OUT_OF_ORDER)
            log_warn("%s is older than the newest applied migration", item->migration->path);
        if (plan_is_due(item) && !accept_requires(plan, i))
            return false;
    }
    return true;
}
