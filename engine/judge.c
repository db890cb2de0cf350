#include "judge.h"

#include "digest.h"
#include "fail.h"
#include "hook.h"
#include "text.h"

#include <string.h>

#ifndef STINT_VERSION
#define STINT_VERSION "unknown"
#endif

/* The paths of the policies that are for this environment; they are declared by that. */
static bool load_policies(Judge *judge, Json *with) {
    Json *paths = json_new_list(judge->arena);
    if (!hook_load(judge->arena, judge->config, "policies", "policy", &judge->script,
                   &judge->policies))
        return false;
    for (size_t i = 0; i < judge->policies.count; i++)
        json_append_text(paths, judge->policies.at[i].declaration.file);
    json_set(with, "policies", paths);
    return true;
}

static Json *variables_json(Arena *a, const ConfigPairs *variables) {
    Json *map = json_new_map(a);
    for (size_t i = 0; i < variables->count; i++)
        json_set_text(map, variables->name[i], variables->value[i]);
    return map;
}

static bool begin(Judge *judge, Json *facts, Json *with) {
    Arena *a = judge->arena;
    const Config *config = judge->config;
    Json *answer;
    if (!judge->script || !load_policies(judge, with))
        return false;
    json_set_text(with, "environment", config->environment);
    json_set_text(with, "unparsed", config->unparsed);
    json_set_text(with, "assumed", config->assumed);
    json_set_text(with, "opaque", config->opaque);
    json_set(with, "variables", variables_json(a, &config->variables));
    if (facts)
        json_set(with, "facts", facts);
    return script_exchange(a, judge->script, "judge_begin", "the policies", with, &answer) ||
           fail_as(FAIL_CONFIG);
}

bool judge_open(Arena *a, const Config *config, Json *facts, Judge *out) {
    *out = (Judge){.arena = a, .config = config, .script = hook_world(a, config)};
    return begin(out, facts, json_new_map(a));
}

bool judge_join(Arena *a, const Config *config, Json *facts, Script *script, Judge *out) {
    Json *with = json_new_map(a);
    *out = (Judge){.arena = a, .config = config, .script = script};
    json_set_flag(with, "deeds", true);
    return begin(out, facts, with);
}

/* The text of a line, from 1. */
static const char *line_of(Arena *a, const Bytes *text, size_t number) {
    const char *at = text->at, *end = text->at + text->length, *next;
    while (--number && (next = memchr(at, '\n', (size_t)(end - at))))
        at = next + 1;
    return arena_bytes(a, at, strcspn(at, "\r\n"));
}

/* By what it is about, not where: rule, file, statement, object, and which of several such. */
static const char *key_of(const Judge *judge, const JudgeFinding *finding) {
    Arena *a = judge->arena;
    const char *file = finding->place.file ? file_base(finding->place.file) : "";
    size_t same = 0;
    for (size_t i = judge->count; i-- > 0;) {
        const JudgeFinding *other = &judge->finding[i];
        if (!text_same(other->place.file, finding->place.file))
            break;
        same += text_same(other->rule, finding->rule) &&
                text_same(other->fingerprint, finding->fingerprint) &&
                text_same(other->object, finding->object);
    }
    const char *whole = arena_format(a, "%s\n%s\n%s\n%s\n%zu", finding->rule, file,
                                     finding->fingerprint ? finding->fingerprint : finding->message,
                                     finding->object ? finding->object : "", same);
    return digest_of(a, whole, strlen(whole));
}

static void add_finding(Judge *judge, const Bytes *text, Json *json) {
    Arena *a = judge->arena;
    if (judge->count == judge->room) {
        size_t room = judge->room ? judge->room * 2 : 16, size = sizeof *judge->finding;
        judge->finding = arena_grow(a, judge->finding, judge->room * size, room * size);
        judge->room = room;
    }
    size_t line = (size_t)json_as_integer(json_get(json, "line"));
    const char *file = json_as_text(json_get(json, "file"));
    JudgeFinding *finding = &judge->finding[judge->count];
    *finding = (JudgeFinding){
        .rule = json_as_text(json_get(json, "rule")),
        .level = json_as_text(json_get(json, "level")),
        .certainty = json_as_text(json_get(json, "certainty")),
        .place = {.file = *file ? file : NULL,
                  .line = line,
                  .column = (size_t)json_as_integer(json_get(json, "column")),
                  .source = text && line ? line_of(a, text, line) : NULL},
        .message = json_as_text(json_get(json, "message")),
        .hint = json_as_text(json_get(json, "hint")),
        .object = json_as_text(json_get(json, "object")),
        .fingerprint = json_as_text(json_get(json, "fingerprint")),
        .binding = json_as_flag(json_get(json, "binding")),
        .json = json,
    };
    finding->key = key_of(judge, finding);
    json_set_text(json, "key", finding->key);
    judge->count++;
}

static void add_findings(Judge *judge, const Bytes *text, const Json *list) {
    for (size_t i = 0; i < json_count(list); i++)
        add_finding(judge, text, json_at(list, i));
}

static Json *problem_json(Arena *a, const JudgeProblem *problem) {
    Json *json = json_new_map(a);
    json_set_text(json, "rule", problem->rule);
    json_set_text(json, "level", problem->level);
    json_set_text(json, "message", problem->message);
    json_set_text(json, "hint", problem->hint);
    return json;
}

static Json *file_json(Arena *a, const Migration *m, JudgeFiles files, long applied) {
    Json *json = json_new_map(a);
    json_set_text(json, "path", m->path);
    json_set_text(json, "version", m->version);
    json_set_text(json, "name", m->name);
    json_set_text(json, "kind", migration_kind(m->kind));
    json_set(json, "text", json_new_text(a, m->text.at, m->text.length));
    if (m->down_path) {
        json_set_text(json, "down_path", m->down_path);
        json_set(json, "down_text", json_new_text(a, m->down_text.at, m->down_text.length));
    }
    json_set_flag(json, "together", files == JUDGE_TOGETHER);
    json_set_flag(json, "known", files == JUDGE_KNOWN);
    json_set_integer(json, "applied", applied);
    return json;
}

bool judge_migration(Judge *judge, Migration *m, JudgeFiles files, const JudgeProblem *problem) {
    Arena *a = arena_new();
    Json *answer, *file = NULL;
    bool lua = m->kind == MIGRATION_LUA || m->kind == MIGRATION_BACKFILL;
    bool ok = lua ? migration_open(judge->arena, m, judge->script) : migration_read(a, m);
    if (ok)
        file = file_json(a, m, files, judge->applied);
    if (ok && problem && problem->rule)
        json_set(file, "problem", problem_json(a, problem));
    ok = ok && script_exchange(judge->arena, judge->script, "judge_file", m->path, file, &answer);
    if (ok) {
        add_findings(judge, &m->text, json_get(answer, "findings"));
        judge->deeds = json_get(answer, "deeds");
    }
    if (!lua)
        m->text = m->down_text = (Bytes){NULL, 0};
    arena_free(a);
    return ok;
}

bool judge_finish(Judge *judge) {
    Json *answer;
    const struct {
        const char *name;
        long long *count;
    } counts[] = {
        {"statements", &judge->coverage.statements}, {"certain", &judge->coverage.certain},
        {"assumed", &judge->coverage.assumed},       {"opaque", &judge->coverage.opaque},
        {"unparsed", &judge->coverage.unparsed},
    };
    if (!script_exchange(judge->arena, judge->script, "judge_finish", "the rules",
                         json_new_null(judge->arena), &answer))
        return false;
    add_findings(judge, NULL, json_get(answer, "findings"));
    const Json *coverage = json_get(answer, "coverage");
    judge->effects = json_get(answer, "effects");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        *counts[i].count = json_as_integer(json_get(coverage, counts[i].name));
    return true;
}

void judge_close(Judge *judge) {
    script_close(judge->script);
    judge->script = NULL;
}

size_t judge_count(const Judge *judge, const char *level) {
    size_t count = 0;
    for (size_t i = 0; i < judge->count; i++)
        count += text_same(judge->finding[i].level, level);
    return count;
}

Json *judge_json(const Judge *judge) {
    Arena *a = judge->arena;
    const JudgeCoverage *c = &judge->coverage;
    Json *json = json_new_map(a), *list = json_new_list(a), *coverage = json_new_map(a);
    for (size_t i = 0; i < judge->count; i++)
        json_append(list, judge->finding[i].json);
    json_set(json, "findings", list);
    json_set_integer(coverage, "statements", c->statements);
    json_set_integer(coverage, "certain", c->certain);
    json_set_integer(coverage, "assumed", c->assumed);
    json_set_integer(coverage, "opaque", c->opaque);
    json_set_integer(coverage, "unparsed", c->unparsed);
    json_set(json, "coverage", coverage);
    return json;
}

bool judge_format(Judge *judge, const char *format, const Migrations *files, const char **text) {
    Arena *a = judge->arena;
    Json *with = json_new_map(a), *list = json_new_list(a), *paths = json_new_list(a), *answer;
    for (size_t i = 0; i < judge->count; i++) {
        json_set_text(judge->finding[i].json, "source", judge->finding[i].place.source);
        json_append(list, judge->finding[i].json);
    }
    for (size_t i = 0; i < files->count; i++)
        json_append_text(paths, files->at[i].path);
    json_set_text(with, "format", format);
    json_set_text(with, "version", STINT_VERSION);
    json_set(with, "findings", list);
    json_set(with, "files", paths);
    if (!script_exchange(a, judge->script, "judge_format", "the findings", with, &answer))
        return false;
    *text = json_as_text(answer);
    return true;
}
