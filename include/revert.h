/* revert: rolls back: the newest applied migrations, newest first, each by the way down that its
 * file has (or, where the file is gone, its text in the ledger); goes on with a rollback that did
 * not come to its end. All that will run is read before anything runs. Refuses to know the command
 * line. */
#ifndef REVERT_H
#define REVERT_H

#include "config.h"
#include "consent.h"

typedef struct {
    const char *to; /* what is newer goes: version, name or path; "0": everything; or NULL */
    long count;     /* so many, without `to` */
    const char *const *only; /* ids, ended by NULL: these alone, whatever else is half applied */
    Consent consent;
} RevertWanted;

bool revert_down(Arena *a, const Config *config, const RevertWanted *wanted);
/* Rolls the newest one back and applies it again; what would keep it from that is found before. */
bool revert_redo(Arena *a, const Config *config, const Consent *consent);

#endif
