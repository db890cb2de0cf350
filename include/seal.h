/* seal: the signature under a release record, by release_key: an Ed25519 key or a secret that both
 * sides know (HMAC-SHA256). Refuses to know what the record says. */
#ifndef SEAL_H
#define SEAL_H

#include "config.h"

/* release_key is a file: a private Ed25519 key in PEM, or a text as follows; or it is that text:
 * "ed25519:WORD", the public half, which can check and not make; or a secret of 32 characters and
 * more. False: FAIL_CONFIG. */
bool seal_make(Arena *a, const Config *config, const char *text, const char **seal);
/* False: FAIL_REFUSED, if it is not what the key makes of the text. */
bool seal_check(Arena *a, const Config *config, const char *text, const char *seal);

#endif
