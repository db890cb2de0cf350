/* override: the options --override GATE and --reason TEXT, of all commands that pass gates. Refuses
 * to know whether they help (gate.h). */
#ifndef OVERRIDE_H
#define OVERRIDE_H

#include "command.h"
#include "script.h"

#define OVERRIDE_OPTIONS                                                                           \
    {"override", 0, "GATE", "lift this gate, where its policy lets your role; may be repeated"}, { \
        "reason", 0, "TEXT", "why a gate is lifted; the ledger keeps it"                           \
    }

/* --override may stand there several times, with one --reason for all. False: FAIL_USAGE. */
bool override_read(const Call *call, Strings *gates, const char **reason);

#endif
