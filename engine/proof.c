#include "proof.h"

#include "approval.h"
#include "backfill.h"
#include "fail.h"
#include "sql.h"

bool proof_write(Pg *pg, Arena *a, const char *schema, const char *kind, const char *message,
                 const ProofFiles *files) {
    Json *facts = json_new_map(a), *texts = json_new_map(a);
    for (size_t i = 0; i < files->count; i++)
        json_set_text(texts, files->at[i]->id, approval_tokens(a, files->at[i]));
    json_set(facts, "texts", texts);
    return ledger_event(pg, schema, 0, NULL, kind, message, json_text(facts));
}

static bool find(Pg *pg, Arena *a, const char *schema, const char *kind, const ProofFiles *files,
                 Json *ages) {
    size_t size = (files->count + 1) * sizeof(char *);
    Strings ids = {files->count, arena_take(a, size)}, tokens = {files->count, arena_take(a, size)};
    PgRows rows;
    for (size_t i = 0; i < files->count; i++) {
        ids.at[i] = files->at[i]->id;
        tokens.at[i] = approval_tokens(a, files->at[i]);
    }
    if (!pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_PROOF_AGES),
                 PG_WITH(kind, backfill_array(a, ids), backfill_array(a, tokens))))
        return fail_in("cannot read in the ledger what was %s", kind);
    for (size_t i = 0; i < rows.count; i++)
        json_set_integer(ages, pg_cell(&rows, i, 0), pg_integer(&rows, i, 1));
    return true;
}

bool proof_find(Pg *pg, Arena *a, const char *schema, const Json *kinds, const ProofFiles *files,
                Json *found) {
    Json *proofs = json_new_map(a);
    for (size_t i = 0; i < json_count(kinds); i++) {
        const char *kind = json_as_text(json_at(kinds, i));
        Json *ages = json_new_map(a);
        if (!find(pg, a, schema, kind, files, ages))
            return false;
        json_set(proofs, kind, ages);
    }
    json_set(found, "proofs", proofs);
    return true;
}
