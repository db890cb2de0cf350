#include "sandbox.h"

#include "fail.h"
#include "notify.h"

#include <string.h>

/* What boot.lua's notify(event) hands on: the event as JSON. The line end is for those who read
 * lines; waiting for the command is not the script's time. */
int lib_notify(lua_State *L) {
    Script *script = sandbox_of(L);
    size_t length;
    luaL_checkstring(L, 1);
    if (script->phase != SANDBOX_CALLING || strcmp(script->kind, "hook") != 0)
        return luaL_error(L, "notify is for the functions of hooks");
    if (!script->limits.notify)
        return luaL_error(L, "notify starts a command, and config.ini names none: notify = COMMAND "
                             "in [project]");
    lua_pushstring(L, fail_redacted(lua_tostring(L, 1)));
    lua_pushliteral(L, "\n");
    lua_concat(L, 2);
    const char *text = lua_tolstring(L, -1, &length);
    sandbox_pause(script);
    bool ok = notify_send(script->limits.notify, script->limits.notify_timeout, text, length);
    sandbox_resume(script);
    if (ok)
        return 0;
    lua_pushstring(L, fail_redacted(failure()->message));
    fail_clear();
    return lua_error(L);
}
