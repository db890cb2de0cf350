/* config: one table of settings serves config.ini, STINT_<KEY> in the environment, flags,
 * `stint help config` and the checked-in config.ini. Only config.c knows inih. Precedence: flag >
 * environment > .env > the environment's section > [project] > default. Refuses to connect.
 *
 * Failures are FAIL_CONFIG and name file and line, or the variable. Durations are in ms. */
#ifndef CONFIG_H
#define CONFIG_H

#include "arena.h"

#include <stdbool.h>

typedef struct {
    size_t count;
    const char **name, **value;
} ConfigPairs;

/* Paths are as they were written: relative to the project's folder, the one of config.ini, which
 * the desk makes the current one. */
typedef struct {
    Arena *arena;             /* where it lives */
    const char *folder;       /* of the project, absolute */
    const char *file;         /* config.ini as found, or NULL */
    const char *environment;  /* the chosen one */
    size_t environment_count; /* all that config.ini has */
    const char **environments;
    /* [project] */
    const char *migrations, *scripts;
    bool dotenv_forced; /* dotenv = yes */
    bool unsafe_lua;
    long long lua_memory; /* bytes */
    long long lua_time;
    const char *notify; /* a command line */
    long long notify_timeout;
    const char *server_bin, *scratch, *ledger_schema;
    /* of the environment (or as a default in [project]) */
    const char *url, *direct_url;
    bool is_protected; /* protected */
    const char *
        *protection; /* into it goes the name of another environment, a protected one, whose
                   database this is: known from config.ini, or from the ledger (protection.h) */
    const char *role, *schema;
    long long wait_for_db, run_lock_wait, lock_timeout, lock_timeout_max, lock_retry_max,
        statement_timeout;
    long long lock_retries;
    const char *guard;        /* off, warn, on; NULL: as protected says (guard.h) */
    long long exclusive_hold; /* ms; 0: any time */
    const char *drift;        /* yes, no; NULL: as protected says (catalog.h) */
    const char *order;        /* strict, warn, allow */
    const char *backfills;    /* inline, detached */
    const char *approval_keys, *approval_key, *release_key;
    /* what a backfill must not exceed (health.h); 0: any */
    long long replica_lag, replica_lag_bytes, slot_wal, archive_backlog, lock_waiters,
        active_others, cpu_pressure, commit_latency, requested_checkpoints, dead_tuples,
        horizon_held, wal_rate;
    bool wraparound_vacuum;
    const char *contacts, *keep_schemas;
    const char *targets; /* a fleet; NULL once one of them was taken (aim.h) */
    const char *target;
    long long jobs, canary, max_failures;
    long long keep;                          /* backups; 0: all */
    const char *unparsed, *assumed, *opaque; /* block, ack, warn, allow */
    ConfigPairs variables;
    ConfigPairs people;          /* e-mail, role */
    ConfigPairs flags;           /* settings that were given as flags */
    const char **source;         /* of each setting; ask config_source */
    const char *url_problem;     /* why the URL cannot be had (a variable is not set), or NULL: an
                                    error only for who needs it; config_connection tells it */
    const char *scratch_problem; /* the same of scratch, for who needs that */
} Config;

typedef struct {
    const char *folder;      /* -C, or NULL */
    const char *file;        /* -c, or NULL (then STINT_CONFIG, then config.ini) */
    const char *environment; /* -e, or NULL (then STINT_ENV, then [project] environment) */
    ConfigPairs flags;       /* settings given as flags: "url" from --url, "run_lock_wait" ... */
} ConfigWanted;

/* With no config.ini at all, DIRECT_URL or DATABASE_URL and ./scripts/migrations or ./migrations
 * are enough. `*out` lives in `a`. */
bool config_load(Arena *a, const ConfigWanted *wanted, Config **out);
/* Where a setting's value came from: "config.ini:12", "STINT_URL", ".env:3", "--url", "default". */
const char *config_source(const Config *config, const char *key);
/* direct_url where set, else url; NULL and a failure that says what to write where, if neither, or
 * which to choose, if there are many. */
const char *config_connection(const Config *config);

#endif
