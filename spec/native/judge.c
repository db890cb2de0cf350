/* Rules and impact, for the specs: what the world answers, and the query that gives it facts. */
#include "fail.h"
#include "script.h"
#include "sql.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_judge[];

/* exchange(function, text of JSON): what the world's function gives back, as such a text; or nil
 * and why not. In a world without a team's scripts. */
static int exchange(lua_State *L) {
    Arena *a = arena_new();
    ScriptLimits limits = {.folder = "."};
    Script *script = script_open(a, &limits);
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    Json *in, *out;
    bool ok = script && json_parse(a, text, length, &in) &&
              script_exchange(a, script, luaL_checkstring(L, 1), "a spec", in, &out);
    lua_pushstring(L, ok ? json_text(out) : NULL);
    lua_pushstring(L, ok ? NULL : failure()->message);
    script_close(script);
    arena_free(a);
    return 2;
}

/* The query for facts; $1 is the ledger's schema. */
static int facts_sql(lua_State *L) {
    lua_pushstring(L, SQL_FACTS);
    return 1;
}

const luaL_Reg native_judge[] = {
    {"exchange", exchange},
    {"facts_sql", facts_sql},
    {NULL, NULL},
};
