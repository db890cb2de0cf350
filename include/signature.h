/* signature: Ed25519 (RFC 8032) and HMAC-SHA256 (RFC 2104) by libcrypto. A private key is a PEM
 * file (PKCS #8, as openssl writes it); a public key and a signature are each one word of base64.
 * Refuses to know what is signed, and by whom.
 *
 * Failures are FAIL_CONFIG, and never show a private key. */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include "arena.h"

#include <stdbool.h>

/* A new private key as a new file that only its owner can read; `*public_key` is its other half. */
bool signature_new_key(Arena *a, const char *path, const char **public_key);
/* The public half of the private key in that file. */
bool signature_public_key(Arena *a, const char *path, const char **public_key);
/* The key as the functions here give it: the base64 of 32 bytes, made also of the longer form
 * that openssl writes. NULL: it is none. */
const char *signature_read_key(Arena *a, const char *word);
/* The signature of a text by the private key in that file. */
bool signature_make(Arena *a, const char *path, const char *text, const char **signature);

typedef enum { SIGNATURE_FITS, SIGNATURE_DIFFERS } SignatureAnswer;
/* Was `text` signed by who has the private half? What is no signature at all differs. */
SignatureAnswer signature_check(const char *public_key, const char *text, const char *signature);
/* HMAC-SHA256 in hex: what only who knows the secret can make. */
const char *signature_by_secret(Arena *a, const char *secret, const char *text);

#endif
