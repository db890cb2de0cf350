#include "sandbox.h"

#include <string.h>

/* Values handed from one Lua state to another: between a spec and the scripts that it tests. Data
 * is copied. A function stays where it is, and what is handed over calls it there. A table that
 * holds functions (a fake, a declaration, a module) is copied too, and comes back as itself. */

enum { DEEPEST = 100, SPARE = 20 };

static const char ORIGINS[] = "stint.origins"; /* copy -> { its state, its reference there } */

typedef struct {
    lua_State *from, *to;
    int seen;            /* on the stack of `to`: what has been copied, by its address */
    const char *problem; /* why it cannot be handed over, or NULL */
} Crossing;

static void cross(Crossing *c, int index, int depth);
static int call_over(lua_State *L);

static bool is_called(lua_State *L, int index) {
    if (lua_isfunction(L, index))
        return true;
    if (!lua_istable(L, index) || !luaL_getmetafield(L, index, "__call"))
        return false;
    lua_pop(L, 1);
    return true;
}

/* Was it handed over by the state that it now goes to? Then that one has the function itself. */
static bool push_own_function(Crossing *c, int index) {
    if (lua_tocfunction(c->from, index) != call_over || !lua_getupvalue(c->from, index, 1))
        return false;
    const Script *home = lua_touserdata(c->from, -1);
    lua_getupvalue(c->from, index, 2);
    int ref = (int)lua_tointeger(c->from, -1);
    lua_pop(c->from, 2);
    if (home != sandbox_of(c->to))
        return false;
    lua_rawgeti(c->to, LUA_REGISTRYINDEX, ref);
    return true;
}

static int reference(lua_State *L, int index) {
    lua_pushvalue(L, index);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void push_function(Crossing *c, int index) {
    if (push_own_function(c, index))
        return;
    lua_pushlightuserdata(c->to, sandbox_of(c->from));
    lua_pushinteger(c->to, reference(c->from, index));
    lua_pushcclosure(c->to, call_over, 2);
}

static void push_origins(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, ORIGINS) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, ORIGINS);
}

static bool push_original(Crossing *c, int index) {
    lua_State *L = c->from;
    const Script *home = NULL;
    int ref = 0;
    push_origins(L);
    lua_pushvalue(L, index);
    if (lua_rawget(L, -2) == LUA_TTABLE) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        home = lua_touserdata(L, -2);
        ref = (int)lua_tointeger(L, -1);
        lua_pop(L, 2);
    }
    lua_pop(L, 2);
    if (home != sandbox_of(c->to))
        return false;
    lua_rawgeti(c->to, LUA_REGISTRYINDEX, ref);
    return true;
}

/* The copy is on top of `to`. */
static void note_origin(Crossing *c, int index) {
    push_origins(c->to);
    lua_pushvalue(c->to, -2);
    lua_createtable(c->to, 2, 0);
    lua_pushlightuserdata(c->to, sandbox_of(c->from));
    lua_rawseti(c->to, -2, 1);
    lua_pushinteger(c->to, reference(c->from, index));
    lua_rawseti(c->to, -2, 2);
    lua_rawset(c->to, -3);
    lua_pop(c->to, 1);
}

static void copy_fields(Crossing *c, int index, int depth) {
    bool has_functions = false;
    for (lua_pushnil(c->from); lua_next(c->from, index); lua_pop(c->from, 1)) {
        has_functions |= is_called(c->from, -1);
        cross(c, lua_gettop(c->from) - 1, depth + 1);
        if (!c->problem)
            cross(c, lua_gettop(c->from), depth + 1);
        if (c->problem) {
            lua_pop(c->from, 2);
            return;
        }
        lua_rawset(c->to, -3);
    }
    if (has_functions)
        note_origin(c, index);
}

static void push_table(Crossing *c, int index, int depth) {
    static const char *const kept[] = {"stint.list", "stint.error"};
    const void *address = lua_topointer(c->from, index);
    if (push_original(c, index) || lua_rawgetp(c->to, c->seen, address) == LUA_TTABLE)
        return;
    lua_pop(c->to, 1);
    lua_newtable(c->to);
    lua_pushvalue(c->to, -1);
    lua_rawsetp(c->to, c->seen, address);
    copy_fields(c, index, depth);
    for (size_t i = 0; i < sizeof kept / sizeof *kept && !c->problem; i++)
        if (sandbox_is_marked(c->from, index, kept[i]))
            luaL_setmetatable(c->to, kept[i]);
}

static void push_userdata(Crossing *c, int index) {
    if (sandbox_is_marked(c->from, index, "stint.db"))
        lib_db_push(c->to);
    else if (lib_json_is_null(c->from, index))
        lib_json_push(c->to, "null", 4);
    else
        c->problem = "a userdata cannot be handed to the other side";
}

/* Pushes on `to` what stands at `index` of `from`, unless there is a problem. */
static void cross(Crossing *c, int index, int depth) {
    size_t length;
    const char *text;
    if (depth > DEEPEST || !lua_checkstack(c->from, SPARE) || !lua_checkstack(c->to, SPARE)) {
        c->problem = "a table is nested too deeply to be handed to the other side";
        return;
    }
    switch (lua_type(c->from, index)) {
    case LUA_TNIL:
        lua_pushnil(c->to);
        break;
    case LUA_TBOOLEAN:
        lua_pushboolean(c->to, lua_toboolean(c->from, index));
        break;
    case LUA_TNUMBER:
        if (lua_isinteger(c->from, index))
            lua_pushinteger(c->to, lua_tointeger(c->from, index));
        else
            lua_pushnumber(c->to, lua_tonumber(c->from, index));
        break;
    case LUA_TSTRING:
        text = lua_tolstring(c->from, index, &length);
        lua_pushlstring(c->to, text, length);
        break;
    case LUA_TUSERDATA:
        push_userdata(c, index);
        break;
    case LUA_TTABLE:
    case LUA_TFUNCTION:
        if (is_called(c->from, index))
            push_function(c, index);
        else
            push_table(c, index, depth);
        break;
    default:
        c->problem = "a thread cannot be handed to the other side";
    }
}

const char *lib_bridge_hand(lua_State *from, int first, lua_State *to) {
    int last = lua_gettop(from), base = lua_gettop(to);
    Crossing c = {from, to, base + 1, NULL};
    if (!lua_checkstack(to, last - first + SPARE))
        return "these are too many values to be handed to the other side";
    lua_newtable(to);
    for (int i = first; i <= last && !c.problem; i++)
        cross(&c, i, 0);
    if (c.problem) {
        lua_settop(from, last);
        lua_settop(to, base);
        return c.problem;
    }
    lua_remove(to, c.seen);
    return NULL;
}

/* An error must be able to leave its state: a table that is more than its text goes as it is. */
static int as_text(lua_State *L) {
    if (lua_istable(L, 1) && !luaL_getmetafield(L, 1, "__tostring"))
        return 1;
    lua_settop(L, 1);
    if (!lib_error_is(L, 1))
        luaL_tolstring(L, 1, NULL);
    return 1;
}

/* A spec's function, called by a script. Its time is not the script's. */
static int call_spec(lua_State *L, Script *spec, int ref) {
    lua_State *T = spec->L;
    int top = lua_gettop(T);
    lua_pushcfunction(T, as_text);
    lua_rawgeti(T, LUA_REGISTRYINDEX, ref);
    const char *problem = lib_bridge_hand(L, 1, T);
    int status = LUA_OK;
    if (!problem) {
        sandbox_pause(sandbox_of(L));
        status = lua_pcall(T, lua_gettop(T) - top - 2, LUA_MULTRET, top + 1);
        sandbox_resume(sandbox_of(L));
        lua_settop(L, 0);
        problem = lib_bridge_hand(T, status == LUA_OK ? top + 2 : lua_gettop(T), L);
    }
    lua_settop(T, top);
    if (problem)
        return luaL_error(L, "%s", problem);
    return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* A script's function, called by a spec: with a script's limits, and the spec's database. */
static int call_script(lua_State *L, Script *script, int ref) {
    lua_State *T = script->L;
    int top = lua_gettop(T);
    if (script->phase != SANDBOX_IDLE)
        return luaL_error(L, "a script calls this spec, which cannot call a script meanwhile");
    script->pg = sandbox_of(L)->pg;
    script->calls++;
    lua_rawgeti(T, LUA_REGISTRYINDEX, ref);
    const char *problem = lib_bridge_hand(L, 1, T);
    bool ok =
        !problem && sandbox_call(script, lua_gettop(T) - top - 1, LUA_MULTRET, SANDBOX_CALLING);
    script->pg = NULL;
    lua_settop(L, 0);
    if (ok)
        problem = lib_bridge_hand(T, top + 2, L); /* above the message handler */
    lua_settop(T, top);
    if (problem)
        return luaL_error(L, "%s", problem);
    return ok ? lua_gettop(L) : lib_testing_raise(L);
}

static int call_over(lua_State *L) {
    Script *home = lua_touserdata(L, lua_upvalueindex(1));
    int ref = (int)lua_tointeger(L, lua_upvalueindex(2));
    if (!home->L)
        return luaL_error(L, "this function belongs to scripts of a spec file that is over");
    return home->is_spec ? call_spec(L, home, ref) : call_script(L, home, ref);
}
