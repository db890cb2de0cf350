#include "override.h"

#include "fail.h"
#include "text.h"

#include <string.h>

bool override_read(const Call *call, Strings *gates, const char **reason) {
    const Given *given = &call->given;
    *gates = (Strings){0, arena_take(call->arena, (given->count + 1) * sizeof(char *))};
    for (size_t i = 0; i < given->count; i++)
        if (text_same(given->option[i]->name, "override"))
            gates->at[gates->count++] = given->value[i];
    *reason = option_value(given, "reason");
    if (*reason && !gates->count)
        return fail(FAIL_USAGE, "--reason is why a gate is overridden: --override GATE");
    if (!gates->count || (*reason && (*reason)[strspn(*reason, " ")]))
        return true;
    return fail(FAIL_USAGE, "--override wants a reason, which the ledger keeps: --reason TEXT");
}
