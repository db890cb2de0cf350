#include "resume.h"

#include "fail.h"
#include "log.h"
#include "sql.h"
#include "text.h"
#include "variable.h"

#include <string.h>

static bool changed_before(const Step *step, long position) {
    fail(FAIL_LEDGER, "%s: one of its first %ld statements was changed after they were %s",
         step->half->file, position, step->way == STEP_UP ? "applied" : "run");
    fail_state("%s", step_stands(step));
    return fail_next("undo the edit up to there (a half-applied file may be edited from its failed "
                     "statement on), or: stint resolve %s --accept-change",
                     step->migration->version);
}

/* The ledger's text, so that the next look at it finds what will be run. */
static bool write_text(Step *step) {
    const Migration *m = step->migration;
    const SqlHalf *half = step->half;
    const char *count = arena_format(step->arena, "%zu", half->statements.count);
    if (step->way == STEP_UP)
        return pg_do(step->pg, ledger_sql(step->arena, step->schema, SQL_LEDGER_RETEXT),
                     PG_WITH(m->id, m->checksum, m->tokens, m->down_tokens, m->text.at,
                             m->down_path ? m->down_text.at : NULL, count));
    return pg_do(step->pg, ledger_sql(step->arena, step->schema, SQL_REVERT_RETEXT),
                 PG_WITH(m->id,
                         arena_bytes(step->arena, half->text + half->from, half->to - half->from),
                         count));
}

/* With its COPY data: they are applied, too. */
static size_t end_of(const Statement *s) {
    return s->copies_in ? s->data_at + s->data_length : s->at + s->length;
}

/* Are the first `count` statements the same in tokens? */
static bool are_kept(Arena *a, const SqlHalf *then, const SqlHalf *now, size_t count) {
    if (count > then->statements.count || count > now->statements.count)
        return false;
    if (!count)
        return true;
    size_t x = end_of(&then->statements.at[count - 1]), y = end_of(&now->statements.at[count - 1]);
    return text_same(statement_tokens(a, then->text, then->from, x),
                     statement_tokens(a, now->text, now->from, y));
}

bool resume_is_kept(Pg *pg, Arena *a, const char *schema, const Migration *m, const LedgerRow *row,
                    bool *kept) {
    const char *text, *down;
    SqlFile file;
    if (!ledger_texts(pg, a, schema, m->id, &text, &down) ||
        !sqlfile_recall(a, m->path, text, down, &file))
        return false;
    *kept = text_same(file.up.tokens, m->sql->up.tokens) ||
            are_kept(a, &file.up, &m->sql->up, (size_t)row->position);
    return true;
}

/* A half-applied file may be edited behind its position: what was applied must be equal in tokens.
 */
static bool check_edit(Step *step, const LedgerRow *row) {
    const Migration *m = step->migration;
    const char *text, *down;
    SqlFile file;
    if (step->way == STEP_UP && strcmp(row->tokens, m->tokens) == 0)
        return true;
    if (!ledger_texts(step->pg, step->arena, step->schema, m->id, &text, &down) ||
        !sqlfile_recall(step->arena, m->path, text, down, &file))
        return false;
    const SqlHalf *before = step->way == STEP_UP ? &file.up : file.down;
    if (before && text_same(before->tokens, step->half->tokens))
        return true;
    if (!before || !are_kept(step->arena, before, step->half, (size_t)row->position))
        return changed_before(step, row->position);
    log_say("%s: was edited behind statement %ld; going on with the new text", m->name,
            row->position);
    return write_text(step);
}

static void add_settings(const Step *step, const Part *part, Text *sql) {
    for (size_t i = part->first; i < part->first + part->count && (long)i < step->position; i++) {
        const Statement *s = &step->half->statements.at[i];
        if (strcmp(s->words, "DISCARD ALL") == 0)
            *sql = text_on(step->arena);
        if (s->kind != STATEMENT_SESSION)
            continue;
        Bytes setting = variable_sql(step->half, s);
        text_add_bytes(sql, setting.at, setting.length);
        text_add(sql, "\n;\n");
    }
}

/* Settings that the applied statements made are gone with the session that made them; those of a
 * part that the file rolled back were gone at its end. */
static StepAnswer replay_settings(Step *step) {
    Text sql = text_on(step->arena);
    for (size_t i = 0; i < step->half->parts.count; i++)
        if (step->half->parts.at[i].kind != PART_ROLLED_BACK)
            add_settings(step, &step->half->parts.at[i], &sql);
    if (!sql.length || pg_do_all(step->pg, sql.at))
        return STEP_DONE;
    fail_in("cannot make the settings of the applied statements again");
    return step_failed_or_lost(step);
}

StepAnswer resume_file(Step *step, const LedgerRow *row) {
    StepAnswer answer = step_prelude(step);
    if (answer != STEP_DONE)
        return answer;
    if (!check_edit(step, row))
        return step_failed_or_lost(step);
    log_say("%s: going on after statement %ld of %zu", step->migration->name, row->position,
            step->half->statements.count);
    answer = replay_settings(step);
    if (answer != STEP_DONE || !row->intent)
        return answer;
    size_t number = (size_t)row->intent - 1;
    if ((long)number != step->position || number >= step->half->statements.count) {
        changed_before(step, row->position);
        return STEP_FAILED;
    }
    Statement *s = &step->half->statements.at[number];
    if (s->kind != STATEMENT_SOLO) { /* that it is one turned out when it was run */
        s->kind = STATEMENT_SOLO;
        s->solo = SOLO_UNKNOWN;
    }
    return step_resume_solo(step, number, row->intent_facts);
}
