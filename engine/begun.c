#include "begun.h"

#include "backfill.h"
#include "fail.h"
#include "resume.h"
#include "text.h"

static bool is_same(const PlanItem *item) {
    return item->row->tokens && text_same(item->row->tokens, item->migration->tokens);
}

static bool read_partial(Run *run, PlanItem *item) {
    bool kept;
    if (!migration_open(run->look, item->migration, NULL)) {
        fail_clear(); /* told when it is run */
        return true;
    }
    if (!resume_is_kept(run->pg, run->look, run->ledger.schema, item->migration, item->row, &kept))
        return false;
    item->begun_edited = !kept;
    return true;
}

static bool read_backfill(Run *run, PlanItem *item) {
    Backfill backfill = {.migration = item->row->id};
    if (!backfill_find(run->pg, run->look, run->ledger.schema, &backfill))
        return false;
    item->begun_edited = backfill.id && !text_same(backfill.spec, item->migration->tokens);
    return true;
}

static bool read_one(Run *run, PlanItem *item) {
    const Migration *m = item->migration;
    if (!migration_tokens(run->look, item->migration)) {
        fail_clear();
        return true;
    }
    if (item->state == PLAN_BACKFILLING && text_same(item->row->kind, "backfill") &&
        m->kind != MIGRATION_SQL)
        return read_backfill(run, item);
    if (item->state == PLAN_PARTIAL && text_same(item->row->kind, "sql") &&
        m->kind == MIGRATION_SQL && !is_same(item))
        return read_partial(run, item);
    return true;
}

bool begun_read(Run *run) {
    for (size_t i = 0; i < run->plan.count; i++) {
        PlanItem *item = &run->plan.item[i];
        bool is_begun = item->state == PLAN_PARTIAL || item->state == PLAN_BACKFILLING;
        if (is_begun && item->migration && !read_one(run, item))
            return false;
    }
    return true;
}
