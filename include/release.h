/* release: the record of what has passed in one environment and may go to another: versions, names,
 * checksums, when and how long each ran; signed (seal.h). Made by `promote`, asked by `deploy` and
 * by gates. Refuses to know where it is kept. */
#ifndef RELEASE_H
#define RELEASE_H

#include "json.h"
#include "plan.h"

typedef struct {
    const char *id, *version, *name, *kind;
    const char *checksum, *tokens; /* of the bytes; what an edit is judged by */
    const char *applied_at, *applied_by;
    long long duration_ms; /* -1: unknown */
} ReleaseEntry;

typedef struct {
    const char *path;          /* NULL: it was made here */
    const char *target, *from; /* environments: where it may go, where it has passed */
    const char *made_at, *made_by;
    size_t count;
    ReleaseEntry *entry;
    Json *json;
} Release;

/* Of all that is due in `plan`, the target's: as the ledger of `from` knows it. An empty one
 * (count 0) is not signed. False: FAIL_REFUSED, where something has not passed there, and why. */
bool release_make(Arena *a, const Config *target, const Config *from, const Plan *plan,
                  const Ledger *passed, Release *out);
/* Reads a record for this environment and checks its signature. False: FAIL_REFUSED or FAIL_CONFIG,
 * and nothing of it is to be believed. */
bool release_read(Arena *a, const Config *config, const char *path, Release *out);
/* The same text as this file's, comments and white space aside; NULL: not in it. */
const ReleaseEntry *release_entry(Arena *a, const Release *release, Migration *m);
/* Is all that is due in it? False: FAIL_REFUSED. */
bool release_accepts(Arena *a, const Release *release, const Plan *plan);

#endif
