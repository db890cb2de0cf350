/* script: a Lua world for the team's scripts: sandbox, limits, the one protected call. Only
 * script.c and the lib_*.c windows know Lua. Two phases: loading collects declarations and has no
 * database; calling has one and cannot declare. Refuses to know what
 * declarations are for. A function that takes a lua_State may not return
 * (it may raise); no other may.
 *
 * Failures: FAIL_CONFIG while loading (file and line of the script first); while calling
 * FAIL_ERROR, or the SQL failure itself, unchanged, when a database call was what failed. */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "arena.h"
#include "event.h"
#include "json.h"
#include "pg.h"

typedef struct Script Script;

typedef struct {
    const char *folder; /* scripts/: where `require "lib.x"` looks */
    long long memory;   /* bytes; 0: none */
    long long time;     /* ms a call; 0: none */
    bool unsafe;        /* opens Lua's standard library */
    bool finishes;      /* a stop does not end its calls: they are about what was stopped */
    const char *notify; /* the command that `notify` starts, or NULL */
    long long notify_timeout;
} ScriptLimits;

/* NULL: failed. */
Script *script_open(Arena *a, const ScriptLimits *limits);
void script_close(Script *script);

/* What a file declared: `kind` is "migration", "backfill", ... A handle, alive as long as the
 * Script. */
typedef struct {
    Script *script;
    const char *kind, *file;
    int line; /* of the declaring call */
    int ref;
} Declaration;

/* Runs the file's text (never bytecode), which must declare exactly one thing. */
bool script_declare(Script *script, const char *file, const char *text, size_t length,
                    Declaration *out);

/* Adds its place to the present failure, and returns false. */
bool script_at(const Declaration *declaration);
/* Fields of a declaration. Defaults of hooks/kinds.lua are filled in. */
typedef struct {
    size_t count;
    const char **at;
} Strings;
typedef struct {
    size_t count;
    const char **name, **value; /* sorted by name */
} Pairs;
bool script_has(const Declaration *declaration, const char *field);
bool script_is_function(const Declaration *declaration, const char *field);
const char *script_text(Arena *a, const Declaration *declaration, const char *field); /* or NULL */
long long script_integer(const Declaration *declaration, const char *field, long long otherwise);
bool script_flag(const Declaration *declaration, const char *field, bool otherwise);
Strings script_strings(Arena *a, const Declaration *declaration,
                       const char *field); /* one string is a list of one */
Pairs script_pairs(Arena *a, const Declaration *declaration, const char *field);
/* A duration in ms. */
long long script_duration(const Declaration *declaration, const char *field, long long otherwise);

/* Calls the function in `field` with a `db` on this session; the db is dead afterwards. */
bool script_call(const Declaration *declaration, const char *field, Pg *pg);

/* Is told of each statement that a call has sent, when it is done: its line, how long it took; may
 * use the session. False: the call fails. */
typedef struct {
    bool (*hear)(void *with, const char *sql, int line, long long ms); /* NULL: nobody is told */
    void *with;
} ScriptEar;
void script_on_statement(Script *script, ScriptEar ear);

/* Asks a check: calls the function in `field` with a db; `*yes` is what it answers, `*text` (or
 * NULL) what it says to that. */
bool script_ask(Arena *a, const Declaration *declaration, const char *field, Pg *pg, bool *yes,
                const char **text);
/* Calls the function in `field` with the event as a table: its fields, and `event` and `at`. */
bool script_tell(const Declaration *declaration, const char *field, const Event *event);
/* Calls `function` of hooks/boot.lua's world (never a script's own) with `in`, a value of JSON, and
 * reads what it gives back. `about` is named when it takes too long. */
bool script_exchange(Arena *a, Script *script, const char *function, const char *about,
                     const Json *in, Json **out);
/* Asks a throttle: calls the function in `field` with a table of these values (NAN: left out). It
 * gives nothing (`ms` 0), or a pause, in ms or as a duration, and why (or NULL). */
typedef struct {
    size_t count;
    const char *const *name;
    const double *value;
    long long ms;
    const char *reason;
} ScriptPause;
bool script_pause(Arena *a, const Declaration *declaration, const char *field, ScriptPause *pause);
/* The time (ms) that each later call may take, and what one changes to change it (NULL: lua_time).
 */
void script_limit(Script *script, long long time, const char *hint);
/* Is a call under way, in any Script? Calls are not nested. */
bool script_is_calling(void);

/* The rows of a batch for a transform. In: `rows` (columns from `from` on), `column` (what may be
 * given back). Out, row by row: for each column what was given (text; NULL is SQL's NULL), or why
 * the row failed. */
typedef struct {
    const char *name;
    bool is_json, is_bytes, is_writable;
} ScriptColumn;
typedef struct {
    const char *message, *traceback, *sqlstate; /* message NULL: it did not fail */
} ScriptBad;
typedef struct {
    Arena *arena;
    const PgRows *rows;
    int from;
    size_t column_count;
    const ScriptColumn *column;
    size_t most;        /* bytes on the arena, after which no other row is begun */
    size_t at;          /* the next row */
    const char **value; /* rows * columns */
    bool *is_given;
    ScriptBad *bad;
} ScriptRows;
/* Calls the function in `field` with each row. A row that raises, or takes too long, is `bad`;
 * false: what is nobody's row (a column that the table does not have, Ctrl-C). */
bool script_transform(const Declaration *declaration, const char *field, ScriptRows *rows);

/* The exit code of the process when C code in a call does not come back within the time limit and
 * 2 s of grace (FAIL_MIGRATION unless said otherwise; FAIL_CONFIG while loading). */
void script_alarm_code(int code);

/* Help on a kind, from the table that checks its fields; NULL if there is none of that name. */
const char *script_help(Arena *a, Script *script, const char *kind);

#endif
