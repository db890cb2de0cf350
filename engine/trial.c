#include "trial.h"

#include "approval.h"
#include "fail.h"
#include "mould.h"
#include "session.h"
#include "sql.h"
#include "stage.h"
#include "text.h"

#include <string.h>

/* So many files go up and down together: each look at the schema is kept until they are judged. */
enum { MOST_TOGETHER = 50 };

typedef struct {
    Arena *arena;
    Trial *out;
    const Run *target; /* whose pending files they are; NULL: nobody's */
    Stage *stage;
    bool is_spoilt; /* the stage is no more what files leave behind */
} Hold;

static bool begin_anew(Hold *hold) {
    hold->is_spoilt = false;
    return stage_begin(hold->stage);
}

/* Whatever was half applied is gone with the copy. */
static bool tell_way_up(const Hold *hold) {
    if (failure()->kind == FAIL_ERROR || failure()->kind == FAIL_PARTIAL)
        fail_as(FAIL_MIGRATION);
    scratch_explain(hold->stage->scratch);
    fail_state("it failed on %s of the scratch server, which is gone; nothing was run here",
               hold->out->from);
    return fail_next("mend the file, then: stint verify%s",
                     hold->out->of_pending ? " --pending" : "");
}

static bool stand_at(Hold *hold, size_t position) {
    Stage *stage = hold->stage;
    if ((hold->is_spoilt || stage->position > position) && !begin_anew(hold))
        return false;
    return stage->position == position || stage_climb(stage, position, NULL) || tell_way_up(hold);
}

/* ---- what is wrong ---- */

static void note(Hold *hold, size_t i, TrialAnswer answer, const char *message) {
    TrialFile *file = &hold->out->file[i];
    file->answer = answer;
    file->message = message;
    hold->out->faults++;
    hold->is_spoilt = true;
}

static bool differs(Hold *hold, size_t i, const PgRows *was, const PgRows *is,
                    const char *message) {
    const CatalogDifferences all = catalog_compare(hold->arena, was, is);
    if (!all.count)
        return false;
    hold->out->file[i].differences = catalog_wholes(hold->arena, &all);
    note(hold, i, TRIAL_DIFFERS, message);
    return true;
}

/* Is it the file's doing? */
static bool is_fault(const Hold *hold) {
    static const FailKind kinds[] = {FAIL_INTERRUPTED, FAIL_CONNECT, FAIL_RUN_LOCK};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (failure()->kind == kinds[i])
            return false;
    return !hold->stage->blind.kind;
}

static void note_failure(Hold *hold, size_t i, const char *which) {
    Failure why = fail_kept(hold->arena);
    note(hold, i, TRIAL_FAILS,
         arena_format(hold->arena, "%s fails: %s%s%s", which, why.message, why.detail ? "; " : "",
                      why.detail ? why.detail : ""));
    if (why.place.file)
        hold->out->file[i].place = why.place;
    fail_clear();
}

/* ---- up, down, up ---- */

typedef struct {
    size_t first, end; /* files */
    PgRows before, *up, *down, *again;
    size_t fault; /* the file that is not as it should be; end: none */
} Group;

static bool go_up(Hold *hold, Group *group) {
    return stage_look(hold->stage, &group->before) &&
           (stage_climb(hold->stage, group->end, group->up) || tell_way_up(hold));
}

/* The newest first: what is wrong with one shows before it can spoil the next. */
static bool go_down(Hold *hold, Group *group) {
    bool ok = stage_descend(hold->stage, group->end - group->first, group->down);
    if (!ok && !is_fault(hold))
        return false;
    for (size_t i = group->end; group->fault == group->end && i-- > group->first;) {
        const PgRows *was = i == group->first ? &group->before : &group->up[i - 1];
        if (!group->down[i].cell) {
            group->fault = i;
            note_failure(hold, i, "its way down");
        } else if (!hold->out->file[i].begun && /* else nobody knows what was before */
                   differs(hold, i, was, &group->down[i],
                           "after its way down the schema is not what it was before"))
            group->fault = i;
    }
    if (!ok && group->fault == group->end)
        return false;
    fail_clear();
    return true;
}

static bool go_up_again(Hold *hold, Group *group) {
    bool ok = stage_climb(hold->stage, group->end, group->again);
    if (!ok && !is_fault(hold))
        return false;
    for (size_t i = group->first; group->fault == group->end && i < group->end; i++) {
        if (!group->again[i].cell) {
            group->fault = i;
            note_failure(hold, i, "its second way up");
        } else if (differs(hold, i, &group->up[i], &group->again[i],
                           "after its second way up the schema is not what it was after the first"))
            group->fault = i;
    }
    if (!ok && group->fault == group->end)
        return false;
    fail_clear();
    return true;
}

static bool try_group(Hold *hold, Group *group) {
    Arena *looks = hold->stage->looks;
    size_t size = (hold->out->count + 1) * sizeof(PgRows);
    arena_reset(looks);
    group->up = arena_take(looks, size);
    group->down = arena_take(looks, size);
    group->again = arena_take(looks, size);
    group->fault = group->end;
    return stand_at(hold, group->first) && go_up(hold, group) && go_down(hold, group) &&
           (group->fault < group->end || go_up_again(hold, group));
}

/* What one file spoils is no matter of those before and behind it. */
static bool try_files(Hold *hold, size_t first, size_t end) {
    Group group = {.first = first, .end = end};
    if (first == end)
        return true;
    if (!try_group(hold, &group))
        return false;
    return group.fault == end ||
           (try_files(hold, first, group.fault) && try_files(hold, group.fault + 1, end));
}

static bool try_all(Hold *hold) {
    const Trial *out = hold->out;
    for (size_t first = 0, end; first < out->count; first = end + (end == first)) {
        end = first;
        while (end < out->count && end - first < MOST_TOGETHER &&
               out->file[end].answer != TRIAL_ONE_WAY)
            end++;
        if (!try_files(hold, first, end))
            return false;
    }
    return (!hold->is_spoilt || begin_anew(hold)) &&
           (stage_climb(hold->stage, out->count, NULL) || tell_way_up(hold));
}

/* ---- the files ---- */

/* "applied up to statement 1 of 3" */
static const char *begun_in(const Run *target, Arena *a, const char *id) {
    const LedgerRow *row = target ? ledger_row(&target->ledger, id) : NULL;
    if (row && text_same(row->state, "partial"))
        return arena_format(a, "applied up to statement %ld of %ld", row->position,
                            row->statements);
    return row && text_same(row->state, "backfilling") ? "a backfill under way" : NULL;
}

static void add_file(Hold *hold, StageFile *names, const Migration *m) {
    Arena *a = hold->arena;
    Trial *out = hold->out;
    TrialFile *file = &out->file[out->count];
    *file = (TrialFile){.id = arena_string(a, m->id),
                        .version = arena_string(a, m->version),
                        .name = arena_string(a, m->name),
                        .tokens = approval_tokens(a, m),
                        .begun = begun_in(hold->target, a, m->id),
                        .answer = migration_has_down(m) ? TRIAL_VERIFIED : TRIAL_ONE_WAY,
                        .place = {.file = arena_string(a, m->path)}};
    out->ways += migration_has_down(m);
    names[out->count++] = (StageFile){file->id, file->version, file->name};
}

/* Those that are due in the scratch database. */
static bool list_files(Hold *hold) {
    Stage *stage = hold->stage;
    Run run = {
        .arena = hold->arena, .config = stage->config, .command = "verify", .depth = LEDGER_BRIEF};
    bool ok = run_connect(&run, SESSION_MUST_EXIST) && run_look(&run);
    size_t most = run.plan.count + 1;
    StageFile *names = arena_take(hold->arena, most * sizeof *names);
    hold->out->file = arena_take(hold->arena, most * sizeof(TrialFile));
    for (size_t i = 0; ok && i < run.plan.count; i++) {
        const PlanItem *item = &run.plan.item[i];
        if (!plan_is_due(item) || plan_is_repeatable(item))
            continue;
        ok = run_open(&run, item->migration);
        if (ok)
            add_file(hold, names, item->migration);
    }
    stage->file = names;
    stage->count = hold->out->count;
    run_close(&run);
    return ok;
}

/* What the stage is a copy of: both or none. */
static bool on_stage(Arena *a, Trial *out, Scratch *scratch, const char *model, const Run *target) {
    Stage stage = {.arena = a, .looks = arena_new(), .scratch = scratch, .model = model};
    Hold hold = {.arena = a, .out = out, .target = target, .stage = &stage};
    bool ok = stage_begin(&stage) && list_files(&hold) && try_all(&hold);
    stage_end(&stage);
    arena_free(stage.looks);
    return ok;
}

bool trial_hold(Arena *a, const Config *config, Trial *out) {
    Scratch scratch;
    *out = (Trial){.from = "an empty database"};
    if (!scratch_open(a, config, &scratch))
        return false;
    out->place = scratch.place;
    bool ok = on_stage(a, out, &scratch, NULL, NULL);
    scratch_close(&scratch);
    return ok;
}

/* ---- of what is pending ---- */

/* What is applied in the target counts as applied in the copy. */
static bool mark(Pg *pg, const Run *target) {
    Arena *a = target->arena;
    const char *schema = target->config->ledger_schema;
    PgRows rows;
    if (!pg_do(pg, ledger_sql(a, schema, SQL_TRIAL_FORGET), PG_NONE) || !ledger_prepare(pg, schema))
        return false;
    return !target->ledger.version ||
           (pg_row(target->pg, a, &rows, ledger_sql(a, schema, SQL_TRIAL_READ), PG_NONE) &&
            pg_do(pg, ledger_sql(a, schema, SQL_TRIAL_WRITE), PG_WITH(pg_cell(&rows, 0, 0))));
}

static bool prepare(Mould *mould, const Run *target) {
    Pg *pg = session_open(target->arena, mould->config, "verify", SESSION_MUST_EXIST);
    bool ok = pg && mark(pg, target);
    pg_close(pg);
    return ok;
}

bool trial_hold_pending(Arena *a, const Run *target, Trial *out) {
    Mould mould;
    *out = (Trial){.from = "an empty copy of the schema", .of_pending = true};
    /* what the target's own run would refuse as the files are, no copy can tell more about */
    if (!plan_accept(&target->plan, "allow"))
        return false;
    bool ok = mould_make(a, target->config, target->pg, &mould) && prepare(&mould, target) &&
              on_stage(a, out, &mould.scratch, mould.database, target);
    out->place = mould.scratch.place;
    out->lacks = mould.lacks;
    mould_close(&mould);
    return ok;
}

const TrialFile *trial_file(const Trial *trial, const char *id) {
    for (size_t i = 0; i < trial->count; i++)
        if (text_same(trial->file[i].id, id))
            return &trial->file[i];
    return NULL;
}

const char *trial_answer(TrialAnswer answer) {
    static const char *const words[] = {"verified", "one_way", "fails", "differs"};
    return words[answer];
}
