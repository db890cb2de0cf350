/* drift: what changed in a database outside Stint. The ledger keeps a description (catalog.h) of
 * what the last run left; what differs from it now is no migration's doing. A run that finds some
 * keeps those objects as they were known before, so that they show until people accept them.
 * Refuses to know who changed them. */
#ifndef DRIFT_H
#define DRIFT_H

#include "catalog.h"

typedef struct {
    const char *at; /* RFC 3339: what differs came about since then; NULL: nothing is kept */
    const char *who, *command;
    long long run;          /* that left it so; 0: people accepted it */
    int server, server_now; /* major versions: each words definitions its own way */
    long long untold;       /* the first run since then that kept nothing; 0: there is none */
    size_t objects;         /* that are there now */
    CatalogDifferences all; /* object by object */
} Drift;

/* Is a description kept at the end of each run? */
bool drift_is_kept(const Config *config);
/* What there is now, against what is kept. `run`: the one that asks, or 0. In no transaction. */
bool drift_find(Pg *pg, Arena *a, CatalogScope scope, long long run, Drift *out);
/* At the end of `run`: what it leaves, but for what it had found in the beginning. */
bool drift_keep(Pg *pg, Arena *a, CatalogScope scope, long long run, const Drift *found);
/* What there is now is as it should be; `out` is what it was accepted over. An event names it. */
bool drift_accept(Pg *pg, Arena *a, CatalogScope scope, Drift *out);
/* The event of a run that found some. */
bool drift_note(Pg *pg, Arena *a, CatalogScope scope, long long run, const Drift *found);

/* "added index public.by_hand, changed column public.users.email and 3 more" */
const char *drift_names(Arena *a, const Drift *drift);
/* "2026-11-22T10:00:00Z (stint deploy, run 12)" */
const char *drift_since(Arena *a, const Drift *drift);
/* What of it may be no drift at all, and why; NULL: nothing. */
const char *drift_doubt(Arena *a, const Drift *drift);

#endif
