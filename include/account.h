/* account: who a server of ours runs as, and programs run as that user. PostgreSQL refuses to run
 * as root, so root's servers run as `postgres`, else as `nobody`. Everywhere, `account` NULL means
 * the user that we are. Refuses to know what the programs do. */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "arena.h"

#include <stdbool.h>
#include <sys/types.h>

/* `*out` is the account for servers, NULL if we are not root. False: FAIL_ERROR, there is none. */
bool account_for_servers(Arena *a, const char **out);

/* A folder of mode 0700 that belongs to the account. One that is there already must be exactly
 * that: what somebody else made is refused. The parent must exist. */
bool account_folder(const char *account, const char *path);

/* Starts a program (argv[0] is its path; ended by NULL) in a session of its own, with nothing of
 * ours but its output, which is added to the file `output`. What it inherits is a short, clean
 * environment without any PG... variable. */
bool account_start(const char *account, const char *const *argv, const char *output, pid_t *pid);
/* The same in our own session, and waits: false unless it ends with 0. */
bool account_run(const char *account, const char *const *argv, const char *output);

#endif
