/* evidence: what the gates of a run want to know, found out: another environment's ledger or a
 * release record, approvals, backups, the time of day in a zone, who this session is. As JSON, for
 * hooks/gates.lua. Refuses to know what follows from it. */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include "json.h"
#include "plan.h"

typedef struct {
    Arena *arena;
    const Config *config;
    Pg *pg; /* NULL: the database is not there yet; without ledger: nor is that */
    const Ledger *ledger;
    const char *release; /* the file of a record, or NULL */
    size_t count;
    PlanItem *const *item; /* what would run, opened */
} EvidenceFor;

/* What would run: { environment, database, command, pending = { ... } }. */
Json *evidence_plan(const EvidenceFor *of, const char *command);
/* `wanted` is what gates.begin (hooks/gates.lua) asks for. */
bool evidence_find(const EvidenceFor *of, const Json *wanted, Json **out);

/* A window of time, at `now` (a timestamp; NULL: the server's clock): { is_open, at, frozen, opens
 * }. */
bool evidence_window(Pg *pg, Arena *a, const Json *window, const char *now, Json **out);
/* Is this session's user a member of one of these roles? */
bool evidence_may(Pg *pg, Arena *a, Strings roles, bool *may);

#endif
