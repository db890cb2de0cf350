/* scope: what pending files say of where and after what they run: `environments` and `requires`,
 * of SQL and of Lua. Reads pending files, and opens those only that have one of these words.
 * Refuses to judge applied files: what they say has had its effect. */
#ifndef SCOPE_H
#define SCOPE_H

#include "run.h"

/* Fills in `skipped` and `requires` of the plan's items, and takes those that are not for this
 * environment out of what is due. A file that cannot be read stays due: `up` says why. */
void scope_read(Run *run);

#endif
