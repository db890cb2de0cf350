#include "cli.h"

#include "base.h"
#include "baseline.h"
#include "facts.h"
#include "fail.h"
#include "findings.h"
#include "fix.h"
#include "judge.h"
#include "log.h"
#include "repeatable.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char usual_baseline[] = "lint.baseline.json";

/* One `stint lint`. */
typedef struct {
    Call *call;
    Migrations files;
    Base base;     /* count 0: not asked for */
    Json *facts;   /* or NULL */
    bool *applied; /* where those are from */
    Judge judge;
} Lint;

/* By where it lies. */
static MigrationKind kind_of(Arena *a, const char *path, const char *ending) {
    bool again = text_same(file_base(file_folder(a, path)), "repeatable");
    return text_same(ending, ".lua") ? MIGRATION_LUA : again ? MIGRATION_REPEATABLE : MIGRATION_SQL;
}

/* Each power of two is where the room ends. */
static void make_room(Arena *a, Migrations *files) {
    size_t size = sizeof *files->at, count = files->count;
    if ((count & (count - 1)) == 0)
        files->at = arena_grow(a, files->at, count * size, (count ? 2 * count : 1) * size);
}

static void add_file(Arena *a, const char *path, Migrations *files) {
    const char *base = file_base(path), *ending = strrchr(base, '.');
    const char *name = arena_bytes(a, base, (size_t)(ending - base));
    const char *down = arena_format(a, "%.*s.down.sql", (int)(strlen(path) - strlen(ending)), path);
    const char *version = arena_bytes(a, name, strspn(name, "0123456789"));
    make_room(a, files);
    files->at[files->count++] = (Migration){.id = name,
                                            .path = path,
                                            .name = name,
                                            .version = version,
                                            .kind = kind_of(a, path, ending),
                                            .down_path = file_exists(down) ? down : NULL};
}

static bool add_folder(Arena *a, const char *folder, Migrations *files) {
    FileNames names;
    if (!file_names(a, folder, &names))
        return false;
    for (size_t i = 0; i < names.count; i++)
        if (!names.is_folder[i] && migration_is_source(names.name[i]))
            add_file(a, file_join(a, folder, names.name[i]), files);
    return true;
}

/* A file, a folder of them, or one of the project's migrations by its version or name. */
static bool add_word(Call *call, const char *word, Migrations *files) {
    Arena *a = call->arena;
    Migrations all;
    if (file_is_folder(word))
        return add_folder(a, word, files);
    if (file_exists(word) && !migration_is_source(word)) {
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

/* --- what is known --- */

/* "15" or "15.4", as facts have it: 150004. */
static bool read_version(const char *word, long long *version) {
    char *end;
    unsigned long major = strtoul(word, &end, 10), minor = 0;
    if (end != word && *end == '.' && end[1])
        minor = strtoul(end + 1, &end, 10);
    *version = (long long)(major * 10000 + minor);
    if (!*end && major >= 10 && major < 100 && minor < 100 && strspn(word, "0123456789.") > 1)
        return true;
    fail(FAIL_USAGE, "--server-version %s is no version of PostgreSQL", word);
    return fail_hint("such as --server-version 17, or 15.4");
}

static bool wanted_facts(Call *call, Json **facts) {
    const char *snapshot = option_value(&call->given, "snapshot");
    const char *word = option_value(&call->given, "server-version");
    long long version;
    *facts = NULL;
    if (snapshot && !facts_load(call->arena, snapshot, facts))
        return false;
    if (!word)
        return true;
    if (!read_version(word, &version))
        return false;
    if (!*facts)
        *facts = json_new_map(call->arena);
    json_set_integer(*facts, "server_version", version);
    return true;
}

/* --- the run --- */

/* What it has made is among the facts: judged again, all of it would be there already. But what is
 * wrong with it in the branch is said. */
static void leave_out_applied(Lint *lint) {
    size_t count = 0;
    lint->applied = facts_applied(lint->call->arena, lint->facts, &lint->files);
    for (size_t i = 0; i < lint->files.count; i++) {
        if (lint->base.count && lint->base.problem[i].rule)
            lint->applied[i] = false;
        count += lint->applied[i];
    }
    if (count)
        log_say("%zu file%s of %zu not judged: applied where the snapshot was taken", count,
                count == 1 ? "" : "s", lint->files.count);
}

/* Files of a branch that is not merged run together, after all that its base has. */
static bool judge_beside_base(Lint *lint) {
    JudgeFiles how = JUDGE_APART;
    for (size_t i = 0; i < lint->files.count; i++) {
        bool known = lint->base.state[i] == BASE_SAME;
        if (lint->applied[i])
            continue;
        if (!judge_migration(&lint->judge, &lint->files.at[i], known ? JUDGE_KNOWN : how,
                             &lint->base.problem[i]))
            return false;
        if (!known)
            how = JUDGE_TOGETHER;
    }
    return judge_finish(&lint->judge);
}

static bool judge_all(Lint *lint) {
    JudgeFiles how = lint->call->given.word_count ? JUDGE_TOGETHER : JUDGE_APART;
    leave_out_applied(lint);
    if (lint->base.count)
        return judge_beside_base(lint);
    for (size_t i = 0; i < lint->files.count; i++)
        if (!lint->applied[i] && !judge_migration(&lint->judge, &lint->files.at[i], how, NULL))
            return false;
    return judge_finish(&lint->judge);
}

/* The file of known findings, or NULL: there is none. */
static const char *baseline_of(const Lint *lint) {
    const char *path = option_value(&lint->call->given, "baseline");
    return path ? path : file_exists(usual_baseline) ? usual_baseline : NULL;
}

static bool use_baseline(Lint *lint) {
    const char *path = baseline_of(lint);
    Baseline result;
    if (option_given(&lint->call->given, "write-baseline")) {
        path = path ? path : usual_baseline;
        log_say("%s: %zu findings that will not be reported again", path, lint->judge.count);
        return baseline_write(&lint->judge, path);
    }
    if (!path)
        return true;
    if (!baseline_apply(&lint->judge, path, &lint->files, &result))
        return false;
    if (result.known)
        log_say("%s: %zu findings are known and not reported", path, result.known);
    if (result.unused)
        log_warn("%s: %zu of its findings are found no more; stint lint --write-baseline writes it "
                 "anew",
                 path, result.unused);
    return true;
}

static bool conclude(Lint *lint, size_t format) {
    if (!use_baseline(lint))
        return false;
    if (option_given(&lint->call->given, "write-baseline"))
        return true;
    if (judge_count(&lint->judge, "error"))
        lint->call->exit_code = FAIL_PENDING;
    return findings_print(&lint->judge, &lint->files, format);
}

static bool wanted_base(Lint *lint) {
    const Given *given = &lint->call->given;
    const char *ref = option_value(given, "base");
    if (!ref)
        return true;
    if (given->word_count) {
        fail(FAIL_USAGE, "--base finds out itself which files are judged");
        return fail_hint("stint lint --base %s", ref);
    }
    return base_compare(lint->call->arena, lint->call->config, ref, &lint->files, &lint->base);
}

/* --- the fix --- */

static void tell_fix(const Call *call, const Fix *fix) {
    Text text = text_on(call->arena);
    for (size_t i = 0; i < fix->written_count; i++)
        text_addf(&text, "wrote %s\n", fix->written[i]);
    for (size_t i = 0; i < fix->refused_count; i++) {
        const FixRefusal *one = &fix->refused[i];
        text_addf(&text, "%s:%zu: not fixed: %s\n", one->file, one->line, one->why);
        if (one->sketch)
            text_addf(&text, "%s\n", one->sketch);
    }
    fputs(fail_redacted(text.at), stderr);
}

static bool choose(Lint *lint) {
    *lint = (Lint){.call = lint->call};
    return wanted_files(lint->call, &lint->files) && wanted_base(lint);
}

/* The files are read anew behind it. */
static bool bind_waivers(Lint *lint) {
    const Base *base = lint->base.count ? &lint->base : NULL;
    Fix fix;
    bool ok = judge_open(lint->call->arena, lint->call->config, NULL, &lint->judge) &&
              fix_bind(&lint->judge, &lint->files, base, &fix);
    if (ok)
        tell_fix(lint->call, &fix);
    judge_close(&lint->judge);
    return ok && choose(lint);
}

static bool judge_chosen(Lint *lint) {
    Call *call = lint->call;
    return wanted_facts(call, &lint->facts) &&
           judge_open(call->arena, call->config, lint->facts, &lint->judge) &&
           (!option_given(&call->given, "fix") || fix_prepare(&lint->judge)) && judge_all(lint);
}

static bool is_listed(const Migrations *files, const char *path) {
    for (size_t i = 0; i < files->count; i++)
        if (text_same(files->at[i].path, path))
            return true;
    return false;
}

/* The files that were given, and behind each what it has become. */
static void add_written(Lint *lint, const Fix *fix) {
    Migrations before = lint->files;
    lint->files = (Migrations){0, NULL};
    for (size_t i = 0; i < before.count; i++) {
        size_t j = 0;
        add_file(lint->call->arena, before.at[i].path, &lint->files);
        while (j < fix->written_count && !text_same(fix->written[j], before.at[i].path))
            j++;
        while (++j < fix->written_count && !is_listed(&before, fix->written[j]))
            add_file(lint->call->arena, fix->written[j], &lint->files);
    }
}

/* What can be made safe is, and then it is judged again. */
static bool mend(Lint *lint) {
    const Base *base = lint->base.count ? &lint->base : NULL;
    const char *path = baseline_of(lint);
    Baseline known;
    Fix fix;
    if ((path && !baseline_apply(&lint->judge, path, &lint->files, &known)) ||
        !fix_files(&lint->judge, &lint->files, base, &fix))
        return false;
    tell_fix(lint->call, &fix);
    judge_close(&lint->judge);
    if (lint->call->given.word_count)
        add_written(lint, &fix);
    else if (!choose(lint))
        return false;
    return judge_chosen(lint);
}

static bool lint(Call *call) {
    const char *word = option_value(&call->given, "format");
    Lint lint = {.call = call};
    size_t format;
    if (!findings_format(word ? word : call->json ? "json" : "text", &format))
        return false;
    bool ok = choose(&lint) && (!option_given(&call->given, "bind") || bind_waivers(&lint)) &&
              judge_chosen(&lint) && (!option_given(&call->given, "fix") || mend(&lint)) &&
              conclude(&lint, format);
    judge_close(&lint.judge);
    return ok;
}

static const Option options[] = {
    {"base", 0, "REF", "only what the merge base with this branch lacks, and whether it fits"},
    {"fix", 0, NULL, "write the files that do the same the safe way"},
    {"bind", 0, NULL, "write into each waiver above a statement which one it is for"},
    {"format", 0, "FORMAT", "text, json, github, sarif or junit"},
    {"snapshot", 0, "FILE", "what is known of the database: stint doctor --snapshot writes it"},
    {"server-version", 0, "VERSION", "the server's, such as 17 or 15.4"},
    {"baseline", 0, "FILE", "findings not to report again, if not in lint.baseline.json"},
    {"write-baseline", 0, NULL, "write all findings into that file"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_lint = {
    .name = "lint",
    .usage = "[FILE...] [--base REF] [--fix] [--bind] [--format FORMAT] [--snapshot FILE]",
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
