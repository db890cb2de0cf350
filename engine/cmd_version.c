#include "cli.h"

#include "json.h"

#ifndef STINT_VERSION
#define STINT_VERSION "unknown"
#endif

static bool version(Call *call) {
    if (call->json) {
        Json *json = json_new_map(call->arena);
        json_set_text(json, "version", STINT_VERSION);
        puts(json_text(json));
    } else
        puts("stint " STINT_VERSION);
    return true;
}

const Command cmd_version = {.name = "version",
                             .usage = "[--json]",
                             .about = "the program's version",
                             .needs = NEED_NO_WORDS,
                             .run = version};
