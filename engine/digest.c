/* The functions of before OpenSSL 3: its EVP looks its methods up in providers, whose start takes
 * 1.5 ms and 1.5 MiB of every run; and a context is a plain struct. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "digest.h"

#include "text.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tokens are a few bytes each: gathered here, so that libcrypto is called for whole buffers. */
struct Digest {
    SHA256_CTX context;
    size_t used;
    unsigned char buffer[4096];
};

Digest *digest_new(void) {
    Digest *digest = malloc(sizeof *digest);
    if (!digest) {
        fputs("stint: out of memory\n", stderr);
        abort();
    }
    digest->used = 0;
    SHA256_Init(&digest->context);
    return digest;
}

static void flush(Digest *digest) {
    SHA256_Update(&digest->context, digest->buffer, digest->used);
    digest->used = 0;
}

void digest_add(Digest *digest, const void *bytes, size_t length) {
    if (!length)
        return;
    if (length > sizeof digest->buffer - digest->used)
        flush(digest);
    if (length > sizeof digest->buffer) {
        SHA256_Update(&digest->context, bytes, length);
        return;
    }
    memcpy(digest->buffer + digest->used, bytes, length);
    digest->used += length;
}

const char *digest_end(Arena *a, Digest *digest) {
    unsigned char sum[SHA256_DIGEST_LENGTH];
    flush(digest);
    SHA256_Final(sum, &digest->context);
    free(digest);
    Text hex = text_on(a);
    text_add_hex(&hex, sum, sizeof sum);
    return hex.at;
}

const char *digest_of(Arena *a, const void *bytes, size_t length) {
    Digest *digest = digest_new();
    digest_add(digest, bytes, length);
    return digest_end(a, digest);
}
