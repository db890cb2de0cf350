/* tally: what the targets of a fleet have said of themselves: how much was done or is pending, the
 * error, the answer; totals, and one exit code for all. Refuses to print. */
#ifndef TALLY_H
#define TALLY_H

#include "command.h"
#include "fleet.h"
#include "json.h"

typedef struct {
    Arena *arena;
    CommandTargets kind;
} Tally;

enum { TALLY_STATES = FLEET_INTERRUPTED + 1 };

const char *tally_state(const Tally *tally, FleetState state);
/* Is it a question, which changes nothing? */
bool tally_asks(const Tally *tally);
/* A line of a target's output. */
void tally_hear(const Tally *tally, FleetShip *ship, const char *line);
const char *tally_counts(const Tally *tally); /* "applied", "rows", "pending" ... */
long long tally_of(const FleetShip *ship);
const char *tally_error(const FleetShip *ship); /* or NULL */
/* How many ended in each state. */
void tally_states(const Fleet *fleet, size_t of[TALLY_STATES]);
/* "500 targets: 498 ok, 2 failed; 996 applied" */
const char *tally_text(const Tally *tally, const Fleet *fleet);
Json *tally_json(const Tally *tally, const Fleet *fleet, Json *into);
int tally_code(const Fleet *fleet);

#endif
