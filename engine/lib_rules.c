#include "lib_testing.h"

#include "fail.h"
#include "text.h"

#include <string.h>

/* What specs ask of the judge: findings in a text, and the tests inside the team's policies. It
 * sits in the scripts' own sandbox. */

static Testing *testing_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

static bool declare(Testing *t, const char *path) {
    Bytes text;
    Declaration declared;
    return file_read(t->arena, path, &text) &&
           script_declare(t->team, path, text.at, text.length, &declared) &&
           (text_same(declared.kind, "policy") ||
            fail(FAIL_CONFIG, "%s:%d: a file of this folder declares policy {...}, not %s {...}",
                 path, declared.line, declared.kind));
}

/* The team's policies, whatever environment they are for: their paths. */
static bool declare_all(Testing *t, Json *paths) {
    FileNames names;
    const char *folder = file_join(t->arena, t->wanted->config->scripts, "policies");
    if (!file_is_folder(folder))
        return true;
    if (!file_names(t->arena, folder, &names))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        const char *path = file_join(t->arena, folder, names.name[i]);
        if (!text_ends(path, ".lua") || names.is_folder[i])
            continue;
        if (!declare(t, path))
            return false;
        json_append_text(paths, path);
    }
    return true;
}

static bool exchange(Testing *t, lua_State *L, const char *function, Json *with, Json **out) {
    Json *paths = json_new_list(t->arena);
    if (!lib_testing_team(t, L) || !declare_all(t, paths))
        return false;
    json_set(with, "policies", paths);
    return script_exchange(t->arena, t->team, function, "the policies", with, out);
}

static int push_answer(lua_State *L, const Json *answer) {
    const char *text = json_text(answer);
    lib_json_push(L, text, strlen(text));
    arena_reset(sandbox_of(L)->cell);
    return 1;
}

/* lint(texts of JSON): { sql or files, facts, environment } in, { findings, coverage } out */
static int testing_lint(lua_State *L) {
    Testing *t = testing_of(L);
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    Json *with, *answer;
    if (!json_parse(t->arena, text, length, &with) || !exchange(t, L, "judge_text", with, &answer))
        return lib_testing_raise(L);
    return push_answer(L, answer);
}

/* rule_tests(): as hooks/bench.lua gives them */
static int testing_rule_tests(lua_State *L) {
    Testing *t = testing_of(L);
    Json *answer;
    if (!exchange(t, L, "rule_tests", json_new_map(t->arena), &answer))
        return lib_testing_raise(L);
    return push_answer(L, answer);
}

const luaL_Reg lib_testing_rules[] = {
    {"lint", testing_lint},
    {"rule_tests", testing_rule_tests},
    {NULL, NULL},
};
