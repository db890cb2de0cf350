#include "baseline.h"

#include "fail.h"
#include "file.h"
#include "text.h"

#include <string.h>

enum { VERSION = 1 };

typedef struct {
    const char *key;
    const char *file; /* its name without folders */
    bool used;
} Entry;

typedef struct {
    size_t count;
    Entry *at;
} Entries;

static bool no_baseline(const char *path) {
    fail(FAIL_CONFIG, "%s is no baseline of lint", path);
    return fail_hint("stint lint --write-baseline writes one");
}

static bool read_entries(Arena *a, const char *path, Entries *out) {
    Bytes text;
    Json *whole;
    if (!file_read(a, path, &text))
        return false;
    if (!json_parse(a, text.at, text.length, &whole))
        return fail_in("%s", path) || fail_as(FAIL_CONFIG);
    const Json *list = json_get(whole, "findings");
    if (json_as_integer(json_get(whole, "version")) != VERSION || !list)
        return no_baseline(path);
    *out = (Entries){json_count(list), arena_take(a, (json_count(list) + 1) * sizeof *out->at)};
    for (size_t i = 0; i < out->count; i++) {
        const Json *one = json_at(list, i);
        out->at[i] = (Entry){.key = json_as_text(json_get(one, "key")),
                             .file = json_as_text(json_get(one, "file"))};
        if (!out->at[i].key || !out->at[i].file)
            return no_baseline(path);
    }
    return true;
}

static bool is_known(Entries *entries, const JudgeFinding *finding) {
    for (size_t i = 0; i < entries->count; i++)
        if (text_same(entries->at[i].key, finding->key))
            return entries->at[i].used = true;
    return false;
}

static bool is_judged(const Migrations *files, const char *name) {
    for (size_t i = 0; i < files->count; i++)
        if (text_same(file_base(files->at[i].path), name))
            return true;
    return false;
}

bool baseline_apply(Judge *judge, const char *path, const Migrations *files, Baseline *out) {
    Entries entries = {0, NULL};
    size_t kept = 0;
    *out = (Baseline){0, 0};
    if (!read_entries(judge->arena, path, &entries))
        return false;
    for (size_t i = 0; i < judge->count; i++)
        if (!is_known(&entries, &judge->finding[i]))
            judge->finding[kept++] = judge->finding[i];
    out->known = judge->count - kept;
    judge->count = kept;
    for (size_t i = 0; i < entries.count; i++)
        out->unused += !entries.at[i].used && is_judged(files, entries.at[i].file);
    return true;
}

bool baseline_write(const Judge *judge, const char *path) {
    Arena *a = arena_new();
    Json *whole = json_new_map(a), *list = json_new_list(a);
    for (size_t i = 0; i < judge->count; i++) {
        const JudgeFinding *finding = &judge->finding[i];
        Json *one = json_new_map(a);
        json_set_text(one, "file", finding->place.file ? file_base(finding->place.file) : "");
        json_set_text(one, "rule", finding->rule);
        json_set_text(one, "message", finding->message);
        json_set_text(one, "key", finding->key);
        json_append(list, one);
    }
    json_set_integer(whole, "version", VERSION);
    json_set(whole, "findings", list);
    const char *text = arena_format(a, "%s\n", fail_redacted(json_pretty(whole)));
    bool ok = file_replace(path, text, strlen(text));
    arena_free(a);
    return ok;
}
