#include "precedent.h"

#include "fail.h"
#include "file.h"
#include "session.h"
#include "text.h"

bool precedent_read(Arena *a, const Config *config, const char *environment, Precedent *out) {
    Config *there;
    *out = (Precedent){.environment = environment};
    if (!environment)
        return true;
    if (!config->file)
        return fail(FAIL_CONFIG, "there is no config.ini that has %s", environment);
    const ConfigWanted wanted = {.file = file_join(a, config->folder, file_base(config->file)),
                                 .environment = environment,
                                 .flags = config->flags};
    if (!config_load(a, &wanted, &there))
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
