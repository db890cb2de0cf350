/* neutral: does a text leave the session as it found it? Told from its tokens, and only where they
 * leave no doubt: what might run a function or a trigger of the users' is not. What follows such
 * a text needs no cleaning. Refuses to ask the server. */
#ifndef NEUTRAL_H
#define NEUTRAL_H

#include "sqlfile.h"

bool neutral_half(const SqlHalf *half);

#endif
