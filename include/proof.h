/* proof: that something was done with exactly these texts, and went well: an event in the target's
 * own ledger that names each file and what its tokens (up and down) were. Whoever changes a text
 * has none any more. Refuses to know what was done, and who demands it. */
#ifndef PROOF_H
#define PROOF_H

#include "json.h"
#include "ledger.h"
#include "migration.h"

typedef struct {
    size_t count;
    const Migration **at; /* opened */
} ProofFiles;

/* `kind` ("rehearsed") is the event's; `message` is for people. The ledger must be there. */
bool proof_write(Pg *pg, Arena *a, const char *schema, const char *kind, const char *message,
                 const ProofFiles *files);
/* `kinds`: a list of events' kinds. Adds to `out` KIND = { ID = how many seconds ago that was last
 * }; a file that has none is not in it. */
bool proof_find(Pg *pg, Arena *a, const char *schema, const Json *kinds, const ProofFiles *files,
                Json *found);

#endif
