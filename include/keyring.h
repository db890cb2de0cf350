/* keyring: approval_keys: the public keys whose signatures count, each with the name of who has the
 * private half and the roles that this person counts for. Refuses to know what is signed. */
#ifndef KEYRING_H
#define KEYRING_H

#include "script.h"

typedef struct {
    const char *name, *key;
    Strings roles;
} KeyringKey;

typedef struct {
    size_t count;
    KeyringKey *key;
} Keyring;

/* `setting` names a file of lines, or is the list itself, set apart by commas: NAME KEY [ROLE...].
 * A name may have several keys, a key one name. FAIL_CONFIG. */
bool keyring_read(Arena *a, const char *setting, Keyring *out);
/* Whose signature of `text` that is; NULL: nobody's here. */
const KeyringKey *keyring_signer(const Keyring *keyring, const char *text, const char *signature);

#endif
