#include "consent.h"

#include "fail.h"
#include "protection.h"
#include "text.h"

static const char data_loss[] = "data-loss";

static const char *lines(Arena *a, Strings losses) {
    Text text = text_on(a);
    for (size_t i = 0; i < losses.count; i++)
        text_addf(&text, "%s%s", i ? "\n        " : "", losses.at[i]);
    return text.at;
}

bool consent_given(Arena *a, const Config *config, const Consent *consent, const char *what,
                   Strings losses, const char *command) {
    const char *guard = protection_of(config), *here = guard ? guard : config->environment;
    bool confirmed = text_same(consent->confirm, here);
    bool allowed = !losses.count || consent->allow;
    if (consent->allow && !text_same(consent->allow, data_loss)) {
        fail(FAIL_USAGE, "--allow takes %s, not %s", data_loss, consent->allow);
        return false;
    }
    if (consent->confirm && !confirmed) {
        fail(FAIL_REFUSED, "--confirm says %s, but this is %s", consent->confirm, here);
        return fail_state("nothing was run");
    }
    if (!guard || (confirmed && allowed))
        return true;
    if (!confirmed)
        fail(FAIL_REFUSED, "%s is a protected environment: %s there wants to be confirmed", here,
             what);
    else
        fail(FAIL_REFUSED, "%s would drop data in %s, a protected environment", what, here);
    if (losses.count)
        fail_detail("data that would go:\n        %s", lines(a, losses));
    fail_state("nothing was run");
    if (!losses.count)
        protection_explain(config);
    return fail_next("%s -e %s --confirm %s%s%s", command, here, here,
                     losses.count ? " --allow " : "", losses.count ? data_loss : "");
}
