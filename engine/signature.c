#include "signature.h"

#include "fail.h"
#include "file.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_LENGTH = 32, LENGTH = 64, MOST_BASE64 = 128, MOST_BYTES = 96 };

/* What stands before a key in its longer form: "an Ed25519 key follows" (RFC 8410). */
static const unsigned char key_prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                           0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

/* There is no answer without memory, and no other reason that libcrypto could have. */
static void must(int ok) {
    if (ok > 0)
        return;
    fputs("stint: libcrypto gives no Ed25519\n", stderr);
    abort();
}

static const char *base64_of(Arena *a, const unsigned char *bytes, size_t length) {
    char *out = arena_take(a, 4 * ((length + 2) / 3) + 1);
    EVP_EncodeBlock((unsigned char *)out, bytes, (int)length);
    return out;
}

/* How many bytes the word stands for; 0: it is no base64, or too long to be anything of ours. */
static size_t bytes_of(const char *word, unsigned char out[MOST_BYTES]) {
    size_t length = strlen(word), padding = 0;
    if (!length || length > MOST_BASE64 || length % 4 != 0)
        return 0;
    while (padding < 2 && word[length - 1 - padding] == '=')
        padding++;
    int count = EVP_DecodeBlock(out, (const unsigned char *)word, (int)length);
    return count > 0 ? (size_t)count - padding : 0;
}

const char *signature_read_key(Arena *a, const char *word) {
    unsigned char bytes[MOST_BYTES];
    size_t length = bytes_of(word, bytes), prefix = sizeof key_prefix;
    if (length == KEY_LENGTH)
        return base64_of(a, bytes, KEY_LENGTH);
    if (length == prefix + KEY_LENGTH && memcmp(bytes, key_prefix, prefix) == 0)
        return base64_of(a, bytes + prefix, KEY_LENGTH);
    return NULL;
}

static const char *public_half(Arena *a, const EVP_PKEY *key) {
    unsigned char bytes[KEY_LENGTH];
    size_t length = sizeof bytes;
    must(EVP_PKEY_get_raw_public_key(key, bytes, &length));
    return base64_of(a, bytes, length);
}

static EVP_PKEY *read_private(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file) {
        fail_errno(FAIL_CONFIG, "cannot read the key %s", path);
        return NULL;
    }
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    if (key && EVP_PKEY_is_a(key, "ED25519"))
        return key;
    fail(FAIL_CONFIG, "%s holds no private Ed25519 key that could be read", path);
    fail_hint("stint approve --new-key FILE makes one");
    EVP_PKEY_free(key);
    return NULL;
}

bool signature_public_key(Arena *a, const char *path, const char **public_key) {
    EVP_PKEY *key = read_private(path);
    if (!key)
        return false;
    *public_key = public_half(a, key);
    EVP_PKEY_free(key);
    return true;
}

bool signature_new_key(Arena *a, const char *path, const char **public_key) {
    if (!file_make_folder(file_folder(a, path)))
        return fail_as(FAIL_CONFIG);
    int at = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = at < 0 ? NULL : fdopen(at, "w");
    if (!file)
        return fail_errno(FAIL_CONFIG, "cannot write a new key to %s", path);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    must(key != NULL);
    *public_key = public_half(a, key);
    bool ok = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(key);
    ok = fclose(file) == 0 && ok;
    if (!ok)
        unlink(path);
    return ok || fail_errno(FAIL_CONFIG, "cannot write a new key to %s", path);
}

bool signature_make(Arena *a, const char *path, const char *text, const char **signature) {
    unsigned char bytes[LENGTH];
    size_t length = sizeof bytes;
    EVP_PKEY *key = read_private(path);
    if (!key)
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    must(EVP_DigestSignInit(context, NULL, NULL, NULL, key));
    must(EVP_DigestSign(context, bytes, &length, (const unsigned char *)text, strlen(text)));
    *signature = base64_of(a, bytes, length);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return true;
}

SignatureAnswer signature_check(const char *public_key, const char *text, const char *signature) {
    unsigned char key_bytes[MOST_BYTES], bytes[MOST_BYTES];
    if (bytes_of(public_key, key_bytes) != KEY_LENGTH || bytes_of(signature, bytes) != LENGTH)
        return SIGNATURE_DIFFERS;
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key_bytes, KEY_LENGTH);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    int ok =
        key && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(context, bytes, LENGTH, (const unsigned char *)text, strlen(text)) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return ok ? SIGNATURE_FITS : SIGNATURE_DIFFERS;
}

const char *signature_by_secret(Arena *a, const char *secret, const char *text) {
    unsigned char sum[EVP_MAX_MD_SIZE];
    size_t length = 0;
    must(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, secret, strlen(secret),
                   (const unsigned char *)text, strlen(text), sum, sizeof sum, &length) != NULL);
    Text hex = text_on(a);
    text_add_hex(&hex, sum, length);
    return hex.at;
}
