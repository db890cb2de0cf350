#include "approval.h"

#include "backfill.h"
#include "digest.h"
#include "fail.h"
#include "keyring.h"
#include "ledger.h"
#include "signature.h"
#include "sql.h"
#include "text.h"

#include <string.h>

typedef struct {
    Arena *arena;
    const Config *config;
    const Migration *migration;
    const ApprovalWanted *wanted;
    const char *tokens, *place;
    Keyring keyring; /* empty: approvals are not signed */
} Judge;

const char *approval_tokens(Arena *a, const Migration *m) {
    const char *text =
        arena_format(a, "up %s\ndown %s\n", m->tokens, m->down_tokens ? m->down_tokens : "-");
    return digest_of(a, text, strlen(text));
}

/* What a signature is of. It says where it holds: copied elsewhere, it fits no more. */
static const char *signed_text(const Judge *j, const char *comment) {
    Arena *a = j->arena;
    if (!comment)
        comment = "";
    return arena_format(a,
                        "stint approval 1\nmigration %s\ntokens %s\nenvironment %s\n"
                        "database %s\ncomment %s\n",
                        j->migration->id, j->tokens, j->config->environment, j->place,
                        digest_of(a, comment, strlen(comment)));
}

static bool read_place(Pg *pg, Judge *j) {
    PgRows rows;
    if (!pg_row(pg, j->arena, &rows, SQL_APPROVAL_PLACE, PG_NONE)) {
        fail_in("cannot tell this database from its copies");
        return fail_hint("GRANT EXECUTE ON FUNCTION pg_control_system() TO %s", pg_user(pg));
    }
    j->place = pg_cell(&rows, 0, 0);
    return true;
}

static bool judge_of(Pg *pg, Arena *a, const Config *config, const Migration *m, Judge *out) {
    *out = (Judge){.arena = a, .config = config, .migration = m, .tokens = approval_tokens(a, m)};
    return read_place(pg, out) &&
           (!config->approval_keys || keyring_read(a, config->approval_keys, &out->keyring));
}

/* ---- counting ---- */

ApprovalWanted approval_wanted(Arena *a, const Json *kind) {
    const Json *roles = json_get(kind, "roles");
    bool others = json_as_flag(json_get(kind, "not_author"));
    ApprovalWanted wanted = {others ? APPROVAL_NOT_BY_AUTHOR : APPROVAL_BY_ANYBODY, {0, NULL}};
    wanted.roles.at = arena_take(a, (json_count(roles) + 1) * sizeof *wanted.roles.at);
    for (size_t i = 0; i < json_count(roles); i++)
        wanted.roles.at[wanted.roles.count++] = json_as_text(json_at(roles, i));
    return wanted;
}

enum { ROLE, TOKENS, ENVIRONMENT, PLACE, COMMENT, SIGNATURE, AT, KNOWN, ABLE };

static bool has_role(const KeyringKey *key, Strings roles) {
    for (size_t i = 0; i < key->roles.count; i++)
        for (size_t k = 0; k < roles.count; k++)
            if (text_same(key->roles.at[i], roles.at[k]))
                return true;
    return false;
}

static const char *list(Arena *a, Strings words) {
    Text text = text_on(a);
    for (size_t i = 0; i < words.count; i++)
        text_addf(&text, "%s%s", i ? ", " : "", words.at[i]);
    return text.at;
}

static const char *of_another_place(const Judge *j, const PgRows *rows, size_t r) {
    if (!text_same(pg_cell(rows, r, ENVIRONMENT), j->config->environment))
        return arena_format(j->arena, "given for the environment %s",
                            pg_cell(rows, r, ENVIRONMENT));
    if (!text_same(pg_cell(rows, r, PLACE), j->place))
        return "given in another database, of which this is a copy";
    return text_same(pg_cell(rows, r, TOKENS), j->tokens) ? NULL : "the file has changed since";
}

/* Whose it is, and whether that person may. With keys nothing is believed but the signature: the
 * ledger's owner can write any role, and make it a member of any other. */
static const char *by_whom(const Judge *j, const PgRows *rows, size_t r, Approval *approval) {
    Strings roles = j->wanted->roles;
    const KeyringKey *key = NULL;
    if (j->keyring.count) {
        key = keyring_signer(&j->keyring, signed_text(j, approval->comment),
                             pg_cell(rows, r, SIGNATURE));
        if (!key)
            return pg_cell(rows, r, SIGNATURE) ? "its signature is by no key of approval_keys, or "
                                                 "not for this text, environment and database"
                                               : "it is not signed";
        approval->by = key->name;
    } else if (!pg_true(rows, r, KNOWN))
        return "there is no such role any more";
    if (roles.count && !(key ? has_role(key, roles) : pg_true(rows, r, ABLE)))
        return arena_format(j->arena, "%s is not of the role %s", approval->by,
                            list(j->arena, roles));
    return NULL;
}

/* Is it the author's, or one more of somebody who counts already? */
static const char *not_again(const Judge *j, const Approvals *all, const Approval *approval) {
    if (j->wanted->givers == APPROVAL_NOT_BY_AUTHOR && text_same(approval->by, all->author.role))
        return "by the author of the file";
    for (size_t i = 0; i < all->count; i++)
        if (!all->approval[i].refused && text_same(all->approval[i].by, approval->by))
            return "counted already";
    return NULL;
}

static void judge(const Judge *j, const PgRows *rows, size_t r, Approvals *out) {
    Approval *approval = &out->approval[out->count];
    *approval = (Approval){.by = pg_cell(rows, r, ROLE),
                           .at = pg_cell(rows, r, AT),
                           .environment = pg_cell(rows, r, ENVIRONMENT),
                           .comment = pg_cell(rows, r, COMMENT)};
    approval->refused = of_another_place(j, rows, r);
    if (!approval->refused)
        approval->refused = by_whom(j, rows, r, approval);
    if (!approval->refused)
        approval->refused = not_again(j, out, approval);
    out->valid += !approval->refused && !out->refused;
    out->count++;
}

/* Without keys, what this session could have written itself proves nothing. */
static bool ask_forger(Pg *pg, const Judge *j, Approvals *out) {
    PgRows rows;
    if (j->keyring.count)
        return true;
    if (!pg_row(pg, j->arena, &rows, SQL_APPROVAL_FORGER, PG_WITH(j->config->ledger_schema)))
        return false;
    const char *how = pg_cell(&rows, 0, 0);
    if (!how)
        return true;
    out->refused = arena_format(j->arena, "%s, and could have written them itself", how);
    out->next = "give the ledger to a role of its own (stint doctor --grants), or demand "
                "signatures (approval_keys in config.ini)";
    return true;
}

static void ask_author(const Judge *j, Approvals *out) {
    out->author = author_of(j->arena, j->config, j->migration);
    if (out->refused || out->author.role || j->wanted->givers == APPROVAL_BY_ANYBODY)
        return;
    out->refused = arena_format(j->arena, "the author is not known: %s", out->author.why);
    out->next = out->author.next;
}

bool approval_count(Pg *pg, Arena *a, const Config *config, const Migration *m,
                    const ApprovalWanted *wanted, Approvals *out) {
    Judge j;
    PgRows rows;
    *out = (Approvals){0};
    if (!judge_of(pg, a, config, m, &j) || !ask_forger(pg, &j, out) ||
        !pg_rows(pg, a, &rows, ledger_sql(a, config->ledger_schema, SQL_APPROVAL_ROWS),
                 PG_WITH(m->id, backfill_array(a, wanted->roles))))
        return fail_in("cannot read the approvals of %s", m->name);
    j.wanted = wanted;
    ask_author(&j, out);
    out->approval = arena_take(a, (rows.count + 1) * sizeof *out->approval);
    for (size_t r = 0; r < rows.count; r++)
        judge(&j, &rows, r, out);
    return true;
}

/* ---- giving ---- */

static bool sign(Judge *j, const char *comment, const char **signature, const char **name) {
    const char *path = j->config->approval_key, *text = signed_text(j, comment);
    if (!path && !j->keyring.count)
        return true;
    if (!path) {
        fail(FAIL_CONFIG, "approvals for %s are signed, and there is no key to sign with",
             j->config->environment);
        return fail_hint("--approval-key FILE, STINT_APPROVAL_KEY, or approval_key in config.ini");
    }
    if (!signature_make(j->arena, path, text, signature))
        return false;
    const KeyringKey *key = keyring_signer(&j->keyring, text, *signature);
    *name = key ? key->name : NULL;
    if (key || !j->keyring.count)
        return true;
    const char *public_key;
    if (!signature_public_key(j->arena, path, &public_key))
        return false;
    fail(FAIL_CONFIG, "approval_keys does not have the key %s", path);
    return fail_hint("its line would be: NAME %s", public_key);
}

static bool cannot_give(Pg *pg, const Config *config) {
    if (!pg_failed_with(pg, "42501"))
        return fail_in("cannot write the approval");
    fail(FAIL_REFUSED, "%s may not approve here", pg_user(pg));
    fail_state("nothing was written");
    return fail_hint("the ledger's owner lets it: stint doctor --grants shows what an approver of "
                     "the schema %s is granted",
                     config->ledger_schema);
}

bool approval_give(Pg *pg, Arena *a, const Config *config, const Migration *m, const char *comment,
                   ApprovalGiven *out) {
    Judge j;
    PgRows rows;
    const char *signature = NULL;
    *out = (ApprovalGiven){0};
    if (!judge_of(pg, a, config, m, &j) || !sign(&j, comment, &signature, &out->key))
        return false;
    if (!pg_row(pg, a, &rows, ledger_sql(a, config->ledger_schema, SQL_APPROVAL_GIVE),
                PG_WITH(m->id, m->checksum, j.tokens, config->environment, ledger_who(), comment,
                        signature)))
        return cannot_give(pg, config);
    out->by = pg_cell(&rows, 0, 0);
    return true;
}
