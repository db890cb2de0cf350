#include "migration.h"

#include "digest.h"
#include "encoding.h"
#include "fail.h"
#include "log.h"
#include "order.h"
#include "repeatable.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"sql", "lua", "backfill", "repeatable"};

const char *migration_kind(MigrationKind kind) {
    return kinds[kind];
}

int migration_order(const char *a, const char *b) {
    for (; *a == '0'; a++) {
    }
    for (; *b == '0'; b++) {
    }
    size_t n = strlen(a), m = strlen(b);
    return n != m ? (n < m ? -1 : 1) : strcmp(a, b);
}

static int by_version(const void *a, const void *b) {
    const Migration *m = a, *n = b;
    int order = migration_order(m->version, n->version);
    return order ? order : strcmp(m->name, n->name);
}

/* A name without its last `ending` letters. */
static const char *stem(Arena *a, const char *name, const char *ending) {
    return arena_bytes(a, name, strlen(name) - strlen(ending));
}

static bool bad_name(const char *path) {
    fail(FAIL_CONFIG, "%s: a migration's name begins with its version", path);
    return fail_hint("rename it to YYYYMMDDHHMMSS_%s, or make it with: stint new NAME",
                     file_base(path));
}

static bool one(Arena *a, const char *folder, const char *name, Migration *out) {
    const char *path = file_join(a, folder, name);
    size_t digits = strspn(name, "0123456789");
    const char *rest = name + digits;
    if (!digits || digits > 18 || (*rest != '_' && *rest != '-' && *rest != '.'))
        return bad_name(path);
    const char *ending = text_ends(name, ".lua") ? ".lua" : ".sql";
    *out = (Migration){.path = path,
                       .version = arena_bytes(a, name, digits),
                       .name = stem(a, name, ending),
                       .kind = ending[1] == 'l' ? MIGRATION_LUA : MIGRATION_SQL};
    out->id = out->version;
    return true;
}

static bool unique(const Migrations *all) {
    for (size_t i = 1; i < all->count; i++) {
        const Migration *m = &all->at[i - 1], *n = &all->at[i];
        if (migration_order(m->version, n->version) == 0) {
            fail(FAIL_LEDGER, "two migrations have version %s: %s and %s", n->version, m->path,
                 n->path);
            return fail_hint("rename one of them (a migration that was applied keeps its version)");
        }
    }
    return true;
}

/* Each NAME.down.sql goes to its NAME.sql. */
static bool pair_downs(Arena *a, const char *folder, const FileNames *names, Migrations *all) {
    for (size_t i = 0; i < names->count; i++) {
        if (!text_ends(names->name[i], ".down.sql"))
            continue;
        const char *up = stem(a, names->name[i], ".down.sql");
        Migration *found = NULL;
        for (size_t j = 0; j < all->count && !found; j++)
            if (strcmp(all->at[j].name, up) == 0 && all->at[j].kind == MIGRATION_SQL)
                found = &all->at[j];
        const char *path = file_join(a, folder, names->name[i]);
        if (!found)
            return fail(FAIL_CONFIG, "%s rolls back %s.sql, which is not there", path, up);
        found->down_path = path;
    }
    return true;
}

/* What looks like a migration and is none: another tool's folder, an ending in capitals. */
static bool is_ignored(Arena *a, const char *folder, const FileNames *names, size_t i) {
    const char *name = names->name[i], *ending = strrchr(name, '.');
    if (names->is_folder[i])
        return file_exists(file_join(a, folder, file_join(a, name, "migration.sql")));
    return ending && (text_same_word(ending, ".sql") || text_same_word(ending, ".lua"));
}

/* Once: a run lists its folder more than once. */
static void warn_ignored(Arena *a, const char *folder, const FileNames *names) {
    enum { SHOWN = 5 };
    static bool told;
    Text text = text_on(a);
    size_t count = 0;
    for (size_t i = 0; i < names->count && !told; i++) {
        const char *name = names->name[i];
        if (text_ends(name, ".sql") || text_ends(name, ".lua") || !is_ignored(a, folder, names, i))
            continue;
        if (count++ < SHOWN)
            text_addf(&text, "%s%s%s", count > 1 ? ", " : "", name, names->is_folder[i] ? "/" : "");
    }
    if (!count)
        return;
    told = true;
    log_warn("ignored in %s: %s%s; a migration is a file VERSION_NAME.sql or .lua", folder, text.at,
             count > SHOWN ? " and more" : "");
}

bool migration_is_source(const char *name) {
    return (text_ends(name, ".sql") && !text_ends(name, ".down.sql")) || text_ends(name, ".lua");
}

bool migration_list(Arena *a, const char *folder, Migrations *out) {
    FileNames names;
    if (!file_is_folder(folder)) {
        fail(FAIL_CONFIG, "there is no folder %s", folder);
        return fail_hint("stint init makes one; config.ini: migrations = FOLDER names another");
    }
    if (!file_names(a, folder, &names))
        return false;
    *out = (Migrations){0, arena_take(a, (names.count + 1) * sizeof(Migration))};
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.name[i];
        if (!migration_is_source(name))
            continue;
        if (names.is_folder[i])
            return fail(FAIL_CONFIG, "%s is a folder, not a migration", file_join(a, folder, name));
        if (!one(a, folder, name, &out->at[out->count]))
            return false;
        out->count++;
    }
    order_sort(out->at, out->count, sizeof *out->at, by_version);
    warn_ignored(a, folder, &names);
    return unique(out) && pair_downs(a, folder, &names, out);
}

bool migration_read(Arena *a, Migration *m) {
    if (m->text.at)
        return true;
    if (!file_read(a, m->path, &m->text))
        return false;
    if (m->down_path && !file_read(a, m->down_path, &m->down_text))
        return false;
    m->checksum = digest_of(a, m->text.at, m->text.length);
    return true;
}

const char *migration_lua_tokens(Arena *a, const char *text, size_t length) {
    Text plain = text_on(a);
    for (size_t i = 0; i < length; i++) {
        bool cr = text[i] == '\r';
        if (cr && i + 1 < length && text[i + 1] == '\n')
            continue;
        text_add_char(&plain, cr ? '\n' : text[i]);
    }
    return digest_of(a, plain.at, plain.length);
}

bool migration_tokens(Arena *a, Migration *m) {
    if (m->tokens)
        return true;
    if (!migration_read(a, m))
        return false;
    if (m->kind == MIGRATION_SQL || m->kind == MIGRATION_REPEATABLE)
        return sqlfile_tokens(a, m->path, m->text, &m->tokens);
    m->tokens = migration_lua_tokens(a, m->text.at, m->text.length);
    return true;
}

static bool open_lua(Arena *a, Migration *m, Script *script) {
    if (!encoding_check(a, m->path, m->text))
        return false;
    if (!script_declare(script, m->path, m->text.at, m->text.length, &m->declaration))
        return false;
    if (strcmp(m->declaration.kind, "backfill") == 0)
        m->kind = MIGRATION_BACKFILL;
    else if (strcmp(m->declaration.kind, "migration") != 0)
        return fail(FAIL_CONFIG,
                    "%s:%d: a file among the migrations declares migration{} or "
                    "backfill{}, not %s{}",
                    m->path, m->declaration.line, m->declaration.kind);
    return true;
}

bool migration_open(Arena *a, Migration *m, Script *script) {
    if (m->is_open)
        return true;
    if (!migration_tokens(a, m))
        return false;
    if (m->kind == MIGRATION_SQL || m->kind == MIGRATION_REPEATABLE) {
        m->sql = arena_take(a, sizeof *m->sql);
        if (!sqlfile_read(a, m->path, m->text, m->down_path, m->down_text, m->sql))
            return false;
        m->tokens = m->sql->up.tokens;
        m->down_tokens = m->sql->down ? m->sql->down->tokens : NULL;
        if (m->kind == MIGRATION_REPEATABLE && !repeatable_check(m))
            return false;
    } else if (!open_lua(a, m, script))
        return false;
    m->is_open = true;
    return true;
}

bool migration_has_down(const Migration *m) {
    return m->sql ? m->sql->down != NULL : script_has(&m->declaration, "down");
}

/* Does `word` name it: version, full name, or any path to the file? */
static bool is_named(const Migration *m, const char *word) {
    size_t n = strlen(m->name);
    const char *base = file_base(word);
    return strcmp(word, m->version) == 0 || strcmp(word, m->name) == 0 ||
           strcmp(word, m->path) == 0 ||
           (strncmp(base, m->name, n) == 0 &&
            (strcmp(base + n, ".sql") == 0 || strcmp(base + n, ".lua") == 0));
}

bool migration_is_called(const char *version, const char *name, const char *word) {
    size_t n = strlen(version);
    return strncmp(name, version, n) == 0 && name[n] == '_' && strcmp(name + n + 1, word) == 0;
}

Migration *migration_find(const Migrations *all, const char *word) {
    Migration *called = NULL;
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (is_named(&all->at[i], word))
            return &all->at[i];
        if (!migration_is_called(all->at[i].version, all->at[i].name, word))
            continue;
        called = &all->at[i];
        count++;
    }
    if (count == 1)
        return called;
    Arena *a = arena_new();
    const char **names = arena_take(a, (all->count + 1) * sizeof *names);
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->at[i].name;
    const char *near = text_nearest(word, names);
    fail(FAIL_USAGE, "there is no migration %s", word);
    if (near)
        fail_hint("did you mean %s?", near);
    else
        fail_hint("a version, a full name or a path; stint status lists them");
    arena_free(a);
    return NULL;
}
