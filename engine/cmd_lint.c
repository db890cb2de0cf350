#include "cli.h"

#include "facts.h"
#include "fail.h"
#include "judge.h"
#include "repeatable.h"
#include "report.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static bool is_source(const char *name) {
    return (text_ends(name, ".sql") && !text_ends(name, ".down.sql")) || text_ends(name, ".lua");
}

static void add_file(Arena *a, const char *path, Migrations *files) {
    size_t size = sizeof *files->at;
    const char *base = file_base(path), *ending = strrchr(base, '.');
    const char *name = arena_bytes(a, base, (size_t)(ending - base));
    const char *down = arena_format(a, "%.*s.down.sql", (int)(strlen(path) - strlen(ending)), path);
    const char *version = arena_bytes(a, name, strspn(name, "0123456789"));
    files->at = arena_grow(a, files->at, files->count * size, (files->count + 1) * size);
    files->at[files->count++] =
        (Migration){.id = name,
                    .path = path,
                    .name = name,
                    .version = version,
                    .kind = text_same(ending, ".lua") ? MIGRATION_LUA : MIGRATION_SQL,
                    .down_path = file_exists(down) ? down : NULL};
}

static bool add_folder(Arena *a, const char *folder, Migrations *files) {
    FileNames names;
    if (!file_names(a, folder, &names))
        return false;
    for (size_t i = 0; i < names.count; i++)
        if (!names.is_folder[i] && is_source(names.name[i]))
            add_file(a, file_join(a, folder, names.name[i]), files);
    return true;
}

/* A file, a folder of them, or one of the project's migrations by its version or name. */
static bool add_word(Call *call, const char *word, Migrations *files) {
    Arena *a = call->arena;
    Migrations all;
    if (file_is_folder(word))
        return add_folder(a, word, files);
    if (file_exists(word) && !is_source(word)) {
        fail(FAIL_USAGE, "%s is no migration", word);
        return fail_hint("lint takes files *.sql and *.lua; a *.down.sql is read with its up");
    }
    if (file_exists(word)) {
        add_file(a, word, files);
        return true;
    }
    if (!migration_list(a, call->config->migrations, &all))
        return false;
    const Migration *found = migration_find(&all, word);
    if (found)
        add_file(a, found->path, files);
    return found != NULL;
}

static bool wanted_files(Call *call, Migrations *files) {
    const Given *given = &call->given;
    *files = (Migrations){0, NULL};
    if (!given->word_count)
        return migration_list(call->arena, call->config->migrations, files) &&
               repeatable_list(call->arena, call->config->scripts, files);
    for (size_t i = 0; i < given->word_count; i++)
        if (!add_word(call, given->word[i], files))
            return false;
    return true;
}

/* --- text --- */

static const char *color_of(const Finding *finding) {
    return text_same(finding->level, "error")     ? "\033[31m"
           : text_same(finding->level, "warning") ? "\033[33m"
                                                  : "\033[36m";
}

static void print_finding(Arena *a, const Finding *finding) {
    bool color = report_is_colored(1);
    Text text = text_on(a);
    if (finding->place.file)
        text_addf(&text, "%s:%zu:%zu: ", finding->place.file, finding->place.line,
                  finding->place.column);
    text_addf(&text, "%s%s%s: %s (%s%s)\n", color ? color_of(finding) : "", finding->level,
              color ? "\033[0m" : "", finding->message, finding->rule,
              text_same(finding->certainty, "assumed") ? ", assumed" : "");
    report_source(&text, &finding->place);
    if (finding->hint)
        text_addf(&text, "HINT: %s\n", finding->hint);
    fputs(fail_redacted(text.at), stdout);
}

static void print_text(const Judge *judge) {
    const Coverage *c = &judge->coverage;
    for (size_t i = 0; i < judge->count; i++)
        print_finding(judge->arena, &judge->finding[i]);
    printf("%s%zu errors, %zu warnings, %zu notices; %lld statements: %lld certain, %lld assumed, "
           "%lld opaque",
           judge->count ? "\n" : "", judge_count(judge, "error"), judge_count(judge, "warning"),
           judge_count(judge, "notice"), c->statements, c->certain, c->assumed, c->opaque);
    printf(c->unparsed ? ", %lld of them unparsed\n" : "\n", c->unparsed);
}

static void print_json(const Judge *judge) {
    puts(fail_redacted(json_text(judge_json(judge))));
}

static const struct {
    const char *name;
    void (*print)(const Judge *judge);
} formats[] = {
    {"text", print_text},
    {"json", print_json},
};

enum { FORMATS = sizeof formats / sizeof *formats };

/* FORMATS: there is none of that name. */
static size_t wanted_format(const Call *call) {
    const char *word = option_value(&call->given, "format");
    size_t i = 0;
    if (!word)
        word = call->json ? "json" : "text";
    while (i < FORMATS && !text_same(formats[i].name, word))
        i++;
    return i;
}

static bool judge_all(Judge *judge, Migrations *files, JudgeFiles how) {
    for (size_t i = 0; i < files->count; i++)
        if (!judge_migration(judge, &files->at[i], how))
            return false;
    return judge_finish(judge);
}

static bool lint(Call *call) {
    size_t format = wanted_format(call);
    Migrations files;
    Judge judge;
    if (format == FORMATS) {
        fail(FAIL_USAGE, "there is no format %s", option_value(&call->given, "format"));
        return fail_hint("--format text or json");
    }
    if (!wanted_files(call, &files))
        return false;
    JudgeFiles how = call->given.word_count ? JUDGE_TOGETHER : JUDGE_APART;
    const char *snapshot = option_value(&call->given, "snapshot");
    Json *facts = NULL;
    if (snapshot && !facts_load(call->arena, snapshot, &facts))
        return false;
    bool ok =
        judge_open(call->arena, call->config, facts, &judge) && judge_all(&judge, &files, how);
    if (ok)
        formats[format].print(&judge);
    if (ok && judge_count(&judge, "error"))
        call->exit_code = FAIL_PENDING;
    judge_close(&judge);
    return ok;
}

static const Option options[] = {
    {"format", 0, "FORMAT", "text or json"},
    {"snapshot", 0, "FILE", "what is known of the database: stint doctor --snapshot writes it"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_lint = {
    .name = "lint",
    .usage = "[FILE...] [--format FORMAT] [--snapshot FILE]",
    .about = "judges migrations by rules, without a database",
    .help = "Reads the files given (or folders of them, or versions), or all migrations, and asks\n"
            "every rule about every statement: Stint's own and those of scripts/policies. Files\n"
            "that are given are taken to run together: what one creates is new and empty for the\n"
            "next. The exit code is 2 if there are errors. A line `-- stint: allow RULE\n"
            "reason=\"...\"` above a statement lifts a finding.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = lint,
};
