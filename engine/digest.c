#include "digest.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tokens are a few bytes each: gathered here, so that libcrypto is called for whole buffers. */
struct Digest {
    EVP_MD_CTX *context;
    size_t used;
    unsigned char buffer[4096];
};

/* There is no answer without a hash, and no reason but memory that libcrypto could have. */
static void must(int ok) {
    if (ok)
        return;
    fputs("stint: libcrypto gives no SHA-256\n", stderr);
    abort();
}

/* Looked up in libcrypto's providers once. */
static const EVP_MD *sha256(void) {
    static EVP_MD *method;
    if (!method)
        method = EVP_MD_fetch(NULL, "SHA256", NULL);
    must(method != NULL);
    return method;
}

/* The last one that ended: begun again, it costs a tenth of a new one. */
static Digest *spare;

Digest *digest_new(void) {
    Digest *digest = spare;
    spare = NULL;
    if (!digest) {
        digest = malloc(sizeof *digest);
        must(digest != NULL);
        digest->context = EVP_MD_CTX_new();
        must(digest->context != NULL);
    }
    digest->used = 0;
    must(EVP_DigestInit_ex2(digest->context, sha256(), NULL));
    return digest;
}

static void flush(Digest *digest) {
    must(EVP_DigestUpdate(digest->context, digest->buffer, digest->used));
    digest->used = 0;
}

void digest_add(Digest *digest, const void *bytes, size_t length) {
    if (!length)
        return;
    if (length > sizeof digest->buffer - digest->used)
        flush(digest);
    if (length > sizeof digest->buffer) {
        must(EVP_DigestUpdate(digest->context, bytes, length));
        return;
    }
    memcpy(digest->buffer + digest->used, bytes, length);
    digest->used += length;
}

const char *digest_end(Arena *a, Digest *digest) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    flush(digest);
    must(EVP_DigestFinal_ex(digest->context, sum, &length));
    if (!spare)
        spare = digest;
    else {
        EVP_MD_CTX_free(digest->context);
        free(digest);
    }
    char *hex = arena_take(a, 2 * (size_t)length + 1);
    for (unsigned i = 0; i < length; i++) {
        hex[2 * i] = "0123456789abcdef"[sum[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[sum[i] & 15];
    }
    return hex;
}

const char *digest_of(Arena *a, const void *bytes, size_t length) {
    Digest *digest = digest_new();
    digest_add(digest, bytes, length);
    return digest_end(a, digest);
}
