#include "scope.h"

#include "fail.h"
#include "log.h"
#include "text.h"

#include <string.h>

static bool has(const Migration *m, const char *word) {
    return memmem(m->text.at, m->text.length, word, strlen(word)) != NULL;
}

/* Cheap, and enough to leave nearly all files unopened. */
static bool may_say(const Migration *m) {
    bool lua = m->kind == MIGRATION_LUA || m->kind == MIGRATION_BACKFILL;
    return (lua || has(m, "stint:")) && (has(m, "environments") || has(m, "requires"));
}

/* What has begun must come to its end, wherever. */
static bool is_begun(const PlanItem *item) {
    return item->state == PLAN_PARTIAL || item->state == PLAN_BACKFILLING;
}

static Strings environments_of(Arena *a, const Migration *m) {
    if (m->sql)
        return (Strings){m->sql->up.directives.environments_count,
                         m->sql->up.directives.environments};
    return script_strings(a, &m->declaration, "environments");
}

static Strings requires_of(Arena *a, const Migration *m) {
    if (m->sql)
        return (Strings){m->sql->up.directives.requires_count, m->sql->up.directives.requires};
    return script_strings(a, &m->declaration, "requires");
}

static bool is_among(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (text_same(names[i], name))
            return true;
    return false;
}

/* A name that config.ini does not have may be right elsewhere, but is more often a slip. */
static void warn_of_unknown(const Config *config, const Migration *m, Strings names) {
    for (size_t i = 0; config->environment_count && i < names.count; i++)
        if (!is_among(names.at[i], config->environments, config->environment_count))
            log_warn("%s: config.ini has no environment \"%s\"", m->path, names.at[i]);
}

static const char *list(Arena *a, Strings names) {
    Text text = text_on(a);
    text_add(&text, "environments ");
    for (size_t i = 0; i < names.count; i++) {
        text_add(&text, i ? "," : "");
        text_add(&text, names.at[i]);
    }
    return text.at;
}

static void read_one(Run *run, PlanItem *item) {
    Migration *m = item->migration;
    if (!migration_read(run->look, m) || (may_say(m) && !run_open(run, m))) {
        fail_clear();
        return;
    }
    if (!m->is_open)
        return;
    Strings names = environments_of(run->look, m);
    item->requires = requires_of(run->look, m);
    if (!run->locked) /* once a run */
        warn_of_unknown(run->config, m, names);
    if (!names.count || is_among(run->config->environment, names.at, names.count))
        return;
    item->skipped = list(run->look, names);
    item->state = PLAN_PENDING; /* neither late nor failed: it has no turn here */
    run->plan.due--;
}

void scope_read(Run *run) {
    for (size_t i = 0; i < run->plan.count; i++) {
        PlanItem *item = &run->plan.item[i];
        if (plan_is_due(item) && !is_begun(item))
            read_one(run, item);
    }
}
