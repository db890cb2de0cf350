/* sandbox: the inside of a Script: its Lua state, its limits, the world that scripts see. Shared
 * by script.c and the lib_*.c windows and by nobody else: the only header that shows Lua. Refuses
 * to know what the declarations are about.
 *
 * A function that takes a lua_State may not return (it may raise). Nothing is owned on the C heap
 * where that can happen: `scratch` is emptied by the next database call, `cell` by the next value
 * read from one, `told` by the next call of a script. All of them count as the script's memory. */
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

typedef struct LibCursor LibCursor;

struct Script {
    lua_State *L;
    Arena *arena; /* the Script's own lifetime */
    Arena *scratch, *told, *cell;
    ScriptLimits limits;
    size_t used; /* bytes of Lua's heap */
    int world;   /* what hooks/boot.lua gave back, a reference */
    SandboxPhase phase;
    SandboxEnd end;
    const char *file;   /* that is loaded or called */
    long long deadline; /* clock_ms(), or 0 */
    long long paused_at;
    const char *place;      /* "FILE:LINE" where the call ended, or NULL */
    const char *traceback;  /* of the last uncaught error, or NULL */
    Arena *deep;            /* and for that: */
    const char *deep_trace; /* what sandbox_remember saw */
    const void *deep_error; /* of which error */
    Pg *pg;                 /* of the running call, or NULL */
    ScriptEar ear;          /* who hears what it sends */
    unsigned calls;         /* a db knows its call by this number */
    unsigned numbers;       /* of cursors and savepoints, in the order of their beginning */
    LibCursor *cursors;     /* those that are open */
    const char *kind;       /* "migration": what is called */
    bool is_spec;           /* the open state in which specs run */
    const char *limit_hint; /* what sets the limit of time, if it is not lua_time */
};

Script *sandbox_of(lua_State *L);
/* Makes the state and runs hooks/boot.lua in it. */
bool sandbox_open(Script *script);
/* Around a protected call: its limits. Calls are not nested. */
void sandbox_begin(Script *script, SandboxPhase phase);
void sandbox_finish(Script *script);
/* The one protected call: the function and its arguments are on the stack, `results` are left. */
bool sandbox_call(Script *script, int args, int results, SandboxPhase phase);
/* Leaves the field as the only value of the stack: its type. */
int sandbox_push_field(const Declaration *declaration, const char *field);
/* The same for a call of it: it must be a function. */
bool sandbox_push_function(const Declaration *declaration, const char *field);
/* A field of the table on top; NULL is nil. */
void sandbox_set_text(lua_State *L, const char *name, const char *text);
/* Is it one of ours? A script's own table has no such metatable, whatever it does. */
bool sandbox_is_marked(lua_State *L, int index, const char *metatable);
/* The message handler of that call. */
int sandbox_on_error(lua_State *L);

/* The nearest frame of a script from `level` on: its source begins with a byte before its file. */
bool sandbox_frame(lua_State *L, int level, lua_Debug *frame);
/* "FILE:LINE" of it, or NULL. Lives in `told`. */
const char *sandbox_place(lua_State *L, int level, const char **file, int *line);
/* The message handler of a call inside the call: keeps how the error came about, for if nobody
 * catches it. */
int sandbox_remember(lua_State *L);
/* How many bytes the script may still hold, and an error if there are none. */
size_t sandbox_room(const Script *script);
void sandbox_weigh(lua_State *L, const char *what);
/* Ends the call, past every pcall. */
void sandbox_end(lua_State *L, SandboxEnd why);
/* Time between these is not the script's. */
void sandbox_pause(Script *script);
void sandbox_resume(Script *script);

/* Runs hooks/boot.lua, in a protected call. */
int lib_world_open(lua_State *L);
/* Pushes a function of hooks/boot.lua's world, alone on the stack. */
void script_world(Script *script, const char *name);
/* The windows. json and log push their tables; the others only make themselves ready. */
int lib_json_open(lua_State *L);
int lib_log_open(lua_State *L);
int lib_db_open(lua_State *L);
int lib_value_open(lua_State *L);
int lib_error_open(lua_State *L);
int lib_notify(lua_State *L);

/* Into the table on top: native.parse and its like. */
void lib_statement_add(lua_State *L);
/* Pushes libpg_query's JSON as a tree. The stack holds the tables NODES, PARENTS and METATABLE
 * first: lists of nodes by tag, the parent of each node, what all nodes have. */
void lib_tree_push(lua_State *L, const char *json);

/* A db of the running call (script->pg). */
void lib_db_push(lua_State *L);
/* What the functions of db share: the script, if argument 1 is a db that is alive; argument 2 as a
 * statement that may be sent; from the third on $1 and so forth, in `scratch`. */
Script *lib_db_living(lua_State *L);
const char *lib_db_sql(lua_State *L);
PgArgs lib_db_arguments(lua_State *L);
/* Runs it, `a` as in pg_read; raises what goes wrong. The script's own text begins after `before`
 * bytes. */
void lib_db_run(lua_State *L, Arena *a, PgRows *rows, const char *sql, size_t before, PgArgs args);
int lib_db_raise(lua_State *L, const char *sql, size_t before);
void lib_db_check_names(lua_State *L, const PgRows *rows);
void lib_db_push_row(lua_State *L, const PgRows *rows, size_t row);
/* Why this text is not sent, or NULL. */
const char *lib_refusal(const char *sql, size_t length);

/* db:rows(sql, ...) and db:transaction(function). */
int lib_cursor_open(lua_State *L);
int lib_db_rows(lua_State *L);
int lib_db_transaction(lua_State *L);
/* The server has closed the cursors opened since `number`. */
void lib_cursor_undo(Script *script, unsigned number);

/* Pushes what the text holds; raises if it is no JSON. */
void lib_json_push(lua_State *L, const char *text, size_t length);
bool lib_json_is_null(lua_State *L, int index);
/* The value as JSON, in `scratch`. */
const char *lib_json_text(lua_State *L, int index);
/* The digits of a number that neither an integer nor a float holds, or NULL: it is none. */
const char *lib_json_digits(lua_State *L, int index);
/* Marks the table on top as a list, so that an empty one is [] again. */
void lib_json_mark_list(lua_State *L);

/* A Lua value as a parameter: text in `scratch`, NULL for SQL's NULL; `*length` is -1 for text,
 * else so many bytes in binary form. Raises with `what` ("$1") for what PostgreSQL cannot take. */
const char *lib_value_text(lua_State *L, int index, const char *what, int *length);
/* Bytes as bytea has them in a text. */
const char *lib_value_hex(Arena *a, const char *bytes, size_t length);
/* Pushes a cell as the Lua value that its type has. */
void lib_value_push(lua_State *L, unsigned type, const char *cell, size_t length);
/* Pushes the string at `index` marked as bytes. */
void lib_value_push_bytes(lua_State *L, int index);

/* Pushes copies of the values from `first` on (of the stack of `from`) on `to`, the state of
 * another Script. Not NULL: why that cannot be; then nothing is pushed. */
const char *lib_bridge_hand(lua_State *from, int first, lua_State *to);
/* Raises the present failure in a spec, with all that is known of it in its text. */
int lib_testing_raise(lua_State *L);

/* Raises the present failure as an error that Lua can catch, read and raise again; forgets it.
 * `error` tells what the failure does not. */
int lib_error_raise(lua_State *L, const PgError *error, const char *context);
bool lib_error_is(lua_State *L, int index);
/* Makes it the failure again, "FILE:LINE:" first. */
bool lib_error_fail(lua_State *L, int index, const char *traceback);

#endif
