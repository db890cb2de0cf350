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

typedef struct {
    const char *kind;    /* the event's: "rehearsed" */
    const char *message; /* for people */
    ProofFiles files;
} Proof;

/* Whoever may not write it has done the work all the same: `*why_not` says why the ledger does not
 * hold it; NULL: it does. False: interrupted. */
bool proof_write(Pg *pg, Arena *a, const Ledger *ledger, const Proof *proof, const char **why_not);
/* The same of a failure before that: it becomes the reason. */
bool proof_give_up(Arena *a, const char **why_not);
/* `kinds`: a list of events' kinds. Adds to `found` "proofs", and in it KIND = { ID = how many
 * seconds ago that was last }; a file that has none is not in it. */
bool proof_find(Pg *pg, Arena *a, const char *schema, const Json *kinds, const ProofFiles *files,
                Json *found);

#endif
