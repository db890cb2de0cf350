#include "cli.h"

#include "clock.h"
#include "fail.h"
#include "ignore.h"
#include "log.h"
#include "pair.h"
#include "release.h"
#include "run.h"
#include "signature.h"
#include "text.h"

#include <string.h>

static bool new_key(const Call *call, const char *path) {
    const char *key;
    if (call->given.word_count)
        return fail(FAIL_USAGE, "--new-key promotes nothing: leave %s out", call->given.word[0]);
    if (!signature_new_key(call->arena, path, &key) || !ignore_secret(call->arena, path))
        return false;
    printf("release_key = ed25519:%s\n", key);
    log_say("%s is for who makes records (release_key = %s); the line above checks them", path,
            path);
    return true;
}

static bool load_from(const Call *call, Config **out) {
    const Config *target = call->config;
    const char *from = option_value(&call->given, "from");
    if (!from)
        return fail(FAIL_USAGE, "promote wants to know where it passed: --from ENV");
    return pair_load(call->arena, target, from, out) && pair_are_two(target, *out);
}

static bool read_passed(Arena *a, const Config *from, Ledger *out) {
    Pg *pg = session_open(a, from, "promote", SESSION_MUST_EXIST);
    bool ok = pg && ledger_read(pg, a, from->ledger_schema, LEDGER_WHOLE, out);
    pg_close(pg);
    return ok || fail_in("%s", from->environment);
}

static bool keep(const Call *call, const Release *release) {
    Arena *a = call->arena;
    const char *out = option_value(&call->given, "out"), *now = clock_version(a);
    const char *text = arena_format(a, "%s\n", json_pretty(release->json));
    if (text_same(out, "-")) {
        fputs(text, stdout);
        return true;
    }
    if (!out)
        out = arena_format(a, "releases/%s_%.8sT%sZ.json", release->target, now, now + 8);
    if (!file_create(out, text))
        return false;
    if (call->json) {
        json_set_text(release->json, "file", out);
        puts(json_text(release->json));
        return true;
    }
    printf("release  %s\n", out);
    for (size_t i = 0; i < release->count; i++)
        printf("  %s  (%s at %s)\n", release->entry[i].name, release->from,
               release->entry[i].applied_at ? release->entry[i].applied_at : "a time not known");
    printf("  stint deploy -e %s --release %s\n", release->target, out);
    return true;
}

static bool make(const Call *call, const Plan *plan) {
    Ledger passed;
    Release release;
    Config *from;
    if (!load_from(call, &from) || !read_passed(call->arena, from, &passed) ||
        !release_make(call->arena, call->config, from, plan, &passed, &release))
        return false;
    if (release.count)
        return keep(call, &release);
    log_say("nothing to promote: %s has all that is here", call->config->environment);
    return true;
}

static bool check(const Call *call, const char *path, const Plan *plan) {
    Release release;
    if (!release_read(call->arena, call->config, path, &release) ||
        !release_accepts(call->arena, &release, plan))
        return false;
    if (call->json)
        puts(json_text(release.json));
    else
        printf("good     %s: signed, and covers the %zu that are pending in %s\n", path, plan->due,
               release.target);
    return true;
}

static bool promote(Call *call) {
    const char *path = option_value(&call->given, "check");
    const char *key = option_value(&call->given, "new-key");
    Run run = {.arena = call->arena, .config = call->config, .command = "promote"};
    if (key)
        return new_key(call, key);
    if (call->given.word_count != 1 || option_value(&call->given, "env"))
        return fail(FAIL_USAGE, "promote takes the environment that it is for: stint promote "
                                "production --from staging");
    bool ok = run_peek(&run) && plan_accept(&run.plan, call->config->order) &&
              (path ? check(call, path, &run.plan) : make(call, &run.plan));
    run_close(&run);
    return ok;
}

static const Option options[] = {
    {"from", 0, "ENV", "where it has passed"},
    {"out", 0, "FILE", "the record (releases/ENV_TIME.json); -: print it"},
    {"check", 0, "FILE", "look at a record: its signature, and whether it covers what is pending"},
    {"new-key", 0, "FILE", "makes a private key in FILE, and shows the line that checks by it"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_promote = {
    .name = "promote",
    .usage = "ENV --from ENV [--out FILE] | ENV --check FILE | --new-key FILE",
    .about = "a signed record of what has passed elsewhere, for deploy --release",
    .help =
        "All that is pending in ENV must have been applied in the other environment, as the same\n"
        "text. The record holds versions, checksums, when and how long each ran there, signed\n"
        "with release_key.",
    .needs = NEED_CONFIG | NEED_NAMED,
    .options = options,
    .run = promote,
};
