/* begun: files that were begun, did not end, and were edited since where that is refused: so that
 * those who only look say what `up` will say. Refuses to run or to refuse anything. */
#ifndef BEGUN_H
#define BEGUN_H

#include "run.h"

/* Marks them in the plan. False: the ledger could not be read. */
bool begun_read(Run *run);

#endif
