/* cli: the table of commands, the options that all have, their needs met in order, exit codes.
 * Refuses to know what a command does. */
#ifndef CLI_H
#define CLI_H

#include "command.h"

#include <stdio.h>

extern const Command cmd_approve, cmd_backfill, cmd_backup, cmd_deploy, cmd_dev, cmd_diff,
    cmd_doctor, cmd_work, cmd_down, cmd_drift, cmd_dump, cmd_help, cmd_init, cmd_lint, cmd_lock,
    cmd_new, cmd_plan, cmd_promote, cmd_redo, cmd_reset, cmd_restore, cmd_resolve, cmd_seed,
    cmd_status, cmd_test, cmd_up, cmd_verify, cmd_version, cmd_watch;

/* Runs the program; the process's exit code. */
int cli_main(int argc, char *const *argv);

const Command *cli_command(const char *name);     /* NULL: FAIL_USAGE, with the nearest */
const Command *const *cli_commands(void);         /* ended by NULL */
void cli_help(const Command *command, FILE *out); /* usage, meaning, options */
void cli_overview(FILE *out);                     /* all commands, the options that all have */

#endif
