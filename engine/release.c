#include "release.h"

#include "clock.h"
#include "fail.h"
#include "seal.h"
#include "text.h"

#include <string.h>

enum { FORMAT = 1 };

/* ---- making ---- */

static Json *entry_json(Arena *a, const ReleaseEntry *entry) {
    Json *json = json_new_map(a);
    json_set_text(json, "id", entry->id);
    json_set_text(json, "version", entry->version);
    json_set_text(json, "name", entry->name);
    json_set_text(json, "kind", entry->kind);
    json_set_text(json, "checksum", entry->checksum);
    json_set_text(json, "tokens", entry->tokens);
    json_set_text(json, "applied_at", entry->applied_at);
    json_set_text(json, "applied_by", entry->applied_by);
    if (entry->duration_ms < 0)
        json_set_null(json, "duration_ms");
    else
        json_set_integer(json, "duration_ms", entry->duration_ms);
    return json;
}

/* What has been changed in the file but not in the record would be seen, whatever it is. */
static bool sign(Arena *a, const Config *target, Release *release) {
    Json *json = release->json = json_new_map(a), *entries = json_new_list(a);
    const char *seal;
    json_set_integer(json, "release", FORMAT);
    json_set_text(json, "target", release->target);
    json_set_text(json, "from", release->from);
    json_set_text(json, "made_at", release->made_at);
    json_set_text(json, "made_by", release->made_by);
    for (size_t i = 0; i < release->count; i++)
        json_append(entries, entry_json(a, &release->entry[i]));
    json_set(json, "migrations", entries);
    json_set_null(json, "signature");
    if (!seal_make(a, target, json_text(json), &seal))
        return false;
    json_set_text(json, "signature", seal);
    return true;
}

/* NULL: it has passed. */
static const char *why_not(const Migration *m, const LedgerRow *row) {
    if (!row || text_same(row->state, "rolled_back"))
        return "never ran there";
    if (text_same(row->state, "baselined"))
        return "is only marked as applied there";
    if (!text_same(row->state, "applied"))
        return "is not finished there";
    return text_same(row->tokens, m->tokens) ? NULL : "was another text when it ran there";
}

static bool refuse_missing(const Config *from, const Text *missing, size_t count) {
    fail(FAIL_REFUSED, "%zu of the files %s not passed in %s", count, count == 1 ? "has" : "have",
         from->environment);
    fail_detail("%s", missing->at);
    fail_state("no record was made");
    return fail_next("stint deploy -e %s", from->environment);
}

bool release_make(Arena *a, const Config *target, const Config *from, const Plan *plan,
                  const Ledger *passed, Release *out) {
    Text missing = text_on(a);
    size_t lacks = 0;
    *out = (Release){.target = target->environment,
                     .from = from->environment,
                     .made_at = clock_stamp(a),
                     .made_by = ledger_who(),
                     .entry = arena_take(a, (plan->count + 1) * sizeof *out->entry)};
    for (size_t i = 0; i < plan->count; i++) {
        Migration *m = plan->item[i].migration;
        if (!plan_is_due(&plan->item[i]))
            continue;
        if (!migration_tokens(a, m))
            return false;
        const LedgerRow *row = ledger_row(passed, m->id);
        const char *why = why_not(m, row);
        if (why) {
            text_addf(&missing, "%s%s %s", lacks++ ? "\n        " : "", m->name, why);
            continue;
        }
        out->entry[out->count++] = (ReleaseEntry){
            m->id,     m->version,      m->name,         row->kind,       row->checksum,
            m->tokens, row->applied_at, row->applied_by, row->duration_ms};
    }
    if (lacks)
        return refuse_missing(from, &missing, lacks);
    return !out->count || sign(a, target, out);
}

/* ---- reading ---- */

/* What was signed: the same without its signature, however the file is laid out. */
static const char *signed_text(Arena *a, const Json *json) {
    Json *rest = NULL;
    const char *text = json_text(json);
    if (!json_parse(a, text, strlen(text), &rest))
        return NULL;
    json_set_null(rest, "signature");
    return json_text(rest);
}

static bool read_entries(Arena *a, Release *out) {
    const Json *list = json_get(out->json, "migrations");
    out->entry = arena_take(a, (json_count(list) + 1) * sizeof *out->entry);
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *one = json_at(list, i), *ms = json_get(one, "duration_ms");
        ReleaseEntry *entry = &out->entry[out->count++];
        *entry = (ReleaseEntry){.id = json_as_text(json_get(one, "id")),
                                .version = json_as_text(json_get(one, "version")),
                                .name = json_as_text(json_get(one, "name")),
                                .kind = json_as_text(json_get(one, "kind")),
                                .checksum = json_as_text(json_get(one, "checksum")),
                                .tokens = json_as_text(json_get(one, "tokens")),
                                .applied_at = json_as_text(json_get(one, "applied_at")),
                                .applied_by = json_as_text(json_get(one, "applied_by")),
                                .duration_ms =
                                    ms && json_kind(ms) == JSON_WHOLE ? json_as_integer(ms) : -1};
        if (!entry->id || !entry->name || !entry->tokens)
            return false;
    }
    return true;
}

static bool read_fields(Arena *a, const Config *config, Release *out) {
    const Json *json = out->json;
    const char *seal = json_as_text(json_get(json, "signature"));
    if (json_as_integer(json_get(json, "release")) != FORMAT || !seal)
        return fail(FAIL_REFUSED, "it is no release record of this program");
    const char *text = signed_text(a, json);
    if (!text || !seal_check(a, config, text, seal))
        return false;
    out->target = json_as_text(json_get(json, "target"));
    out->from = json_as_text(json_get(json, "from"));
    out->made_at = json_as_text(json_get(json, "made_at"));
    out->made_by = json_as_text(json_get(json, "made_by"));
    if (!out->target || !out->from || !read_entries(a, out))
        return fail(FAIL_REFUSED, "it is no release record of this program");
    return text_same(out->target, config->environment) ||
           fail(FAIL_REFUSED, "it is a record for %s, not for %s", out->target,
                config->environment);
}

bool release_read(Arena *a, const Config *config, const char *path, Release *out) {
    Bytes text;
    *out = (Release){.path = path};
    if (!file_read(a, path, &text))
        return false;
    if (!json_parse(a, text.at, text.length, &out->json)) {
        fail_as(FAIL_REFUSED);
        return fail_in("%s is no release record", path);
    }
    return read_fields(a, config, out) || fail_in("%s", path);
}

const ReleaseEntry *release_entry(Arena *a, const Release *release, Migration *m) {
    if (!migration_tokens(a, m))
        return NULL;
    for (size_t i = 0; i < release->count; i++)
        if (text_same(release->entry[i].id, m->id) &&
            text_same(release->entry[i].tokens, m->tokens))
            return &release->entry[i];
    return NULL;
}

static bool knows(const Release *release, const Migration *m) {
    for (size_t i = 0; i < release->count; i++)
        if (text_same(release->entry[i].id, m->id))
            return true;
    return false;
}

bool release_accepts(Arena *a, const Release *release, const Plan *plan) {
    Text refused = text_on(a);
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        Migration *m = plan->item[i].migration;
        if (!plan_is_due(&plan->item[i]) || release_entry(a, release, m))
            continue;
        text_addf(&refused, "%s%s %s", count++ ? "\n        " : "", m->name,
                  knows(release, m) ? "has another text than what passed" : "is not in it");
    }
    if (!count)
        return true;
    fail(FAIL_REFUSED, "%s does not cover what is pending", release->path);
    fail_detail("%s", refused.at);
    return fail_next("stint promote %s --from %s, once all of it has passed there", release->target,
                     release->from);
}
