#include "config.h"

#include "address.h"
#include "config_file.h"
#include "config_protection.h"
#include "dotenv.h"
#include "fail.h"
#include "file.h"
#include "log.h"
#include "setting.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    Arena *arena;
    const ConfigWanted *wanted;
    Config *config;
    ConfigFile file;
    Dotenv dotenv;
} Loader;

/* Where a value was found. */
typedef struct {
    const char *text; /* NULL: nowhere */
    const char *source;
    size_t line; /* of config.ini, if it is from there */
} Found;

static bool at_line(const Loader *l, size_t line) {
    return fail_at((FailPlace){.file = l->config->file, .line = line});
}

/* ---- one setting ---- */

static Found in_flags(const Loader *l, const char *key) {
    const ConfigPairs *flags = &l->wanted->flags;
    for (size_t i = flags->count; i-- > 0;) {
        if (strcmp(flags->name[i], key) != 0)
            continue;
        char *flag = arena_format(l->arena, "--%s", key);
        for (char *c = flag; *c; c++)
            *c = *c == '_' ? '-' : *c;
        return (Found){flags->value[i], flag, 0};
    }
    return (Found){0};
}

/* A variable that is set but empty counts as not set, as CI systems have them. */
static Found in_variable(Loader *l, const char *name) {
    size_t line;
    const char *value = dotenv_get(&l->dotenv, name, &line);
    if (!value || !*value)
        return (Found){0};
    return (Found){value,
                   line ? arena_format(l->arena, "%s:%zu", l->dotenv.file, line)
                        : arena_string(l->arena, name),
                   0};
}

static Found in_section(const Loader *l, const char *section, const char *key) {
    const IniEntry *entry = config_ini_find(&l->file.ini, section, key);
    if (!entry)
        return (Found){0};
    return (Found){entry->value,
                   arena_format(l->arena, "%s:%zu", file_base(l->config->file), entry->line),
                   entry->line};
}

static const char *variable_of(Arena *a, const char *key) {
    char *name = arena_format(a, "STINT_%s", key);
    for (char *c = name; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return name;
}

/* .env has no say in whether .env may be used. */
static bool is_about_dotenv(const char *key) {
    return strcmp(key, "protected") == 0 || strcmp(key, "dotenv") == 0;
}

static Found find_value(Loader *l, const char *key) {
    const char *variable = variable_of(l->arena, key);
    Found found = in_flags(l, key);
    if (!found.text && (getenv(variable) || !is_about_dotenv(key)))
        found = in_variable(l, variable);
    if (!found.text && l->config->environment)
        found = in_section(l, l->config->environment, key);
    if (!found.text)
        found = in_section(l, "project", key);
    return found;
}

/* False: failed. A URL whose variable is not set is a problem only for who connects; a direct_url
 * like that is simply not set. */
static bool expand(Loader *l, const char *key, const Found *found, const char **out) {
    address_hide(l->arena, found->text);
    DotenvResult result = dotenv_expand(l->arena, &l->dotenv, found->text, out);
    bool direct = strcmp(key, "direct_url") == 0, scratch = strcmp(key, "scratch") == 0,
         is_url = direct || scratch || strcmp(key, "url") == 0;
    if (result == DOTENV_EXPANDED)
        return true;
    if (!is_url || result == DOTENV_UNCLEAR) {
        fail_in("%s", key);
        return at_line(l, found->line);
    }
    if (direct && result == DOTENV_UNSET)
        log_detail("%s: direct_url is not set: %s", found->source, failure()->message);
    else
        *(scratch ? &l->config->scratch_problem : &l->config->url_problem) =
            arena_format(l->arena, "%s: %s: %s", found->source, key, failure()->message);
    fail_clear();
    *out = scratch ? "local:" : "";
    return true;
}

static bool load_setting(Loader *l, const Setting *setting) {
    Found found = find_value(l, setting->key);
    const char *text = found.text ? found.text : setting->otherwise;
    if (found.line && !expand(l, setting->key, &found, &text))
        return false;
    if (text)
        address_hide(l->arena, text);
    if (text && !setting_store(l->arena, setting, text, l->config)) {
        if (found.line)
            return at_line(l, found.line);
        return found.source ? fail_in("%s", found.source) : false;
    }
    l->config->source[setting_index(setting)] = found.text ? found.source : "default";
    return true;
}

/* ---- the whole ---- */

static bool no_environment(const Loader *l, const char *name, const char *source) {
    Text names = text_on(l->arena);
    const Config *config = l->config;
    for (size_t i = 0; i < config->environment_count; i++)
        text_addf(&names, "%s%s", i ? ", " : "", config->environments[i]);
    const char *nearest =
        config->environment_count ? text_nearest(name, config->environments) : NULL;
    fail(FAIL_CONFIG, "there is no environment \"%s\"", name);
    if (!text_same(source, "-e"))
        fail_detail("%s asks for it", source);
    if (!config->file)
        return fail_hint("there is no config.ini here; `stint init` writes one");
    if (!config->environment_count)
        return fail_hint("%s has none; add a section [%s] with its url", config->file, name);
    if (nearest)
        return fail_hint("did you mean \"%s\"? %s has %s", nearest, config->file, names.at);
    return fail_hint("%s has %s", config->file, names.at);
}

static bool choose_environment(Loader *l) {
    const Setting *setting = setting_find("environment");
    Config *config = l->config;
    Found found = {l->wanted->environment, "-e", 0};
    if (!found.text)
        found = in_flags(l, setting->key);
    if (!found.text)
        found = in_variable(l, "STINT_ENV");
    if (!found.text)
        found = find_value(l, setting->key);
    const char *name = found.text ? found.text : setting->otherwise;
    if (found.line && !expand(l, setting->key, &found, &name))
        return false;
    address_hide(l->arena, name);
    config->source[setting_index(setting)] = found.text ? found.source : "default";
    config->environment = arena_string(l->arena, name);
    if (!found.text && !config->environment_count)
        return true; /* one database, without a name */
    if (config_file_reserved(name) || !config_ini_has_section(&l->file.ini, name))
        return no_environment(l, name, found.text ? found.source : "the default");
    return true;
}

/* What a variable's name says of its value: it is shown nowhere then. */
static bool is_secret(const char *name) {
    return strcasestr(name, "password") || strcasestr(name, "secret") || strcasestr(name, "token");
}

static bool load_pairs(Loader *l, const char *section, ConfigPairs *out) {
    out->name = arena_take(l->arena, (l->file.ini.count + 1) * sizeof *out->name);
    out->value = arena_take(l->arena, (l->file.ini.count + 1) * sizeof *out->value);
    for (size_t i = 0; i < l->file.ini.count; i++) {
        const IniEntry *entry = &l->file.ini.entry[i];
        Found found = {entry->value, NULL, entry->line};
        if (strcmp(entry->section, section) != 0)
            continue;
        if (!expand(l, entry->key, &found, &out->value[out->count]))
            return false;
        if (is_secret(entry->key))
            fail_secret(out->value[out->count]);
        out->name[out->count++] = entry->key;
    }
    return true;
}

static void take_variable(Loader *l, const char *name, const char *key, const char **field) {
    Found found = *field ? (Found){0} : in_variable(l, name);
    if (!found.text)
        return;
    *field = found.text;
    l->config->source[setting_index(setting_find(key))] = found.source;
}

/* With no config.ini, what the other tools of a project have is enough. */
static void find_project(Loader *l) {
    static const char *const places[] = {"scripts/migrations", "migrations"};
    Config *config = l->config;
    take_variable(l, "DATABASE_URL", "url", &config->url);
    take_variable(l, "DIRECT_URL", "direct_url", &config->direct_url);
    if (strcmp(config_source(config, "migrations"), "default") != 0)
        return;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!file_is_folder(file_join(l->arena, l->file.near, places[i])))
            continue;
        config->migrations = places[i];
        return;
    }
}

/* --url goes before a direct_url that was written down for another place. */
static int rank(const char *source) {
    if (text_starts(source, "--"))
        return 3;
    return text_starts(source, "STINT_") ? 2 : 1;
}

static void choose_url(Config *config) {
    if (config->url && config->direct_url &&
        rank(config_source(config, "url")) > rank(config_source(config, "direct_url")))
        config->direct_url = NULL;
    if (config->url && rank(config_source(config, "url")) > 1)
        config->url_problem = NULL;
}

static bool tell_dotenv(const Loader *l) {
    static bool told;
    size_t line = 0;
    const Config *config = l->config;
    const char *used = dotenv_used(l->arena, &l->dotenv, &line);
    if (!used)
        return true;
    if (config->is_protected && !config->dotenv_forced) {
        fail(FAIL_CONFIG, "%s is not used for the protected environment \"%s\", and only it has %s",
             l->dotenv.file, config->environment, used);
        fail_hint("set %s in the environment, or write dotenv = yes in [%s]", used,
                  config->environment);
        return fail_at(
            (FailPlace){.file = file_join(l->arena, l->file.near, l->dotenv.file), .line = line});
    }
    if (!told)
        log_say("%s: used for %s", l->dotenv.file, used);
    told = true;
    return true;
}

bool config_load(Arena *a, const ConfigWanted *wanted, Config **out) {
    Config *config = *out = arena_take(a, sizeof *config);
    Loader l = {.arena = a, .wanted = wanted, .config = config};
    config->source = arena_take(a, setting_count() * sizeof *config->source);
    if (!config_file_read(a, wanted->folder, wanted->file, &l.file) ||
        !dotenv_read(a, file_join(a, l.file.near, ".env"), &l.dotenv))
        return false;
    config->arena = a;
    config->protection = arena_take(a, sizeof *config->protection);
    config->folder = l.file.folder;
    config->flags = wanted->flags;
    config->file = l.file.path;
    config->environment_count = l.file.environment_count;
    config->environments = l.file.environments;
    if (!choose_environment(&l))
        return false;
    for (size_t i = 0; i < setting_count(); i++)
        if (setting_at(i) != setting_find("environment") && !load_setting(&l, setting_at(i)))
            return false;
    if (!config->file)
        find_project(&l);
    choose_url(config);
    if (!load_pairs(&l, "variables", &config->variables) ||
        !load_pairs(&l, "people", &config->people) || !tell_dotenv(&l))
        return false;
    config_protection(a, &l.file.ini, &l.dotenv, config);
    return true;
}

const char *config_source(const Config *config, const char *key) {
    const Setting *setting = setting_find(key);
    return setting ? config->source[setting_index(setting)] : NULL;
}

const char *config_connection(const Config *config) {
    if (config->targets) {
        fail(FAIL_USAGE, "%s has many targets, and this is for one", config->environment);
        fail_hint("--target NAME says which; stint status lists them");
        return NULL;
    }
    if (config->direct_url)
        return config->direct_url;
    if (config->url && !config->url_problem)
        return config->url;
    if (config->url_problem) {
        fail(FAIL_CONFIG, "%s", config->url_problem);
        fail_hint("set the variable, in the environment or in .env beside config.ini, or give "
                  "--url");
    } else if (config->file) {
        fail(FAIL_CONFIG, "the environment \"%s\" has no url", config->environment);
        fail_hint("write in %s under [%s]: url = ${DATABASE_URL}, or url = local: for a private "
                  "server",
                  config->file, config->environment);
    } else {
        fail(FAIL_CONFIG, "no database is named");
        fail_hint("set DATABASE_URL, give --url, or write a config.ini with `stint init`");
    }
    return NULL;
}
