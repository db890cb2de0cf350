#include "step.h"

#include "clock.h"
#include "fail.h"
#include "log.h"
#include "message.h"
#include "sql.h"
#include "text.h"
#include "variable.h"

#include <string.h>

static const char *number(Step *step, long long n) {
    return arena_format(step->arena, "%lld", n);
}

static const char *ours(Step *step, const char *sql, PgArgs args) {
    return ledger_inline(step->pg, step->arena, step->schema, sql, args);
}

static const char *open_sql(Step *step, const char *sql) {
    const Migration *m = step->migration;
    long statements = step->half ? (long)step->half->statements.count : 1;
    return ours(step, sql,
                PG_WITH(m->id, m->version, m->name, migration_kind(m->kind),
                        number(step, statements), number(step, step->run), m->checksum, m->tokens,
                        m->down_tokens, m->text.at, m->down_path ? m->down_text.at : NULL,
                        ledger_who(), step->repeated));
}

static const char *revert_sql(Step *step) {
    const SqlHalf *half = step->half;
    const char *text =
        half ? arena_bytes(step->arena, half->text + half->from, half->to - half->from) : NULL;
    return ours(step, SQL_REVERT_OPEN,
                PG_WITH(step->migration->id, number(step, step->run_believed),
                        number(step, step->run),
                        number(step, half ? (long long)half->statements.count : 1), text));
}

const char *step_finish_sql(Step *step, long position) {
    if (step->way == STEP_DOWN)
        return ours(step, SQL_REVERT_FINISH, PG_WITH(step->migration->id, ledger_who()));
    return ours(step, SQL_LEDGER_FINISH, PG_WITH(step->migration->id, number(step, position)));
}

static const char *position_sql(Step *step, long position, bool is_last) {
    if (is_last)
        return step_finish_sql(step, position);
    return ours(step, SQL_LEDGER_ADVANCE, PG_WITH(step->migration->id, number(step, position)));
}

/* The ledger write that opens the transaction: it waits for, and dies of, another run's. */
static void add_fence(Step *step, Message *message, const char *open) {
    const Migration *m = step->migration;
    if (step->begun) {
        message_add_fence(message,
                          ours(step, SQL_LEDGER_FENCE,
                               PG_WITH(m->id, number(step, step->position),
                                       number(step, step->run_believed), number(step, step->run))));
        return;
    }
    if (step->rolled_back)
        message_add(message, ours(step, SQL_LEDGER_FORGET, PG_WITH(m->id)), 1);
    message_add_fence(message, step->way == STEP_DOWN ? revert_sql(step)
                               : step->repeated       ? open_sql(step, SQL_LEDGER_REPEAT)
                                                      : open_sql(step, open));
}

/* What the file SET for its own statements must not reach ours. */
static void add_own_role(Step *step, Message *message) {
    const char *role = pg_target(step->pg)->role;
    message_add(message, "SET LOCAL SESSION AUTHORIZATION DEFAULT", 1);
    message_add(
        message,
        role ? arena_format(step->arena, "SET LOCAL ROLE %s", pg_ident(step->pg, step->arena, role))
             : "SET LOCAL ROLE NONE",
        1);
}

/* Somebody else holds or has written the row that our fence wanted. */
static bool is_taken(const char *sqlstate) {
    return text_same(sqlstate, "23505") || text_same(sqlstate, "22012") ||
           text_same(sqlstate, "55P03") || text_same(sqlstate, "40P01");
}

static const Statement *statement_failed(const Step *step) {
    return &step->half->statements.at[step->failed];
}

/* The statement commits or refuses to be in a transaction: only the server could know. */
static bool wants_no_transaction(const char *sqlstate) {
    return text_same(sqlstate, "2D000") || text_same(sqlstate, "25001");
}

static StepAnswer answer_failure(Step *step, const Message *message, size_t completed) {
    PgError error = *pg_error(step->pg);
    char sqlstate[6];
    memcpy(sqlstate, error.sqlstate, sizeof sqlstate);
    if (error.lost)
        return STEP_LOST;
    MessageWhere where =
        message_where(message, completed, error.position, &step->failed, &step->place);
    if (where == MESSAGE_FENCE && is_taken(sqlstate)) {
        pg_roll_back(step->pg);
        fail_clear();
        return STEP_TAKEN;
    }
    if (where == MESSAGE_STATEMENT) {
        fail_at(step->place);
        if (wants_no_transaction(sqlstate) && !statement_failed(step)->sets_transaction) {
            pg_roll_back(step->pg);
            return STEP_SPLIT;
        }
    } else if (where == MESSAGE_OURS && message->half)
        fail_in("at the end of the transaction");
    pg_roll_back(step->pg);
    return retreat_is_lock(step->retreat) ? STEP_LOCKED : STEP_FAILED;
}

/* This try's patience with locks; the first has the session's own. */
static void add_patience(Step *step, Message *message) {
    const char *setting = retreat_setting(step->retreat, step->arena);
    if (setting)
        message_add(message, setting, 1);
}

static StepAnswer send(Step *step, const Message *message) {
    size_t completed;
    if (pg_message(step->pg, message->text.at, message_copies(message), &completed))
        return STEP_DONE;
    return answer_failure(step, message, completed);
}

const char *step_stands(const Step *step) {
    return arena_format(step->arena, "%ld of %zu statements %s", step->position,
                        step->half ? step->half->statements.count : 1,
                        step->way == STEP_UP ? "are applied" : "of its way down are done");
}

static StepAnswer moved_on(Step *step, long position) {
    step->begun = true;
    step->rolled_back = false;
    step->run_believed = step->run;
    step->position = position;
    step->prelude = NULL;
    return STEP_DONE;
}

static void add_prelude(Step *step, Message *message) {
    if (step->prelude)
        message_add(message, step->prelude, step->prelude_count);
}

StepAnswer step_write(Step *step, const char *sql, size_t count) {
    Message message = message_on(step->arena, NULL, step->migration->name);
    add_prelude(step, &message);
    message_add(&message, "BEGIN", 1);
    add_own_role(step, &message);
    add_fence(step, &message, SQL_LEDGER_OPEN);
    message_add(&message, sql, count);
    message_add(&message, "COMMIT", 1);
    StepAnswer answer = send(step, &message);
    return answer == STEP_DONE ? moved_on(step, step->position) : answer;
}

StepAnswer step_note(Step *step, const char *kind, const char *text) {
    Message message = message_on(step->arena, NULL, step->migration->name);
    message_add(&message, "BEGIN", 1);
    add_own_role(step, &message);
    message_add(
        &message,
        ours(step, SQL_LEDGER_EVENT,
             PG_WITH(number(step, step->run), step->migration->id, kind, ledger_who(), text, NULL)),
        1);
    message_add(&message, "COMMIT", 1);
    return send(step, &message);
}

/* A role that the file has SET for its later parts would meet our fence: then the fence goes last,
 * where our own role is back. */
static bool changes_role(const SqlHalf *half) {
    for (size_t i = 0; i < half->statements.count; i++) {
        const Statement *s = &half->statements.at[i];
        Bytes sql = variable_sql(half, s);
        for (size_t at = 0; s->kind == STATEMENT_SESSION && at + 4 <= sql.length; at++)
            if (text_same_bytes(sql.at + at, "role", 4) || text_same_bytes(sql.at + at, "auth", 4))
                return true;
    }
    return false;
}

static bool is_border(const Statement *s) {
    return s->kind == STATEMENT_BEGIN || s->kind == STATEMENT_COMMIT ||
           s->kind == STATEMENT_ROLLBACK;
}

/* The file's own BEGIN of a part; one that goes on after AND CHAIN has it in a part before. */
static size_t begin_of(const Step *step, const Part *part) {
    size_t i = part->first;
    while (i > 0 && step->half->statements.at[i].kind != STATEMENT_BEGIN)
        i--;
    return i;
}

/* The text that opens the part's transaction: the file's own BEGIN keeps its modes. */
static const char *opening_of(const Step *step, const Part *part) {
    if (part->kind == PART_TRANSACTION)
        return "BEGIN";
    const Statement *first = &step->half->statements.at[begin_of(step, part)];
    return arena_bytes(step->arena, step->half->text + first->at, first->length);
}

/* SET TRANSACTION must come before any query, our fence included: so then the prelude goes alone.
 */
static StepAnswer send_prelude_first(Step *step) {
    if (!step->prelude)
        return STEP_DONE;
    Message alone = message_on(step->arena, NULL, NULL);
    add_prelude(step, &alone);
    StepAnswer answer = send(step, &alone);
    if (answer == STEP_DONE)
        step->prelude = NULL;
    return answer;
}

/* SET TRANSACTION at the beginning, or before an AND CHAIN, which hands it on. */
static size_t add_leading_modes(const Step *step, const Part *part, Message *message) {
    size_t next = part->first, end = part->first + part->count;
    size_t begin = part->kind == PART_TRANSACTION ? next : begin_of(step, part);
    for (size_t i = begin; i < part->first; i++)
        if (step->half->statements.at[i].sets_transaction)
            message_add_statement(message, i);
    for (; next < end; next++) {
        const Statement *s = &step->half->statements.at[next];
        if (s->sets_transaction)
            message_add_statement(message, next);
        else if (!is_border(s))
            break;
    }
    return next;
}

static bool begins_with_modes(const Step *step, const Part *part) {
    for (size_t i = part->first; i < part->first + part->count; i++)
        if (!is_border(&step->half->statements.at[i]))
            return step->half->statements.at[i].sets_transaction;
    return false;
}

static void add_work(Step *step, Message *message, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (!is_border(&step->half->statements.at[i]))
            message_add_statement(message, i);
}

/* A file that fits in one transaction of ours: its row is written once, as what it will be. */
static StepAnswer whole_file(Step *step, const Part *part) {
    Message message = message_on(step->arena, step->half, step->migration->name);
    add_prelude(step, &message);
    message_add(&message, "BEGIN", 1);
    add_patience(step, &message);
    add_fence(step, &message, SQL_LEDGER_APPLY);
    add_work(step, &message, part->first, part->first + part->count);
    message_add(&message, "COMMIT", 1);
    StepAnswer answer = send(step, &message);
    return answer == STEP_DONE ? moved_on(step, (long)part->count) : answer;
}

StepAnswer step_part(Step *step, const Part *part, bool is_last) {
    if (is_last && !step->begun && step->way == STEP_UP && part->kind == PART_TRANSACTION &&
        !begins_with_modes(step, part))
        return whole_file(step, part);
    long after = (long)(part->first + part->count);
    if (begins_with_modes(step, part)) {
        StepAnswer answer = send_prelude_first(step);
        if (answer != STEP_DONE)
            return answer;
    }
    Message message = message_on(step->arena, step->half, step->migration->name);
    add_prelude(step, &message);
    message_add(&message, opening_of(step, part), 1);
    size_t next = add_leading_modes(step, part, &message), end = part->first + part->count;
    bool fence_last = part->kind == PART_ROLLED_BACK || (step->begun && changes_role(step->half));
    add_patience(step, &message);
    if (!fence_last)
        add_fence(step, &message, SQL_LEDGER_OPEN);
    add_work(step, &message, next, end);
    if (part->kind == PART_ROLLED_BACK)
        message_add(&message, "ROLLBACK; BEGIN", 2);
    add_own_role(step, &message);
    if (fence_last)
        add_fence(step, &message, SQL_LEDGER_OPEN);
    message_add(&message, position_sql(step, after, is_last), 1);
    message_add(&message, "COMMIT", 1);
    StepAnswer answer = send(step, &message);
    return answer == STEP_DONE ? moved_on(step, after) : answer;
}

StepAnswer step_lua(Step *step) {
    const Declaration *d = &step->migration->declaration;
    bool in_transaction = script_flag(d, "transaction", true);
    Message opening = message_on(step->arena, NULL, step->migration->name);
    add_prelude(step, &opening);
    message_add(&opening, "BEGIN", 1);
    add_patience(step, &opening);
    add_fence(step, &opening, SQL_LEDGER_OPEN);
    if (!in_transaction) {
        message_add(&opening,
                    ours(step, SQL_LEDGER_INTEND, PG_WITH(step->migration->id, "1", NULL)), 1);
        message_add(&opening, "COMMIT", 1);
    }
    StepAnswer answer = send(step, &opening);
    if (answer != STEP_DONE)
        return answer;
    if (!script_call(d, step->way == STEP_UP ? "up" : "down", step->pg)) {
        if (pg_state(step->pg) == PG_LOST)
            return STEP_LOST;
        pg_roll_back(step->pg);
        if (in_transaction && retreat_is_lock(step->retreat))
            return STEP_LOCKED;
        if (!in_transaction)
            moved_on(step, 0);
        return STEP_FAILED;
    }
    Message closing = message_on(step->arena, NULL, step->migration->name);
    if (in_transaction)
        add_own_role(step, &closing);
    message_add(&closing, step_finish_sql(step, 1), 1);
    if (in_transaction)
        message_add(&closing, "COMMIT", 1);
    answer = send(step, &closing);
    return answer == STEP_DONE ? moved_on(step, 1) : answer;
}
