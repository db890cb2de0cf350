/* address: a connection URL or a "key=value ..." string cut into keys and decoded values, in the
 * order of the text. Refuses to know what the keys mean (pgurl.h) and to connect.
 *
 * A failure (FAIL_CONFIG) names the part that is wrong and never shows the text: passwords are
 * registered with fail_secret() before anything can fail. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "arena.h"

#include <stdbool.h>

typedef struct {
    size_t count;
    const char **key, **value; /* user, password, host, port, dbname, then the parameters */
} Address;

bool address_read(Arena *a, const char *text, Address *out);
/* Whatever the text is (an argument, a setting): what looks like a password in it is shown nowhere
 * from now on. True if there was something. */
bool address_hide(Arena *a, const char *text);

#endif
