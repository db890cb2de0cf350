/* Any text as a database's URL: a password in it never comes back in a message. */
#include "pgurl.h"

#include "fail.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char before[] = "postgresql://anna:Swordfish-19@", secret[] = "Swordfish-19";
    Arena *a = arena_new();
    char *plain = arena_bytes(a, data, size), *keyed = arena_take(a, sizeof before + size);
    const char *texts[] = {plain, keyed};
    memcpy(keyed, before, sizeof before - 1);
    memcpy(keyed + sizeof before - 1, plain, size);
    for (size_t i = 0; i < 2; i++) {
        PgUrl url;
        const char *open, *password;
        if (pgurl_read(a, texts[i], &url)) {
            pgurl_with_database(a, &url, "other");
            pgurl_parted(a, url.conninfo, &open, &password);
        } else if (failure()->message && strstr(failure()->message, secret))
            abort();
        fail_clear();
    }
    arena_free(a);
    return 0;
}
