/* loss: which statements of a text drop data: tables, columns, schemas, rows without a condition.
 * Told by their words alone; what cannot be read so (DO, CALL) may. Refuses to ask the server. */
#ifndef LOSS_H
#define LOSS_H

#include "script.h"
#include "sqlfile.h"

/* One line each: "FILE:LINE: DROP TABLE users". None: nothing is lost. */
Strings loss_of(Arena *a, const SqlHalf *half);

#endif
