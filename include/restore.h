/* restore: puts a backup in the place of what the environment's database holds: all that is ours
 * goes and the backup comes, in one transaction. What has happened since stays in the ledger as
 * history. Refuses what Stint did not make, what was changed since, and what is of another
 * environment than was said. */
#ifndef RESTORE_H
#define RESTORE_H

#include "archive.h"
#include "config.h"
#include "consent.h"

typedef struct {
    const char *path;
    const char *from; /* the environment that the backup is of, where that is another; or NULL */
    Consent consent;
    Strings options; /* for pg_restore: --no-owner, --no-privileges */
} RestoreWanted;

/* What was restored, in `out`. */
bool restore_run(Arena *a, const Config *config, const RestoreWanted *wanted, Archive *out);

#endif
