/* protection: the mark that a protected environment leaves in its ledger, so that its protection
 * holds whatever name or URL leads there. Refuses to know what it keeps from being done. */
#ifndef PROTECTION_H
#define PROTECTION_H

#include "config.h"
#include "pg.h"

/* The environment whose protection holds: the chosen one, or the one whose database this is; NULL:
 * none. */
const char *protection_of(const Config *config);
/* Reads the mark, if there is a ledger, into *config->protection. */
bool protection_look(Pg *pg, const Config *config);
/* Leaves it, where the environment is protected. Needs a ledger. */
bool protection_mark(Pg *pg, const Config *config);
/* Says where the protection comes from if it is not the chosen environment's own; adds to the
 * present failure; returns false. */
bool protection_explain(const Config *config);

#endif
