/* border: how the transactions of a file's parts begin and end: the file's own BEGIN and its modes,
 * and what lies between the borders. Refuses to send anything. */
#ifndef BORDER_H
#define BORDER_H

#include "message.h"

/* The text that opens the part's transaction: the file's own BEGIN keeps its modes. */
const char *border_opening(Arena *a, const SqlHalf *half, const Part *part);
/* Does SET TRANSACTION come first in it? */
bool border_has_modes(const SqlHalf *half, const Part *part);
/* Adds SET TRANSACTION at the beginning, or before an AND CHAIN, which hands it on; gives the
 * statement behind. */
size_t border_add_modes(const SqlHalf *half, const Part *part, Message *message);
/* Adds statements [from, to) but for the borders. */
void border_add_work(const SqlHalf *half, Message *message, size_t from, size_t to);
/* A role that the file has SET for its later parts would meet our fence: then the fence goes last,
 * where our own role is back. */
bool border_changes_role(const SqlHalf *half);

#endif
