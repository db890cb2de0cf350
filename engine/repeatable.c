#include "repeatable.h"

#include "fail.h"
#include "text.h"

#include <string.h>

static bool one(Arena *a, const char *folder, const char *name, Migration *out) {
    const char *path = file_join(a, folder, name);
    if (file_is_folder(path))
        return fail(FAIL_CONFIG, "%s is a folder, not a repeatable file", path);
    if (text_ends(name, ".down.sql")) {
        fail(FAIL_CONFIG, "%s: a repeatable file has no way down", path);
        return fail_hint("remove it; to undo, write a migration that drops what the file makes");
    }
    const char *id = arena_format(a, "repeatable/%.*s", (int)(strlen(name) - strlen(".sql")), name);
    *out = (Migration){
        .id = id, .version = id, .name = id, .path = path, .kind = MIGRATION_REPEATABLE};
    return true;
}

bool repeatable_list(Arena *a, const char *scripts, Migrations *files) {
    const char *folder = file_join(a, scripts, "repeatable");
    FileNames names;
    if (!file_is_folder(folder))
        return true;
    if (!file_names(a, folder, &names))
        return false;
    size_t size = sizeof *files->at;
    files->at = arena_grow(a, files->at, files->count * size, (files->count + names.count) * size);
    for (size_t i = 0; i < names.count; i++) {
        if (!text_ends(names.name[i], ".sql"))
            continue;
        if (!one(a, folder, names.name[i], &files->at[files->count]))
            return false;
        files->count++;
    }
    return true;
}

static bool refuse(const Migration *m, size_t line, size_t column, const char *why) {
    fail(FAIL_CONFIG, "%s", why);
    fail_at((FailPlace){m->path, line, column, NULL});
    return fail_hint("a repeatable file is one transaction that replaces what it makes (CREATE OR "
                     "REPLACE ...); all else is for a migration");
}

bool repeatable_check(const Migration *m) {
    const Statements *all = &m->sql->up.statements;
    if (m->sql->down)
        return refuse(m, 0, 0, "a repeatable file has no way down");
    if (m->sql->up.directives.no_transaction)
        return refuse(m, 0, 0, "a repeatable file always runs in a transaction");
    if (m->sql->up.parts.count == 1 && m->sql->up.parts.at[0].kind == PART_TRANSACTION)
        return true;
    for (size_t i = 0; i < all->count; i++)
        if (all->at[i].kind != STATEMENT_PLAIN && all->at[i].kind != STATEMENT_SESSION)
            return refuse(m, all->at[i].line, all->at[i].column,
                          "a repeatable file is one transaction, which cannot hold this");
    return refuse(m, 0, 0, "a repeatable file is one transaction, which cannot hold all of this");
}
