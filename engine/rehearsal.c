#include "rehearsal.h"

#include "clock.h"
#include "fail.h"
#include "inquiry.h"
#include "log.h"
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
    PgRows before; /* rehearsal_state */
    Inquiry inquiry;
} Stage;

static void note(Stage *stage, RehearsalNotes *notes, size_t line, const char *text) {
    size_t size = sizeof *notes->at;
    notes->at = arena_grow(stage->arena, notes->at, notes->count * size, (notes->count + 1) * size);
    notes->at[notes->count++] =
        (RehearsalNote){stage->file->item->migration->path, line, arena_string(stage->arena, text)};
}

/* ---- what it did, and what the plan says ---- */

static bool has(const Json *list, const char *id) {
    for (size_t i = 0; i < json_count(list); i++)
        if (text_same(json_as_text(json_at(list, i)), id))
            return true;
    return false;
}

static int rank(const char *mode) {
    static const char *const modes[] = {
        "AccessShare", "RowShare",          "RowExclusive", "ShareUpdateExclusive",
        "Share",       "ShareRowExclusive", "Exclusive",    "AccessExclusive"};
    for (int i = 0; mode && i < (int)(sizeof modes / sizeof *modes); i++) {
        size_t length = strlen(modes[i]);
        if (strncmp(mode, modes[i], length) == 0 &&
            (!mode[length] || text_same(mode + length, "Lock")))
            return i + 1;
    }
    return 0;
}

/* Number 0: any statement of the file may have said it. */
static bool says(const Stage *stage, size_t number, const char *id, const char *mode) {
    for (size_t i = 0; i < json_count(stage->file->deeds); i++) {
        const Json *deed = json_at(stage->file->deeds, i), *impact = json_get(deed, "impact");
        const Json *locks = json_get(impact, "locks");
        if (number && (size_t)json_as_integer(json_get(deed, "number")) != number)
            continue;
        if (!mode && has(json_get(impact, "rewrites"), id))
            return true;
        for (size_t k = 0; mode && k < json_count(locks); k++)
            if (text_same(json_as_text(json_get(json_at(locks, k), "relation")), id) &&
                rank(json_as_text(json_get(json_at(locks, k), "mode"))) >= rank(mode))
                return true;
    }
    return false;
}

/* A table that was there, before and after. */
static void compare_table(Stage *stage, size_t number, size_t line, const PgRows *now, size_t i,
                          size_t k) {
    const char *id = pg_cell(&stage->before, k, 1), *mode = pg_cell(now, i, 3);
    Arena *a = stage->arena;
    if (rank(mode) > rank(pg_cell(&stage->before, k, 3)) && !says(stage, number, id, mode))
        note(stage, &stage->result->differences, line,
             arena_format(a, "it locks %s: %.*s, and the plan does not say so", id,
                          (int)(strlen(mode) - strlen("Lock")), mode));
    if (!text_same(pg_cell(now, i, 2), pg_cell(&stage->before, k, 2)) &&
        !says(stage, number, id, NULL))
        note(stage, &stage->result->differences, line,
             arena_format(a, "it writes %s anew, and the plan does not say so", id));
}

static bool look(Stage *stage, PgRows *out) {
    return pg_rows(stage->pg, stage->arena, out, SQL_REHEARSAL_STATE, PG_NONE);
}

static bool compare(Stage *stage, size_t number, size_t line) {
    PgRows now;
    if (!look(stage, &now))
        return false;
    for (size_t i = 0, k = 0; i < now.count && k < stage->before.count;) {
        long long here = pg_integer(&now, i, 0), there = pg_integer(&stage->before, k, 0);
        if (here == there)
            compare_table(stage, number, line, &now, i, k);
        i += here <= there;
        k += there <= here;
    }
    stage->before = now;
    return true;
}

/* ---- running ---- */

static bool say(Stage *stage, const char *sql) {
    size_t completed;
    return pg_message(stage->pg, sql, (PgCopies){0, NULL}, &completed);
}

static bool fails(Stage *stage, const SqlHalf *half, const Statement *s) {
    SqlPlace place = sqlfile_place(stage->arena, half->text, s->at);
    fail_at((FailPlace){half->file, place.line, place.column, place.source});
    return false;
}

static bool run_statement(Stage *stage, const SqlHalf *half, size_t i) {
    const Statement *s = &half->statements.at[i];
    const Bytes sql = variable_sql(half, s), data = {half->text + s->data_at, s->data_length};
    size_t completed;
    if (!pg_message(stage->pg, arena_bytes(stage->arena, sql.at, sql.length),
                    (PgCopies){s->copies_in, &data}, &completed))
        return fails(stage, half, s);
    stage->result->statements++;
    return pg_state(stage->pg) == PG_IN_FAILED_TRANSACTION || compare(stage, i + 1, s->line);
}

static bool run_part(Stage *stage, const SqlHalf *half, const Part *part, size_t from) {
    bool ours = part->kind == PART_TRANSACTION;
    if (ours && !say(stage, "BEGIN"))
        return false;
    for (size_t i = part->first; i < part->first + part->count; i++) {
        StatementKind kind = half->statements.at[i].kind;
        if (i < from || (ours && (kind == STATEMENT_COMMIT || kind == STATEMENT_ROLLBACK)))
            continue;
        if (!run_statement(stage, half, i))
            return false;
    }
    return pg_state(stage->pg) == PG_IDLE || say(stage, "COMMIT");
}

static bool run_sql(Stage *stage) {
    const PlanItem *item = stage->file->item;
    const SqlHalf *half = &item->migration->sql->up;
    size_t from = item->row && item->state == PLAN_PARTIAL ? (size_t)item->row->position : 0;
    for (size_t i = 0; i < half->parts.count; i++) {
        const Part *part = &half->parts.at[i];
        if (part->first + part->count > from && !run_part(stage, half, part, from))
            return false;
    }
    return true;
}

static bool run_script(Stage *stage) {
    const Declaration *d = &stage->file->item->migration->declaration;
    bool in_transaction = script_flag(d, "transaction", true);
    if ((in_transaction && !say(stage, "BEGIN")) || !script_call(d, "up", stage->pg))
        return false;
    stage->result->statements += (long)json_count(stage->file->deeds);
    return compare(stage, 0, 0) && (!in_transaction || say(stage, "COMMIT"));
}

static bool ask(Stage *stage) {
    Inquiry *inquiry = &stage->inquiry;
    Inquiry was = {inquiry->count, arena_take(stage->arena, (inquiry->count + 1) * sizeof *was.at)};
    if (inquiry->count)
        memcpy(was.at, inquiry->at, inquiry->count * sizeof *was.at);
    if (!inquiry_try(stage->arena, stage->pg, inquiry))
        return false;
    for (size_t i = 0; i < inquiry->count; i++)
        if (was.at[i].is_fit && !inquiry->at[i].is_fit)
            note(stage, &stage->result->broken, 0,
                 arena_format(stage->arena, "%s: %s", inquiry->at[i].why, inquiry->at[i].text));
    return true;
}

/* Batches change rows, and there are none. */
static bool run_file(Stage *stage) {
    const Migration *m = stage->file->item->migration;
    if (m->kind == MIGRATION_BACKFILL)
        return true;
    bool ok = look(stage, &stage->before) &&
              (m->kind == MIGRATION_LUA ? run_script(stage) : run_sql(stage));
    if (!ok) {
        pg_roll_back(stage->pg);
        return fail_in("%s, rehearsed", m->name);
    }
    return say(stage, session_clean(stage->arena, stage->pg)) && ask(stage);
}

static bool run_all(Stage *stage) {
    long long start = clock_ms();
    if (!inquiry_try(stage->arena, stage->pg, &stage->inquiry))
        return false;
    for (size_t i = 0; i < stage->inquiry.count; i++)
        stage->result->queries += stage->inquiry.at[i].is_fit;
    for (size_t i = 0; i < stage->review->count; i++) {
        stage->file = &stage->review->file[i];
        if (!run_file(stage))
            return false;
    }
    stage->result->ms = clock_ms() - start;
    return true;
}

/* What the scratch server lacks, people must know; it says nothing about the files. */
static bool is_for_lack(Stage *stage, Mould *mould) {
    if (!scratch_lacks())
        return false;
    mould_lacks(stage->arena, mould, failure()->message);
    stage->result->problem = arena_string(stage->arena, failure()->message);
    fail_clear();
    return true;
}

static bool tell(void) {
    if (failure()->kind == FAIL_ERROR)
        fail_as(FAIL_MIGRATION);
    fail_state("it failed on an empty copy of the schema, which is gone; nothing was run here");
    return fail_next("mend the file, then: stint plan --rehearse");
}

static bool hold(Stage *stage, Mould *mould) {
    stage->pg = session_open(stage->arena, mould->config, "rehearse", SESSION_MUST_EXIST);
    if (!stage->pg)
        return false;
    bool ok = run_all(stage) || is_for_lack(stage, mould) || tell();
    pg_close(stage->pg);
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

bool rehearsal_hold(Run *run, const Review *review, const RehearsalQueries *queries,
                    Rehearsal *out) {
    Mould mould;
    *out = (Rehearsal){0};
    Stage stage = {.arena = run->arena, .review = review, .result = out};
    if (queries->asks && !(queries->file ? inquiry_read(run->arena, queries->file, &stage.inquiry)
                           : run->pg     ? inquiry_ask(run->arena, run->pg, &stage.inquiry)
                                         : true))
        return false;
    bool made = mould_make(run->arena, run->config, run->pg, &mould);
    bool ok = made ? hold(&stage, &mould) : give_up(run->arena, out);
    out->place = mould.scratch.place;
    out->lacks = mould.lacks;
    mould_close(&mould);
    return ok;
}

/* ---- telling ---- */

const char *rehearsal_certainty(const Rehearsal *rehearsal) {
    return rehearsal->lacks.count || rehearsal->problem ? "assumed" : "certain";
}

/* A statement that breaks is a finding as any. */
static void make_findings(Json *list, const char *certainty) {
    for (size_t i = 0; i < json_count(list); i++) {
        Json *one = json_at(list, i);
        json_set_text(one, "rule", "query-breaks");
        json_set_text(one, "family", "compat");
        json_set_text(one, "level", "error");
        json_set_text(one, "certainty", certainty);
    }
}

static Json *notes_json(Arena *a, const RehearsalNotes *notes) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < notes->count; i++) {
        Json *one = json_new_map(a);
        json_set_text(one, "file", notes->at[i].file);
        json_set_integer(one, "line", (long long)notes->at[i].line);
        json_set_text(one, "message", fail_redacted(notes->at[i].text));
        json_append(list, one);
    }
    return list;
}

Json *rehearsal_json(Arena *a, const Rehearsal *rehearsal) {
    Json *json = json_new_map(a), *lacks = json_new_list(a);
    for (size_t i = 0; i < rehearsal->lacks.count; i++)
        json_append_text(lacks, rehearsal->lacks.at[i]);
    json_set_text(json, "certainty", rehearsal_certainty(rehearsal));
    json_set_text(json, "problem", rehearsal->problem);
    json_set(json, "lacks", lacks);
    json_set_integer(json, "statements", rehearsal->statements);
    json_set_integer(json, "duration_ms", rehearsal->ms);
    json_set(json, "differences", notes_json(a, &rehearsal->differences));
    json_set_integer(json, "queries", (long long)rehearsal->queries);
    Json *broken = notes_json(a, &rehearsal->broken);
    make_findings(broken, rehearsal_certainty(rehearsal));
    json_set(json, "broken", broken);
    return json;
}
