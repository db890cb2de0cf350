#include "rehearsal.h"

#include "clock.h"
#include "fail.h"
#include "inquiry.h"
#include "log.h"
#include "proof.h"
#include "sql.h"
#include "variable.h"

#include <string.h>

/* Everything that is at hand while it runs. */
typedef struct {
    Arena *arena;
    Pg *pg;
    const Review *review;
    Rehearsal *result;
    const ReviewFile *file;
    TraceEye eye;
    Inquiry inquiry;
} Scene;

static void note(Scene *scene, RehearsalNotes *notes, size_t line, const char *text) {
    size_t size = sizeof *notes->at;
    notes->at = arena_grow(scene->arena, notes->at, notes->count * size, (notes->count + 1) * size);
    notes->at[notes->count++] =
        (RehearsalNote){scene->file->item->migration->path, line, arena_string(scene->arena, text)};
}

/* ---- what it did, and what the plan says ---- */

static bool has(const Json *list, const char *id) {
    for (size_t i = 0; i < json_count(list); i++)
        if (text_same(json_as_text(json_at(list, i)), id))
            return true;
    return false;
}

/* Number 0: any statement of the file may have said it. */
static bool says(const Scene *scene, size_t number, const char *id, const char *mode) {
    for (size_t i = 0; i < json_count(scene->file->deeds); i++) {
        const Json *deed = json_at(scene->file->deeds, i), *impact = json_get(deed, "impact");
        const Json *locks = json_get(impact, "locks");
        if (number && (size_t)json_as_integer(json_get(deed, "number")) != number)
            continue;
        if (!mode && has(json_get(impact, "rewrites"), id))
            return true;
        for (size_t k = 0; mode && k < json_count(locks); k++)
            if (text_same(json_as_text(json_get(json_at(locks, k), "relation")), id) &&
                trace_rank(json_as_text(json_get(json_at(locks, k), "mode"))) >= trace_rank(mode))
                return true;
    }
    return false;
}

/* What the run made itself is nobody's concern. */
static void compare(Scene *scene, const RehearsalDeed *deed) {
    RehearsalNotes *notes = &scene->result->differences;
    Arena *a = scene->arena;
    for (size_t i = 0; i < deed->trace.count; i++) {
        const TraceTouch *touch = &deed->trace.touch[i];
        if (!touch->is_table || touch->is_new)
            continue;
        if (touch->stronger && !says(scene, deed->number, touch->relation, touch->modes.at[0]))
            note(scene, notes, deed->line,
                 arena_format(a, "it locks %s: %s, and the plan does not say so", touch->relation,
                              touch->modes.at[0]));
        if (touch->rewritten && !says(scene, deed->number, touch->relation, NULL))
            note(scene, notes, deed->line,
                 arena_format(a, "it writes %s anew, and the plan does not say so",
                              touch->relation));
    }
}

static bool add(Scene *scene, RehearsalDeed deed) {
    Rehearsal *result = scene->result;
    size_t size = sizeof deed;
    deed.id = scene->file->id;
    result->ms += deed.ms;
    result->deed = arena_grow(scene->arena, result->deed, result->statements * size,
                              (result->statements + 1) * size);
    result->deed[result->statements++] = deed;
    return true;
}

/* What the review says that the statement locks. */
static Json *planned(const Scene *scene, size_t number) {
    Json *list = json_new_list(scene->arena);
    for (size_t i = 0; i < json_count(scene->file->deeds); i++) {
        const Json *deed = json_at(scene->file->deeds, i);
        const Json *locks = json_get(json_get(deed, "impact"), "locks");
        bool is_it = (size_t)json_as_integer(json_get(deed, "number")) == number;
        for (size_t k = 0; is_it && k < json_count(locks); k++) {
            const Json *lock = json_at(locks, k);
            Json *one = json_new_map(scene->arena);
            json_set_text(one, "relation", json_as_text(json_get(lock, "relation")));
            json_set_text(one, "mode", json_as_text(json_get(lock, "mode")));
            json_set_flag(one, "is_new", json_as_flag(json_get(lock, "is_new")));
            json_append(list, one);
        }
    }
    return list;
}

/* The deed is the statement that has just ended. */
static bool look(Scene *scene, RehearsalDeed deed) {
    if (!trace_look(&scene->eye, scene->arena, &deed.trace))
        return false;
    if (!deed.trace.holds && deed.number)
        deed.planned = planned(scene, deed.number);
    compare(scene, &deed);
    return add(scene, deed);
}

/* ---- running ---- */

static bool say(Scene *scene, const char *sql) {
    size_t completed;
    return pg_message(scene->pg, sql, (PgCopies){0, NULL}, &completed);
}

static bool fails(Scene *scene, const SqlHalf *half, const Statement *s) {
    return fail_at(lexer_place(scene->arena, half->file, half->text, s->at));
}

static bool run_statement(Scene *scene, const SqlHalf *half, size_t i) {
    const Statement *s = &half->statements.at[i];
    const Bytes sql = variable_sql(half, s), data = {half->text + s->data_at, s->data_length};
    long long start = clock_ms();
    size_t completed;
    if (!pg_message(scene->pg, arena_bytes(scene->arena, sql.at, sql.length),
                    (PgCopies){s->copies_in, &data}, &completed))
        return fails(scene, half, s);
    const RehearsalDeed deed = {.number = i + 1,
                                .line = s->line,
                                .ms = clock_ms() - start,
                                .trace.holds = pg_state(scene->pg) == PG_IN_TRANSACTION};
    bool is_first = s->kind == STATEMENT_BEGIN || s->sets_transaction; /* before any query */
    return is_first ? add(scene, deed) : look(scene, deed);
}

static bool run_part(Scene *scene, const SqlHalf *half, const Part *part, size_t from) {
    bool ours = part->kind == PART_TRANSACTION;
    trace_begin(&scene->eye);
    if (ours && !say(scene, "BEGIN"))
        return false;
    for (size_t i = part->first; i < part->first + part->count; i++) {
        StatementKind kind = half->statements.at[i].kind;
        if (i < from || (ours && (kind == STATEMENT_COMMIT || kind == STATEMENT_ROLLBACK)))
            continue;
        if (!run_statement(scene, half, i))
            return false;
    }
    return pg_state(scene->pg) == PG_IDLE || say(scene, "COMMIT");
}

static bool run_sql(Scene *scene) {
    const PlanItem *item = scene->file->item;
    const SqlHalf *half = &item->migration->sql->up;
    size_t from = item->row && item->state == PLAN_PARTIAL ? (size_t)item->row->position : 0;
    for (size_t i = 0; i < half->parts.count; i++) {
        const Part *part = &half->parts.at[i];
        if (part->first + part->count > from && !run_part(scene, half, part, from))
            return false;
    }
    return true;
}

static bool hear(void *with, const char *sql, int line, long long ms) {
    Scene *scene = with;
    return look(scene, (RehearsalDeed){
                           .line = (size_t)line, .sql = arena_string(scene->arena, sql), .ms = ms});
}

static bool run_script(Scene *scene) {
    const Declaration *d = &scene->file->item->migration->declaration;
    bool in_transaction = script_flag(d, "transaction", true);
    trace_begin(&scene->eye);
    if (in_transaction && !say(scene, "BEGIN"))
        return false;
    script_on_statement(d->script, (ScriptEar){hear, scene});
    bool ok = script_call(d, "up", scene->pg);
    script_on_statement(d->script, (ScriptEar){NULL, NULL});
    return ok && (!in_transaction || say(scene, "COMMIT"));
}

static bool ask(Scene *scene) {
    Inquiry *inquiry = &scene->inquiry;
    Inquiry was = {inquiry->count, arena_take(scene->arena, (inquiry->count + 1) * sizeof *was.at)};
    if (inquiry->count)
        memcpy(was.at, inquiry->at, inquiry->count * sizeof *was.at);
    if (!inquiry_try(scene->arena, scene->pg, inquiry))
        return false;
    for (size_t i = 0; i < inquiry->count; i++)
        if (was.at[i].is_fit && !inquiry->at[i].is_fit)
            note(scene, &scene->result->broken, 0,
                 arena_format(scene->arena, "%s: %s", inquiry->at[i].why, inquiry->at[i].text));
    return true;
}

/* Batches change rows, and there are none. */
static bool run_file(Scene *scene) {
    const Migration *m = scene->file->item->migration;
    if (m->kind == MIGRATION_BACKFILL)
        return true;
    if (!(m->kind == MIGRATION_LUA ? run_script(scene) : run_sql(scene))) {
        pg_roll_back(scene->pg);
        return fail_in("%s, rehearsed", m->name);
    }
    return say(scene, session_clean(scene->arena, scene->pg)) && ask(scene);
}

static bool run_all(Scene *scene) {
    if (!inquiry_try(scene->arena, scene->pg, &scene->inquiry))
        return false;
    for (size_t i = 0; i < scene->inquiry.count; i++)
        scene->result->queries += scene->inquiry.at[i].is_fit;
    for (size_t i = 0; i < scene->review->count; i++) {
        scene->file = &scene->review->file[i];
        if (!run_file(scene))
            return false;
    }
    return true;
}

/* What the scratch server lacks, people must know; it says nothing about the files. */
static bool is_for_lack(Scene *scene, Mould *mould) {
    if (!scratch_lacks())
        return false;
    mould_lacks(scene->arena, mould, failure()->message);
    scene->result->problem = arena_string(scene->arena, failure()->message);
    fail_clear();
    return true;
}

static bool tell(void) {
    if (failure()->kind == FAIL_ERROR)
        fail_as(FAIL_MIGRATION);
    fail_state("it failed on an empty copy of the schema, which is gone; nothing was run here");
    return fail_next("mend the file, then: stint plan --rehearse");
}

static bool hold(Scene *scene, Mould *mould) {
    scene->pg = session_open(scene->arena, mould->config, "rehearse", SESSION_MUST_EXIST);
    if (!scene->pg)
        return false;
    bool ok = (trace_open(&scene->eye, scene->arena, scene->pg) && run_all(scene)) ||
              is_for_lack(scene, mould) || tell();
    trace_close(&scene->eye);
    pg_close(scene->pg);
    return ok;
}

/* No pg_dump, no server: that is said, and is no failure of the plan. */
static bool give_up(Arena *a, Rehearsal *out) {
    if (failure()->kind == FAIL_INTERRUPTED)
        return false;
    out->problem = arena_string(a, failure()->message);
    log_warn("no rehearsal: %s%s%s", failure()->message, failure()->hint ? "; " : "",
             failure()->hint ? failure()->hint : "");
    fail_clear();
    return true;
}

/* ---- that it went well ---- */

static const char *why_unproven(const Rehearsal *out) {
    if (out->problem || out->lacks.count)
        return "not all could be tried";
    if (out->differences.count)
        return "not all is as the plan says";
    return out->broken.count ? "statements of the application break" : NULL;
}

static bool prove(const Run *run, const Review *review, Rehearsal *out) {
    Arena *a = run->arena;
    Proof proof = {.kind = "rehearsed",
                   .message = arena_format(a, "%zu statements", out->statements),
                   .files.at = arena_take(a, (review->count + 1) * sizeof *proof.files.at)};
    for (size_t i = 0; i < review->count; i++)
        proof.files.at[proof.files.count++] = review->file[i].item->migration;
    out->unproven = why_unproven(out);
    return out->unproven || proof_write(run->pg, a, &run->ledger, &proof, &out->unproven);
}

bool rehearsal_hold(Run *run, const Review *review, const RehearsalQueries *queries,
                    Rehearsal *out) {
    Mould mould;
    *out = (Rehearsal){0};
    Scene scene = {.arena = run->arena, .review = review, .result = out};
    if (queries->asks && !(queries->file ? inquiry_read(run->arena, queries->file, &scene.inquiry)
                           : run->pg     ? inquiry_ask(run->arena, run->pg, &scene.inquiry)
                                         : true))
        return false;
    bool made = mould_make(run->arena, run->config, run->pg, &mould);
    bool ok = made ? hold(&scene, &mould) : give_up(run->arena, out);
    out->place = mould.scratch.place;
    out->lacks = mould.lacks;
    mould_close(&mould);
    return ok && prove(run, review, out);
}

const char *rehearsal_certainty(const Rehearsal *rehearsal) {
    return rehearsal->lacks.count || rehearsal->problem ? "assumed" : "certain";
}
