/* seed: runs scripts/seeds/ENVIRONMENT.sql (or .lua) and says so in the ledger, in the same
 * transaction where the text allows it. In a protected environment a seed runs once. Refuses to
 * know the command line. */
#ifndef SEED_H
#define SEED_H

#include "config.h"
#include "consent.h"

bool seed_run(Arena *a, const Config *config, const Consent *consent);

#endif
