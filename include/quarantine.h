/* quarantine: rows that fail: put aside by name, so that one bad row in a million neither stops the
 * others nor is lost. Refuses to know why they fail. */
#ifndef QUARANTINE_H
#define QUARANTINE_H

#include "backfill.h"

/* Is the session's last error about the row's data, so that other rows may go on? */
bool quarantine_is_data(const Pg *pg);
/* FAIL_PARTIAL once there are more than max_quarantine of them. */
bool quarantine_check(Pg *pg, const char *schema, const Backfill *backfill);
/* FAIL_PARTIAL, with the first of them; or true where there are none. */
bool quarantine_tell(Pg *pg, Arena *a, const char *schema, const Backfill *backfill);
/* The first of them, a line each. `backfill`: its id in the ledger. */
bool quarantine_show(Pg *pg, Arena *a, const char *schema, const char *backfill, const char **out);
/* All of them back into the residue, to be tried again. */
bool quarantine_retry(Pg *pg, Arena *a, const char *schema, long long backfill);

#endif
