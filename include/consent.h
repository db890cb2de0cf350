/* consent: what a protected environment wants to be told before something that cannot be undone:
 * --confirm ENVIRONMENT, and --allow data-loss where data is dropped. Refuses to know what is about
 * to be done. */
#ifndef CONSENT_H
#define CONSENT_H

#include "config.h"
#include "script.h"

typedef struct {
    const char *confirm; /* what --confirm says, or NULL */
    const char *allow;   /* what --allow says, or NULL */
    Strings override;    /* the gates that --override names, and --reason (gate.h) */
    const char *reason;
} Consent;

/* `what` is about to be done ("a rollback"); `losses` says what data goes, a line each; `command`
 * is what was typed, for saying it again with what it lacks. Without protection only what was said
 * wrongly is refused. */
bool consent_given(Arena *a, const Config *config, const Consent *consent, const char *what,
                   Strings losses, const char *command);

#endif
