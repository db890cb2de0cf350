#include "pair.h"

#include "fail.h"
#include "file.h"
#include "text.h"

bool pair_load(Arena *a, const Config *here, const char *environment, Config **out) {
    if (!here->file)
        return fail(FAIL_CONFIG, "there is no config.ini that has %s", environment);
    const ConfigWanted wanted = {.file = file_join(a, here->folder, file_base(here->file)),
                                 .environment = environment,
                                 .flags = here->flags};
    return config_load(a, &wanted, out);
}

bool pair_are_two(const Config *one, const Config *other) {
    const char *here = config_connection(one);
    const char *there = here ? config_connection(other) : NULL;
    if (!there || !text_same(here, there))
        return there != NULL;
    fail(FAIL_USAGE, "%s and %s are the same database", one->environment, other->environment);
    return fail_hint("the url of the one is from %s, of the other from %s",
                     config_source(one, "url"), config_source(other, "url"));
}
