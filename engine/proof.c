#include "proof.h"

#include "approval.h"
#include "backfill.h"
#include "fail.h"
#include "sql.h"

static bool enter(Pg *pg, Arena *a, const char *schema, const Proof *proof) {
    Json *facts = json_new_map(a), *texts = json_new_map(a);
    for (size_t i = 0; i < proof->files.count; i++)
        json_set_text(texts, proof->files.at[i]->id, approval_tokens(a, proof->files.at[i]));
    json_set(facts, "texts", texts);
    return ledger_event(pg, schema, 0, NULL, proof->kind, proof->message, json_text(facts));
}

bool proof_give_up(Arena *a, const char **why_not) {
    if (failure()->kind == FAIL_INTERRUPTED)
        return false;
    *why_not = arena_string(a, failure()->message);
    fail_clear();
    return true;
}

bool proof_write(Pg *pg, Arena *a, const Ledger *ledger, const Proof *proof, const char **why_not) {
    *why_not = ledger->version ? NULL
                               : "there is no ledger yet; the first run makes it, or what stint "
                                 "doctor --grants shows";
    return *why_not || enter(pg, a, ledger->schema, proof) || proof_give_up(a, why_not);
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
