/* precedent: how long the same text took in another environment, by that one's ledger. Refuses to
 * know how large the tables are here. */
#ifndef PRECEDENT_H
#define PRECEDENT_H

#include "config.h"
#include "ledger.h"
#include "migration.h"

typedef struct {
    const char *environment; /* NULL: nobody was asked */
    Ledger ledger;
} Precedent;

/* Reads that environment's ledger; `environment` NULL: none. */
bool precedent_read(Arena *a, const Config *config, const char *environment, Precedent *out);
/* Milliseconds; -1: this text has not run there to its end. */
long long precedent_ms(const Precedent *precedent, const Migration *m);

#endif
