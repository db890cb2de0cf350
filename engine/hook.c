#include "hook.h"

#include "clock.h"
#include "encoding.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/* No hook holds up a run for longer at a time. */
enum { LONGEST = 10000 };

/* The hooks of this process: events have no other way to them. */
static struct {
    Arena *queue;
    const Config *config;
    Script *script;
    long long limit; /* of one call, ms */
    Hooks all;
    size_t waiting, room;
    Event *event; /* that came while a script was at work */
    bool telling;
} watch;

Script *hook_world(Arena *a, const Config *config) {
    ScriptLimits limits = {.folder = config->scripts,
                           .memory = config->lua_memory,
                           .time = config->lua_time,
                           .unsafe = config->unsafe_lua};
    return script_open(a, &limits);
}

/* A policy of a name that is one letter off binds nobody. One that is nothing like ours may be
 * right elsewhere. A folder is loaded for gates and again for rules: said once. */
static void warn_of_slip(const Config *config, const char *path, const char *name) {
    static char said[1024];
    char now[sizeof said];
    const char *near = config->environment_count ? text_nearest(name, config->environments) : NULL;
    snprintf(now, sizeof now, "%s %s", path, name);
    if (!near || text_same(near, name) || text_same(now, said))
        return;
    snprintf(said, sizeof said, "%s", now);
    log_warn("%s: config.ini has no environment \"%s\", did you mean \"%s\"?", path, name, near);
}

static bool is_for(Arena *a, const Config *config, const char *path, const Declaration *d) {
    Strings names = script_strings(a, d, "environments");
    bool found = names.count == 0;
    for (size_t i = 0; i < names.count; i++) {
        found = found || text_same(names.at[i], config->environment);
        warn_of_slip(config, path, names.at[i]);
    }
    return found;
}

static bool declare(Arena *a, Script *script, const char *path, const char *kind,
                    Declaration *out) {
    Bytes text;
    if (!file_read(a, path, &text) || !encoding_check(a, path, text) ||
        !script_declare(script, path, text.at, text.length, out))
        return false;
    if (text_same(out->kind, kind))
        return true;
    fail(FAIL_CONFIG, "%s:%d: a file of this folder declares %s {...}, not %s {...}", path,
         out->line, kind, out->kind);
    const char *home = text_same(out->kind, "backfill") ? "migration" : out->kind;
    return fail_hint("%s belong into a folder of their own: stint help %s",
                     text_same(home, "policy") ? "policies" : arena_format(a, "%ss", home),
                     out->kind);
}

bool hook_load(Arena *a, const Config *config, const char *folder, const char *kind,
               Script **script, Hooks *out) {
    FileNames names;
    const char *place = file_join(a, config->scripts, folder);
    *out = (Hooks){0, NULL};
    if (!file_is_folder(place))
        return true;
    if (!file_names(a, place, &names))
        return false;
    out->at = arena_take(a, (names.count + 1) * sizeof *out->at);
    for (size_t i = 0; i < names.count; i++) {
        if (!text_ends(names.name[i], ".lua") || names.is_folder[i])
            continue;
        if (!*script && !(*script = hook_world(a, config)))
            return false;
        Hook *hook = &out->at[out->count];
        *hook = (Hook){.name = arena_bytes(a, names.name[i], strlen(names.name[i]) - 4)};
        const char *path = file_join(a, place, names.name[i]);
        if (!declare(a, *script, path, kind, &hook->declaration))
            return false;
        out->count += is_for(a, config, path, &hook->declaration);
    }
    return true;
}

static Script *own_world(Arena *a, const Config *config) {
    bool shorter = config->lua_time > 0 && config->lua_time < LONGEST;
    watch.limit = shorter ? config->lua_time : LONGEST;
    ScriptLimits limits = {.folder = config->scripts,
                           .memory = config->lua_memory,
                           .time = watch.limit,
                           .unsafe = config->unsafe_lua,
                           .finishes = true,
                           .notify = config->notify,
                           .notify_timeout = config->notify_timeout};
    Script *script = script_open(a, &limits);
    if (script && !shorter)
        script_limit(script, LONGEST, "a hook has 10s for an event");
    return script;
}

bool hook_open(Arena *a, const Config *config) {
    if (!file_is_folder(file_join(a, config->scripts, "hooks")))
        return true;
    watch.config = config;
    watch.script = own_world(a, config);
    return watch.script && hook_load(a, config, "hooks", "hook", &watch.script, &watch.all);
}

static bool wants(const Hook *hook, const char *kind) {
    Arena *a = arena_new();
    Strings on = script_strings(a, &hook->declaration, "on");
    bool found = false;
    for (size_t i = 0; i < on.count && !found; i++)
        found = text_same(on.at[i], kind);
    arena_free(a);
    return found;
}

/* One that takes all of its time would take it again from every event. */
static void say_failed(Hook *hook, long long took) {
    const Failure *why = failure();
    hook->silent = took >= watch.limit;
    if (!hook->failed)
        log_warn("%s (hook %s; the run goes on%s)", why->message, hook->name,
                 hook->silent ? " without it" : "");
    if (!hook->failed && why->context)
        log_detail("%s", why->context);
    hook->failed = true;
}

static void tell(const Event *event) {
    for (size_t i = 0; i < watch.all.count; i++) {
        Hook *hook = &watch.all.at[i];
        if (hook->silent || !wants(hook, event->kind))
            continue;
        long long start = clock_ms();
        script_alarm_code(FAIL_ERROR);
        if (!script_tell(&hook->declaration, "run", event))
            say_failed(hook, clock_ms() - start);
        script_alarm_code(FAIL_MIGRATION);
    }
}

/* A copy with the time and the place where it happened. */
static void keep(const Event *event) {
    Arena *a = watch.queue;
    size_t size = sizeof *watch.event;
    if (watch.waiting == watch.room) {
        size_t room = watch.room ? 2 * watch.room : 16;
        watch.event = arena_grow(a, watch.event, watch.room * size, room * size);
        watch.room = room;
    }
    size_t count = event->count;
    EventField *field = arena_take(a, (count + 3) * sizeof *field);
    for (size_t i = 0; i < count; i++) {
        field[i] = event->field[i];
        field[i].text = arena_string(a, field[i].text);
    }
    field[count++] = EVENT_SAYS("at", clock_stamp(a));
    if (!event_text(event, "environment"))
        field[count++] = EVENT_SAYS("environment", watch.config->environment);
    if (watch.config->target)
        field[count++] = EVENT_SAYS("target", watch.config->target);
    watch.event[watch.waiting++] = (Event){event->kind, count, field};
}

static void tell_all(void) {
    watch.telling = true;
    for (size_t i = 0; i < watch.waiting; i++)
        tell(&watch.event[i]);
    watch.telling = false;
    watch.waiting = watch.room = 0;
    watch.event = NULL;
    arena_reset(watch.queue);
}

/* Whoever tells an event may be on the way out of a failure, which stays what it is. */
static void on_event(void *with, const Event *event) {
    (void)with;
    if (!watch.all.count)
        return;
    keep(event);
    if (script_is_calling() || watch.telling)
        return;
    Arena *a = arena_new();
    Failure why = fail_kept(a);
    tell_all();
    fail_again(&why);
    arena_free(a);
}

void hook_listen(void) {
    if (!watch.all.count)
        return;
    watch.queue = arena_new();
    event_listen(on_event, NULL);
}

void hook_close(void) {
    script_close(watch.script);
    arena_free(watch.queue);
    watch.script = NULL;
    watch.queue = NULL;
    watch.all = (Hooks){0, NULL};
}
