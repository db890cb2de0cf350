/* scan: asks the server how it would carry out a batch, before there is one: SQL that does not hold
 * is refused at the declaration, and so is a plan that reads the whole table each time. Nothing is
 * done to rows. */
#ifndef SCAN_H
#define SCAN_H

#include "batch.h"

bool scan_try(Batch *batch);

#endif
