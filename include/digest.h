/* digest: SHA-256 (FIPS 180-4) by libcrypto, as 64 lower-case hex digits. Refuses to know
 * what is digested. */
#ifndef DIGEST_H
#define DIGEST_H

#include "arena.h"

typedef struct Digest Digest;

Digest *digest_new(void);
void digest_add(Digest *digest, const void *bytes, size_t length);
/* The digest is freed by this. */
const char *digest_end(Arena *a, Digest *digest);
const char *digest_of(Arena *a, const void *bytes, size_t length);

#endif
