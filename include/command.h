/* command: what a command of the desk is. Shared by all cmd_*.c. A command's entry is the last
 * thing in its file; cli.c holds the table of all and meets their needs in order. Refuses to
 * know any one of them. */
#ifndef COMMAND_H
#define COMMAND_H

#include "arena.h"
#include "config.h"
#include "option.h"

typedef enum {
    NEED_NOTHING = 0,
    NEED_CONFIG = 1, /* call->config is loaded */
    NEED_HOOKS =
        2, /* with NEED_CONFIG: the team's hooks are loaded; progress_show lets them hear */
    NEED_NAMED = 4, /* with NEED_CONFIG: the environment is the command's first word */
    NEED_PROJECT =
        8, /* call->config is loaded where it can be; else it is NULL, and that is fine */
    NEED_NO_WORDS = 16, /* a word beside the options is refused */
} CommandNeeds;

typedef struct {
    Arena *arena;   /* the command's lifetime */
    Config *config; /* with NEED_CONFIG, NEED_PROJECT */
    Given given;    /* its options and words, the command's name left out */
    bool json, quiet, verbose, yes;
    int exit_code; /* of a call that did not fail; 0 unless the command sets it */
} Call;

/* What becomes of the command where the environment is a fleet and no target is named. */
typedef enum {
    TARGETS_ONE,  /* it is for one database: refused as soon as it wants to connect */
    TARGETS_RUN,  /* carried out in each, its events told as they come; counts what is applied */
    TARGETS_BACK, /* the same, with --to; counts what is rolled back */
    TARGETS_WORK, /* the same; counts the rows that batches change */
    TARGETS_ASK,  /* asked of each, the answers put together; counts what is pending */
    TARGETS_DIFF, /* the same; counts what differs */
} CommandTargets;

typedef struct {
    const char *name;
    const char *usage; /* "[--to VERSION] [--count N]" */
    const char *about; /* one line */
    const char *help;  /* more lines for --help, or NULL */
    unsigned needs;
    CommandTargets targets;
    const Option *options; /* or NULL */
    bool (*run)(Call *call);
} Command;

#endif
