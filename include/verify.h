/* verify: the team's checks (scripts/checks) are asked, before and after a run and each migration
 * of it: by sessions that only read. Refuses to know what a failing one means for the run: that is
 * for whoever asks. */
#ifndef VERIFY_H
#define VERIFY_H

#include "run.h"

typedef enum { VERIFY_BEFORE, VERIFY_AFTER, VERIFY_BEFORE_EACH, VERIFY_AFTER_EACH } VerifyWhen;

/* The checks for this environment, into run->checks. */
bool verify_load(Run *run);
bool verify_has(const Run *run, VerifyWhen when);
/* Asks those of `when`, each in a READ ONLY transaction of its own; `migration` is a name, or NULL.
 * One that fails is a warning or, where it denies, the failure: FAIL_REFUSED, with its rows. */
bool verify_ask(Run *run, VerifyWhen when, const char *migration);
/* The same inside the transaction that is open: in a savepoint that only reads, rolled back
 * whatever the answer. */
bool verify_ask_inside(Run *run, VerifyWhen when, const char *migration);

#endif
