#include "fix.h"

#include "fail.h"
#include "ledger.h"
#include "session.h"
#include "text.h"

#include <string.h>

typedef struct {
    const char *option; /* of lint */
    Judge *judge;
    const Base *base;
    Ledger ledger; /* count 0: nothing is applied */
    Fix *out;
} Work;

static void refuse(Work *w, FixRefusal refusal) {
    Fix *out = w->out;
    size_t size = sizeof *out->refused, count = out->refused_count;
    out->refused = arena_grow(w->judge->arena, out->refused, count * size, (count + 1) * size);
    out->refused[out->refused_count++] = refusal;
}

static void wrote(Work *w, const char *path) {
    Fix *out = w->out;
    size_t size = sizeof *out->written, count = out->written_count;
    out->written = arena_grow(w->judge->arena, out->written, count * size, (count + 1) * size);
    out->written[out->written_count++] = path;
}

/* A database that is not there has applied nothing. */
static bool read_ledger(Work *w) {
    Arena *a = w->judge->arena;
    const Config *config = w->judge->config;
    bool has_url = config->url || config->direct_url;
    if (!has_url && w->base)
        return true;
    if (!has_url) {
        fail(FAIL_USAGE, "%s must know which files are applied", w->option);
        return fail_hint(
            "--base REF touches only what that branch lacks; or give the environment a "
            "url, whose ledger says it");
    }
    Pg *pg = session_open(a, config, "lint", SESSION_MUST_EXIST);
    if (!pg && text_same(failure()->sqlstate, "3D000")) {
        fail_clear();
        return true;
    }
    bool ok = pg && ledger_read(pg, a, config->ledger_schema, LEDGER_BRIEF, &w->ledger);
    pg_close(pg);
    return ok;
}

/* Why a file must not be touched, or NULL. Repeatable files may change at any time. */
static const char *untouchable(const Work *w, const Migration *m, size_t number) {
    if (m->kind == MIGRATION_REPEATABLE)
        return NULL;
    if (w->base && w->base->state[number] != BASE_NEW)
        return "it is on the branch already";
    return ledger_row(&w->ledger, m->id) || ledger_row(&w->ledger, m->version)
               ? "the ledger has it already"
               : NULL;
}

/* The numbers of the statements of a file that something was found in. */
static Json *found_in(const Judge *judge, const char *path) {
    Json *list = json_new_list(judge->arena);
    for (size_t i = 0; i < judge->count; i++) {
        const JudgeFinding *finding = &judge->finding[i];
        long long number = json_as_integer(json_get(finding->json, "statement"));
        if (number && text_same(finding->place.file, path) && !text_same(finding->level, "notice"))
            json_append_integer(list, number);
    }
    return list;
}

/* The versions of the folder that the file is in. */
static bool versions_beside(Arena *a, const char *path, Json **out) {
    FileNames names;
    if (!file_names(a, file_folder(a, path), &names))
        return false;
    *out = json_new_list(a);
    for (size_t i = 0; i < names.count; i++) {
        size_t digits = strspn(names.name[i], "0123456789");
        if (digits)
            json_append_text(*out, arena_bytes(a, names.name[i], digits));
    }
    return true;
}

/* The new ones first: what is lost if that fails is nothing. */
static bool write_files(Work *w, const Migration *m, const Json *files) {
    Arena *a = w->judge->arena;
    const char *folder = file_folder(a, m->path);
    if (json_count(files))
        wrote(w, m->path);
    for (size_t i = 1; i < json_count(files); i++) {
        const Json *file = json_at(files, i);
        const char *path = file_join(a, folder, json_as_text(json_get(file, "name")));
        if (!file_create(path, json_as_text(json_get(file, "text"))))
            return false;
        wrote(w, path);
    }
    const Json *text = json_get(json_at(files, 0), "text");
    return !text || file_replace(m->path, json_as_text(text), json_length(text));
}

static bool fix_one(Work *w, const Migration *m, Json *statements) {
    Arena *a = w->judge->arena;
    Json *with = json_new_map(a), *answer, *taken;
    if (!versions_beside(a, m->path, &taken))
        return false;
    json_set_text(with, "path", m->path);
    json_set(with, "statements", statements);
    json_set(with, "taken", taken);
    if (!script_exchange(a, w->judge->script, "judge_fix", m->path, with, &answer))
        return false;
    const Json *refused = json_get(answer, "refused");
    for (size_t i = 0; i < json_count(refused); i++) {
        const Json *one = json_at(refused, i);
        refuse(w, (FixRefusal){m->path, (size_t)json_as_integer(json_get(one, "line")),
                               json_as_text(json_get(one, "why")),
                               json_as_text(json_get(one, "sketch"))});
    }
    return write_files(w, m, json_get(answer, "files"));
}

bool fix_prepare(Judge *judge) {
    Json *answer;
    return script_exchange(judge->arena, judge->script, "judge_fixing", "the rules",
                           json_new_null(judge->arena), &answer);
}

bool fix_files(Judge *judge, const Migrations *files, const Base *base, Fix *out) {
    Work w = {.option = "--fix", .judge = judge, .base = base, .out = out};
    *out = (Fix){0, 0, NULL, NULL};
    if (!judge->count)
        return true;
    if (!read_ledger(&w))
        return false;
    for (size_t i = 0; i < files->count; i++) {
        const Migration *m = &files->at[i];
        Json *statements = found_in(judge, m->path);
        if (!json_count(statements))
            continue;
        const char *why =
            m->kind == MIGRATION_SQL ? untouchable(&w, m, i) : "only SQL migrations can be divided";
        if (why)
            refuse(&w, (FixRefusal){m->path, 1, why, NULL});
        else if (!fix_one(&w, m, statements))
            return false;
    }
    return true;
}

static bool bind_one(Work *w, const Migration *m, size_t number) {
    Json *with = json_new_map(w->judge->arena), *answer;
    Bytes text;
    if (!file_read(w->judge->arena, m->path, &text))
        return false;
    json_set_text(with, "path", m->path);
    json_set(with, "text", json_new_text(w->judge->arena, text.at, text.length));
    if (!script_exchange(w->judge->arena, w->judge->script, "judge_bind", m->path, with, &answer))
        return false;
    const Json *bound = json_get(answer, "text");
    const char *why = untouchable(w, m, number);
    if (json_kind(bound) != JSON_TEXT)
        return true;
    if (why) {
        refuse(w, (FixRefusal){m->path, 1, why, NULL});
        return true;
    }
    wrote(w, m->path);
    return file_replace(m->path, json_as_text(bound), json_length(bound));
}

bool fix_bind(Judge *judge, const Migrations *files, const Base *base, Fix *out) {
    Work w = {.option = "--bind", .judge = judge, .base = base, .out = out};
    *out = (Fix){0, 0, NULL, NULL};
    if (!read_ledger(&w))
        return false;
    for (size_t i = 0; i < files->count; i++)
        if (text_ends(files->at[i].path, ".sql") && !bind_one(&w, &files->at[i], i))
            return false;
    return true;
}
