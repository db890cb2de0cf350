#include "sandbox.h"

#include "fail.h"
#include "sql.h"

/* db:transaction(function): a savepoint, or a transaction where none is open. Its function is
 * called from C, so that whatever ends it comes by here: an error, the limit of memory, a stop. */
typedef struct {
    const char *begin, *keep, *undo;
} Words;

static const Words savepoint = {SQL_SCRIPT_SAVEPOINT, SQL_SCRIPT_RELEASE, SQL_SCRIPT_UNDO};
static const Words transaction = {SQL_SCRIPT_BEGIN, SQL_SCRIPT_COMMIT, SQL_SCRIPT_ROLL_BACK};

static void send(lua_State *L, const char *sql) {
    Script *script = sandbox_of(L);
    arena_reset(script->scratch);
    sandbox_pause(script);
    bool ok = pg_do_all(script->pg, sql);
    sandbox_resume(script);
    if (!ok)
        lib_db_raise(L, sql, 0);
}

int lib_db_transaction(lua_State *L) {
    Script *script = lib_db_living(L);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_settop(L, 2);
    luaL_checkstack(L, 8, "db:transaction");
    bool outermost = pg_state(script->pg) == PG_IDLE;
    const Words *words = outermost ? &transaction : &savepoint;
    unsigned number = ++script->numbers;
    send(L, words->begin);
    lua_pushcfunction(L, sandbox_remember);
    lua_insert(L, 2);
    int status = lua_pcall(L, 0, LUA_MULTRET, 2);
    if (script->end != SANDBOX_ON)
        return luaL_error(L, "this call is over");
    bool failed = pg_state(script->pg) == PG_IN_FAILED_TRANSACTION;
    if (status == LUA_OK && !failed) {
        send(L, words->keep);
        if (outermost)
            lib_cursor_undo(script, number);
        return lua_gettop(L) - 2;
    }
    lib_cursor_undo(script, number);
    send(L, words->undo);
    if (status != LUA_OK)
        return lua_error(L); /* as it was */
    return luaL_error(L,
                      "a statement of this db:transaction failed, and its error was caught inside: "
                      "nothing of it is kept; catch it around db:transaction instead");
}
