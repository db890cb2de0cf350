/* order: sorting what is mostly in order already: a folder's names, the ledger's rows. Refuses to
 * know what they are. */
#ifndef ORDER_H
#define ORDER_H

#include <stddef.h>

/* As qsort(3), which reads and copies everything even where nothing is to be done. */
void order_sort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));

#endif
