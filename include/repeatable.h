/* repeatable: scripts/repeatable/NAME.sql: views, functions and the like, applied after all
 * migrations whenever their tokens differ from what was applied last; each in one transaction, in
 * the order of their names. They have no version and no way down. Refuses to know what the ledger
 * says of them. */
#ifndef REPEATABLE_H
#define REPEATABLE_H

#include "migration.h"

/* Adds the files of `scripts`/repeatable, if there is such a folder, behind those in `files`. Id,
 * version and name are all "repeatable/NAME". */
bool repeatable_list(Arena *a, const char *scripts, Migrations *files);
/* For an open one: what cannot be applied again and again is refused (FAIL_CONFIG). */
bool repeatable_check(const Migration *m);

#endif
