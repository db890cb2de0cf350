#include "precedent.h"

#include "fail.h"
#include "pair.h"
#include "session.h"
#include "text.h"

bool precedent_read(Arena *a, const Config *config, const char *environment, Precedent *out) {
    Config *there;
    *out = (Precedent){.environment = environment};
    if (!environment)
        return true;
    if (!pair_load(a, config, environment, &there))
        return false;
    Pg *pg = session_open(a, there, "plan", SESSION_MUST_EXIST);
    bool ok = pg && ledger_read(pg, a, there->ledger_schema, LEDGER_WHOLE, &out->ledger);
    pg_close(pg);
    return ok || fail_in("%s", environment);
}

long long precedent_ms(const Precedent *precedent, const Migration *m) {
    const LedgerRow *row = precedent->environment ? ledger_row(&precedent->ledger, m->id) : NULL;
    if (!row || !text_same(row->state, "applied") || !text_same(row->tokens, m->tokens))
        return -1;
    return row->duration_ms;
}
