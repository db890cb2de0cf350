/* gate: what an environment demands before a run (the gates of policy {...}): each demand is asked,
 * all refusals are told together, and some may be lifted by who has that right. The opinions are in
 * hooks/gates.lua, the facts come from evidence.h. Refuses to know how a run goes on. */
#ifndef GATE_H
#define GATE_H

#include "evidence.h"
#include "review.h"

typedef enum { GATE_PASSED, GATE_WARNED, GATE_REFUSED, GATE_OVERRIDDEN } GateState;

typedef struct {
    const char *name, *policy; /* "backup"; the file that demands it */
    GateState state;
    const char *message;   /* NULL: passed */
    Strings details, next; /* what it is about; what to type */
} Gate;

typedef struct {
    size_t count;
    Gate *at;
} Gates;

typedef struct {
    const char *command; /* which demands are for it */
    EvidenceFor of;
    const Review *review; /* what the rules say, or NULL: they are not asked */
    Strings override;     /* gates to lift */
    const char *reason;
} GateWanted;

/* What each demand says now; nothing is written. */
/* What the policies of an environment want to know before this command (gates.begin in
 * hooks/gates.lua); NULL: there are none. */
bool gate_wants(Arena *a, const Config *config, const char *command, Json **wants);
bool gate_look(const GateWanted *wanted, Gates *out);
/* The same, and lets pass or not: FAIL_REFUSED; binding for deploy, and where the environment is
 * protected; where gates are not, only the rules are asked. Overrides are written to the ledger as
 * events of that run (0: none), whether they are rightful or not. */
bool gate_pass(const GateWanted *wanted, long long run);

/* "backup: there is no backup ...", details and commands in lines below, each behind `indent`. */
const char *gate_say(Arena *a, const Gate *gate, const char *indent);
Json *gate_json(Arena *a, const Gates *gates);

#endif
