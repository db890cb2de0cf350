#include "seal.h"

#include "fail.h"
#include "file.h"
#include "signature.h"
#include "text.h"

#include <string.h>

#define PUBLIC "ed25519:"
#define SHARED "hmac-sha256:"

enum { SHORTEST_SECRET = 32 };

/* One of the three is set; `open` beside `path` too. */
typedef struct {
    const char *path;   /* of a private key */
    const char *open;   /* a public key */
    const char *secret; /* that both sides know */
} Key;

static bool no_key(const Config *config) {
    fail(FAIL_CONFIG, "%s has no release_key, and a release record is signed", config->environment);
    fail_hint("in config.ini under [%s]: release_key = ${RELEASE_KEY}, a secret of %d characters "
              "(openssl rand -hex 32); or a key pair: stint promote --new-key FILE",
              config->environment, SHORTEST_SECRET);
    return false;
}

static bool looks_like_path(Arena *a, const char *value) {
    return text_ends(value, ".pem") || text_ends(value, ".key") ||
           (strchr(value, '/') && file_is_folder(file_folder(a, value)));
}

static const char *trimmed(Arena *a, const char *text) {
    size_t length = strlen(text), start = strspn(text, " \t\r\n");
    while (length > start && strchr(" \t\r\n", text[length - 1]))
        length--;
    return arena_bytes(a, text + start, length - start);
}

static bool read_text(Arena *a, const char *text, Key *out) {
    if (text_starts(text, PUBLIC)) {
        out->open = signature_read_key(a, text + strlen(PUBLIC));
        return out->open || fail(FAIL_CONFIG, "release_key has no public key after " PUBLIC);
    }
    if (strlen(text) < SHORTEST_SECRET) {
        fail(FAIL_CONFIG, "release_key is no file, and too short for a secret");
        return fail_hint("%d characters at least: openssl rand -hex 32", SHORTEST_SECRET);
    }
    fail_secret(text);
    out->secret = text;
    return true;
}

/* It may be a secret after all, and is not shown. */
static bool refuse_path(const Config *config) {
    fail(FAIL_CONFIG, "release_key (%s) names a file that is not there",
         config_source(config, "release_key"));
    return fail_hint("a secret is better without a / in it: openssl rand -hex 32");
}

static bool read_key(Arena *a, const Config *config, Key *out) {
    const char *value = config->release_key;
    Bytes bytes;
    *out = (Key){0};
    if (!value)
        return no_key(config);
    if (!file_exists(value))
        return looks_like_path(a, value) ? refuse_path(config) : read_text(a, value, out);
    if (!file_read(a, value, &bytes))
        return fail_as(FAIL_CONFIG);
    if (!strstr(bytes.at, "PRIVATE KEY"))
        return read_text(a, trimmed(a, bytes.at), out);
    out->path = value;
    return signature_public_key(a, value, &out->open);
}

bool seal_make(Arena *a, const Config *config, const char *text, const char **seal) {
    const char *word = NULL;
    Key key;
    if (!read_key(a, config, &key))
        return false;
    if (key.secret) {
        *seal = arena_format(a, SHARED "%s", signature_by_secret(a, key.secret, text));
        return true;
    }
    if (!key.path) {
        fail(FAIL_CONFIG, "release_key of %s is a public key: it can check a record, not sign one",
             config->environment);
        return fail_hint("where records are made, give the private one: --release-key FILE or "
                         "STINT_RELEASE_KEY");
    }
    if (!signature_make(a, key.path, text, &word))
        return false;
    *seal = arena_format(a, PUBLIC "%s", word);
    return true;
}

/* In the same time, wherever they differ. */
static bool is_same(const char *x, const char *y) {
    size_t length = strlen(x);
    unsigned differs = 0;
    if (length != strlen(y))
        return false;
    for (size_t i = 0; i < length; i++)
        differs |= (unsigned)(x[i] ^ y[i]);
    return !differs;
}

static bool fits(Arena *a, const Key *key, const char *text, const char *seal) {
    if (key->secret)
        return text_starts(seal, SHARED) &&
               is_same(signature_by_secret(a, key->secret, text), seal + strlen(SHARED));
    return text_starts(seal, PUBLIC) &&
           signature_check(key->open, text, seal + strlen(PUBLIC)) == SIGNATURE_FITS;
}

bool seal_check(Arena *a, const Config *config, const char *text, const char *seal) {
    Key key;
    if (!read_key(a, config, &key))
        return false;
    return fits(a, &key, text, seal) ||
           fail(FAIL_REFUSED, "its signature is not by release_key, or not of this text");
}
