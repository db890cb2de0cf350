#include "keyring.h"

#include "fail.h"
#include "file.h"
#include "signature.h"
#include "text.h"

#include <string.h>

typedef struct {
    Arena *arena;
    const char *file; /* NULL: the list stands in config.ini */
    size_t line;
    Keyring *out;
} Reader;

static bool refuse(const Reader *r, const char *what, const char *word) {
    fail(FAIL_CONFIG, "%s: %s: %s", r->file ? r->file : "approval_keys", what, word);
    fail_hint("a line is NAME KEY [ROLE...]; stint approve --new-key FILE makes a key and shows "
              "its public half");
    return r->file ? fail_at((FailPlace){.file = r->file, .line = r->line}) : false;
}

static Strings words_of(Arena *a, const char *at, size_t length) {
    Strings words = {0, arena_take(a, (length / 2 + 1) * sizeof *words.at)};
    const char *end = at + length;
    while (at < end) {
        size_t blanks = strspn(at, " \t\r");
        at += blanks < (size_t)(end - at) ? blanks : (size_t)(end - at);
        size_t word = strcspn(at, " \t\r");
        word = word < (size_t)(end - at) ? word : (size_t)(end - at);
        if (word)
            words.at[words.count++] = arena_bytes(a, at, word);
        at += word;
    }
    return words;
}

static bool take(Reader *r, const char *at, size_t length) {
    Strings words = words_of(r->arena, at, length);
    if (!words.count || words.at[0][0] == '#')
        return true;
    const char *name = words.at[0];
    if (words.count < 2)
        return refuse(r, "there is no key", name);
    const char *key = signature_read_key(r->arena, words.at[1]);
    if (!key)
        return refuse(r, "this is no public Ed25519 key", words.at[1]);
    for (size_t i = 0; i < r->out->count; i++)
        if (text_same(r->out->key[i].key, key) && !text_same(r->out->key[i].name, name))
            return refuse(r, "this key is somebody else's already", name);
    r->out->key[r->out->count++] = (KeyringKey){name, key, {words.count - 2, words.at + 2}};
    return true;
}

static bool read_text(Arena *a, Reader *r, const char *setting, Bytes *text) {
    if (file_exists(setting)) {
        r->file = setting;
        return file_read(a, setting, text) || fail_as(FAIL_CONFIG);
    }
    if (strcspn(setting, " \t,\n") == strlen(setting)) {
        fail(FAIL_CONFIG, "approval_keys names the file %s, which is not there", setting);
        return fail_hint("a line of it is NAME KEY [ROLE...]");
    }
    *text = (Bytes){setting, strlen(setting)};
    return true;
}

bool keyring_read(Arena *a, const char *setting, Keyring *out) {
    Reader r = {.arena = a, .out = out};
    Bytes text;
    if (!read_text(a, &r, setting, &text))
        return false;
    *out = (Keyring){0, arena_take(a, (text.length / 2 + 1) * sizeof *out->key)};
    const char *ends = r.file ? "\n" : ",\n";
    for (const char *at = text.at; *at;) {
        size_t length = strcspn(at, ends);
        r.line++;
        if (!take(&r, at, length))
            return false;
        at += length + (at[length] != 0);
    }
    return out->count || refuse(&r, "there is no key in it", setting);
}

const KeyringKey *keyring_signer(const Keyring *keyring, const char *text, const char *signature) {
    for (size_t i = 0; signature && i < keyring->count; i++)
        if (signature_check(keyring->key[i].key, text, signature) == SIGNATURE_FITS)
            return &keyring->key[i];
    return NULL;
}
