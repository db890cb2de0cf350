/* The guard beside a server, for the specs: transactions that are held to what is said of them. */
#include "guard.h"

#include "fail.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_guard[];

static void try_one(Arena *a, Pg *pg, const Config *config, const Json *one, Json *answers) {
    Json *answer = json_new_map(a);
    Guard guard;
    size_t completed;
    guard_arm(&guard, a, config, pg, json_get(one, "deeds"));
    bool ok = pg_do(pg, "BEGIN", PG_NONE) &&
              pg_message(pg, json_as_text(json_get(one, "sql")), (PgCopies){0, NULL}, &completed);
    guard_disarm(&guard);
    json_set_text(answer, "said", guard.tripped);
    json_set_text(answer, "failed", ok ? NULL : pg_error(pg)->sqlstate);
    json_set_text(answer, "why", ok ? NULL : failure()->message);
    pg_roll_back(pg);
    fail_clear();
    json_append(answers, answer);
}

/* try(URL, text of JSON: { { sql, deeds }... }): each in a transaction that is rolled back:
 * { { said: what the guard had against it, or null; failed: SQLSTATE, or null; why }... }; or nil
 * and why not. */
static int try_all(lua_State *L) {
    const PgTarget target = {.conninfo = luaL_checkstring(L, 1), .what = "spec"};
    static char on[] = "on";
    const Config config = {.guard = on};
    Arena *a = arena_new();
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    Json *list, *answers = json_new_list(a);
    Pg *pg = pg_open(a, &target);
    bool ok = pg && json_parse(a, text, length, &list) && pg_do(pg, guard_setting, PG_NONE);
    for (size_t i = 0; ok && i < json_count(list); i++)
        try_one(a, pg, &config, json_at(list, i), answers);
    lua_pushstring(L, ok ? json_text(answers) : NULL);
    lua_pushstring(L, ok ? NULL : failure()->message);
    pg_close(pg);
    arena_free(a);
    return 2;
}

const luaL_Reg native_guard[] = {{"try", try_all}, {NULL, NULL}};
