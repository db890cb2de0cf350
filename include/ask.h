/* ask: a question to who sits at the terminal, before something that cannot be undone. Refuses to
 * know what that is. */
#ifndef ASK_H
#define ASK_H

#include "command.h"

typedef struct {
    const char *question, *nobody; /* the error where nobody can be asked */
    const char *state, *next;      /* of the failure */
} Question;

/* True by --yes, too. False: FAIL_REFUSED, or stopped meanwhile. */
bool ask_consent(const Call *call, const Question *question);

#endif
