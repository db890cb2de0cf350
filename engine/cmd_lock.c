#include "cli.h"

#include "fail.h"
#include "json.h"
#include "lock.h"
#include "session.h"
#include "text.h"

static void print_holder(Call *call, const LockHolder *holder) {
    if (call->json) {
        Json *json = json_new_map(call->arena);
        json_set_flag(json, "held", holder->pid != 0);
        if (holder->pid) {
            json_set_integer(json, "pid", holder->pid);
            json_set_text(json, "program", holder->program);
            json_set_text(json, "role", holder->role);
            json_set_text(json, "from", holder->from);
            json_set_text(json, "since", holder->since);
            json_set_integer(json, "seconds", holder->seconds);
            json_set_text(json, "query", holder->query);
        }
        puts(json_text(json));
    } else if (!holder->pid)
        puts("nobody holds the run lock");
    else
        printf("held by %s\n  %s\n", holder->text, holder->query);
}

static bool release(Call *call, Pg *pg, const LockHolder *holder) {
    if (!holder->pid) {
        print_holder(call, holder);
        return true;
    }
    if (!call->yes) {
        print_holder(call, holder);
        fail(FAIL_REFUSED, "this would end that session and roll back what it is doing");
        return fail_next("if it is dead: stint lock release --yes");
    }
    if (!lock_end_holder(pg, holder))
        return fail_in("cannot end pid %d", holder->pid);
    if (call->json) {
        Json *json = json_new_map(call->arena);
        json_set_text(json, "ended", holder->text);
        json_set_integer(json, "pid", holder->pid);
        puts(json_text(json));
    } else
        printf("ended %s\n", holder->text);
    return true;
}

static bool lock(Call *call) {
    const char *word = call->given.word_count ? call->given.word[0] : "show";
    LockHolder holder;
    bool releasing = text_same(word, "release");
    if (!releasing && !text_same(word, "show"))
        return fail(FAIL_USAGE, "lock takes show or release, not %s", word);
    Pg *pg = session_open(call->arena, call->config, "lock", SESSION_MUST_EXIST);
    bool ok = pg && lock_holder(pg, call->arena, call->config->ledger_schema, &holder);
    if (ok && releasing)
        ok = release(call, pg, &holder);
    else if (ok)
        print_holder(call, &holder);
    pg_close(pg);
    return ok;
}

const Command cmd_lock = {
    .name = "lock",
    .usage = "[show|release [--yes]]",
    .about = "who holds the run lock; end that session",
    .needs = NEED_CONFIG,
    .run = lock,
};
