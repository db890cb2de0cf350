/* sandbox: the inside of a Script: its Lua state, its limits, the world that scripts see. Shared
 * by script.c and the lib_*.c windows and by nobody else: the only header that shows Lua. Refuses
 * to know what the declarations are about.
 *
 * A function that takes a lua_State may not return (it may raise). Nothing is owned on the C heap
 * where that can happen: `scratch` is emptied by the next database call, `told` by the next call
 * of a script. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include "script.h"

#include <lauxlib.h>
#include <lua.h>

/* Why a call is over although Lua may not know yet: it cannot be caught by pcall. */
typedef enum {
    SANDBOX_ON,      /* it is not */
    SANDBOX_LATE,    /* lua_time */
    SANDBOX_STOPPED, /* Ctrl-C */
    SANDBOX_FAILED,  /* failure() says why: the connection is lost */
} SandboxEnd;

typedef enum { SANDBOX_IDLE, SANDBOX_LOADING, SANDBOX_CALLING } SandboxPhase;

struct Script {
    lua_State *L;
    Arena *arena; /* the Script's own lifetime */
    Arena *scratch, *told;
    ScriptLimits limits;
    size_t used; /* bytes of Lua's heap */
    int world;   /* what hooks/boot.lua gave back, a reference */
    SandboxPhase phase;
    SandboxEnd end;
    const char *file;   /* that is loaded or called */
    long long deadline; /* clock_ms(), or 0 */
    long long paused_at;
    const char *place;     /* "FILE:LINE" where the call ended, or NULL */
    const char *traceback; /* of the last uncaught error, or NULL */
    Pg *pg;                /* of the running call, or NULL */
    unsigned calls;        /* a db knows its call by this number */
};

Script *sandbox_of(lua_State *L);
/* Makes the state and runs hooks/boot.lua in it. */
bool sandbox_open(Script *script);
/* Around a protected call: its limits. Calls are not nested. */
void sandbox_begin(Script *script, SandboxPhase phase);
void sandbox_finish(Script *script);
/* The message handler of that call. */
int sandbox_on_error(lua_State *L);

/* "FILE:LINE" of the nearest frame of a script from `level` on, or NULL. Lives in `told`. */
const char *sandbox_place(lua_State *L, int level, const char **file, int *line);
/* Ends the call, past every pcall. */
void sandbox_end(lua_State *L, SandboxEnd why);
/* Time between these is not the script's. */
void sandbox_pause(Script *script);
void sandbox_resume(Script *script);

/* The windows. json and log push their tables; the others only make themselves ready. */
int lib_json_open(lua_State *L);
int lib_log_open(lua_State *L);
int lib_db_open(lua_State *L);
int lib_value_open(lua_State *L);
int lib_error_open(lua_State *L);

/* A db of the running call (script->pg). */
void lib_db_push(lua_State *L);

/* Pushes what the text holds; raises if it is no JSON. */
void lib_json_push(lua_State *L, const char *text, size_t length);
bool lib_json_is_null(lua_State *L, int index);
/* Marks the table on top as a list, so that an empty one is [] again. */
void lib_json_mark_list(lua_State *L);

/* A Lua value as a parameter: text in `scratch`, NULL for SQL's NULL; `*length` is -1 for text,
 * else so many bytes in binary form. Raises with `what` ("$1") for what PostgreSQL cannot take. */
const char *lib_value_text(lua_State *L, int index, const char *what, int *length);
/* Pushes a cell as the Lua value that its type has. */
void lib_value_push(lua_State *L, unsigned type, const char *cell, size_t length);
/* Pushes the string at `index` marked as bytes. */
void lib_value_push_bytes(lua_State *L, int index);

/* Raises the present failure as an error that Lua can catch, read and raise again; forgets it.
 * `error` tells what the failure does not. */
int lib_error_raise(lua_State *L, const PgError *error, const char *context);
bool lib_error_is(lua_State *L, int index);
/* Makes it the failure again, "FILE:LINE:" first. */
bool lib_error_fail(lua_State *L, int index, const char *traceback);

#endif
