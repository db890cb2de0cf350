/* difference: two texts line by line, as a person reads it: lines that went with "-", lines that
 * came with "+", some equal ones around. Refuses to know what the texts are. */
#ifndef DIFFERENCE_H
#define DIFFERENCE_H

#include "text.h"

/* Appends to `out`; nothing if the texts are equal but for line ends. */
void difference_add(Text *out, const char *before, const char *after);

#endif
