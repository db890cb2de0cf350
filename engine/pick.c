#include "pick.h"

#include "fail.h"
#include "migration.h"
#include "text.h"

#include <string.h>

/* What stands behind its version. */
static const char *short_name(const Standing *s) {
    const char *behind = strchr(s->name, '_');
    return behind && behind[1] ? behind + 1 : s->name;
}

bool pick_unknown(const Pick *pick) {
    Arena *a = pick->arena;
    Migrations files;
    const Migration *file = migration_list(a, pick->config->migrations, &files)
                                ? migration_find(&files, pick->name)
                                : NULL;
    if (file) {
        fail(FAIL_ERROR, "no backfill of %s has begun", file->name);
        return fail_next("stint up begins it, if it is one");
    }
    fail_clear();
    const char **names = arena_take(a, (2 * pick->all->count + 1) * sizeof *names);
    for (size_t i = 0; i < pick->all->count; i++) {
        names[2 * i] = pick->all->at[i].name;
        names[2 * i + 1] = short_name(&pick->all->at[i]);
    }
    const char *near = text_nearest(pick->name, names);
    fail(FAIL_USAGE, "there is no backfill %s", pick->name);
    if (near)
        return fail_hint("did you mean %s?", near);
    return fail_hint("stint backfill list shows those that have begun");
}

static bool say_which(const Pick *pick, const char *word, const char *const *states, size_t count) {
    Text names = text_on(pick->arena);
    for (size_t i = 0; i < pick->all->count; i++)
        if (text_among(pick->all->at[i].state, states))
            text_addf(&names, "%s%s", names.length ? ", " : "", pick->all->at[i].name);
    if (!count) {
        fail(FAIL_ERROR, "there is no backfill to %s", word);
        return fail_hint("stint backfill list shows all of them");
    }
    fail(FAIL_USAGE, "which one? %s", names.at);
    return fail_next("stint backfill %s NAME", word);
}

Standing *pick_one(const Pick *pick, const char *word, const char *const *states, const char *so) {
    Standing *found = NULL;
    size_t count = 0;
    if (pick->name) {
        found = standing_find(pick->all, pick->name);
        if (!found)
            pick_unknown(pick);
        return found;
    }
    for (size_t i = 0; i < pick->all->count; i++)
        if (text_among(pick->all->at[i].state, states)) {
            found = &pick->all->at[i];
            count++;
        }
    if (count == 1)
        return found;
    if (!count && so)
        return pick_one(pick, word, (const char *const[]){so, NULL}, NULL);
    say_which(pick, word, states, count);
    return NULL;
}
