/* target: the databases or schemas that an environment's `targets` stands for, from a list or from
 * a query on the environment's url. Refuses to know what is done in them. */
#ifndef TARGET_H
#define TARGET_H

#include "config.h"

typedef struct {
    const char *name;          /* unique; what --target takes */
    const char *url;           /* holds a password: never shown */
    const char *search_path;   /* NULL: as the database has it */
    const char *ledger_schema; /* each schema has a ledger of its own */
} Target;

typedef struct {
    size_t count;
    const Target *at;
} Targets;

/* In the order of the list, or of the query's ORDER BY; else by name. */
bool target_list(Arena *a, const Config *config, Targets *out);
/* Those that `pattern` matches (its name, or with * and ?). */
Targets target_pick(Arena *a, const Targets *all, const char *pattern);
/* The name nearest to `name`, or NULL. For "did you mean". */
const char *target_nearest(Arena *a, const Targets *all, const char *name);

/* The configuration for this one alone; `config` must outlive it. */
Config *target_config(Arena *a, const Config *config, const Target *target);
/* The same for another process: "NAME=value", ended by NULL. */
const char *const *target_variables(Arena *a, const Target *target);

#endif
