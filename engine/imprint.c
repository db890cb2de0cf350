#include "imprint.h"

#include "digest.h"
#include "fail.h"

#include <string.h>

enum { DIGITS = 64, OF_A_PART = 4, WHOLE = DIGITS - OF_A_PART * IMPRINT_PARTS };

static const char *const parts[IMPRINT_PARTS] = {
    [IMPRINT_LEDGER] = "what is applied (the ledger)",
    [IMPRINT_FILES] = "the environment, or the pending files and their texts",
    [IMPRINT_IMPACT] = "what statements lock, rewrite, scan or build",
    [IMPRINT_SIZES] = "the size of a table, tenfold",
    [IMPRINT_VERDICTS] = "what the rules say",
    [IMPRINT_POLICIES] = "the policies",
};

Imprint imprint_on(Arena *a) {
    Imprint imprint;
    for (int i = 0; i < IMPRINT_PARTS; i++)
        imprint.part[i] = text_on(a);
    return imprint;
}

/* Lengths before the texts: no two lists of fields look the same. */
void imprint_add(Imprint *imprint, ImprintPart part, const char *name, const char *value) {
    if (!value)
        value = "";
    text_addf(&imprint->part[part], "%s %zu %s\n", name, strlen(value), value);
}

const char *imprint_hash(Arena *a, const Imprint *imprint) {
    Text hash = text_on(a), tail = text_on(a);
    Digest *whole = digest_new();
    for (int i = 0; i < IMPRINT_PARTS; i++) {
        const Text *part = &imprint->part[i];
        const char *digest = digest_of(a, part->at, part->length);
        digest_add(whole, digest, DIGITS);
        text_addf(&tail, "%.*s", OF_A_PART, digest);
    }
    text_addf(&hash, "%.*s%s", WHOLE, digest_end(a, whole), tail.at);
    return hash.at;
}

static bool is_hash(const char *given) {
    return strlen(given) == DIGITS && strspn(given, "0123456789abcdef") == DIGITS;
}

bool imprint_accept(Arena *a, const char *hash, const char *given) {
    Text changed = text_on(a);
    if (!is_hash(given)) {
        fail(FAIL_USAGE, "%s is no plan hash", given);
        return fail_hint("stint plan prints it: 64 digits");
    }
    if (text_same(hash, given))
        return true;
    for (int i = 0; i < IMPRINT_PARTS; i++)
        if (strncmp(hash + WHOLE + OF_A_PART * i, given + WHOLE + OF_A_PART * i, OF_A_PART) != 0)
            text_addf(&changed, "%s%s", changed.length ? "; " : "", parts[i]);
    fail(FAIL_REFUSED, "this is not the plan that was agreed to");
    fail_detail("changed since: %s; the plan is now %s", changed.length ? changed.at : "something",
                hash);
    fail_state("nothing was run");
    return fail_next("stint plan shows what would be done now");
}
