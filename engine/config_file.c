#include "config_file.h"

#include "fail.h"
#include "setting.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char *const reserved[] = {"project", "variables", "people", NULL};

bool config_file_reserved(const char *section) {
    return text_among(section, reserved);
}

static bool find(Arena *a, const char *folder, const char *asked, ConfigFile *out) {
    const char *by = asked ? "-c" : "STINT_CONFIG";
    if (!asked)
        asked = getenv("STINT_CONFIG");
    if (!asked || !*asked)
        by = NULL;
    if (!folder)
        folder = ".";
    if (!file_is_folder(folder))
        return fail(FAIL_CONFIG, "there is no folder %s", folder);
    const char *path = file_join(a, folder, by ? asked : "config.ini");
    bool there = file_exists(path) && !file_is_folder(path);
    if (!there && by) {
        fail(FAIL_CONFIG, "there is no file %s", path);
        return fail_hint("%s names it; `stint init` writes a new config.ini", by);
    }
    out->path = there ? path : NULL;
    out->near = strchr(path, '/') ? file_folder(a, path) : folder;
    char *absolute = realpath(out->near, NULL);
    if (!absolute)
        return fail_errno(FAIL_CONFIG, "cannot find the folder %s", out->near);
    out->folder = arena_string(a, absolute);
    free(absolute);
    return true;
}

static bool unknown_key(Arena *a, const ConfigFile *file, const IniEntry *entry) {
    bool in_project = strcmp(entry->section, "project") == 0;
    const char *nearest = text_nearest(
        entry->key, setting_keys(a, in_project ? SETTING_PROJECT : SETTING_ENVIRONMENT));
    const char *section = in_project ? NULL : text_nearest(entry->section, reserved);
    bool known = setting_find(entry->key);
    if (known)
        fail(FAIL_CONFIG, "%s belongs in [project], not in [%s]", entry->key, entry->section);
    else
        fail(FAIL_CONFIG, "[%s] has an unknown key \"%s\"", entry->section, entry->key);
    if (nearest && !known)
        fail_hint("did you mean \"%s\"?", nearest);
    else if (section)
        fail_hint("[%s] is read as an environment: did you mean [%s]?", entry->section, section);
    else
        fail_hint("`stint help config` lists every key");
    return fail_at((FailPlace){.file = file->path, .line = entry->line});
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static bool is_name(const char *key) {
    return strchr(LETTERS, *key) && key[strspn(key, LETTERS "0123456789")] == 0;
}

static bool no_name(const ConfigFile *file, const IniEntry *entry) {
    fail(FAIL_CONFIG, "[variables] has \"%s\", which no placeholder can name", entry->key);
    fail_hint("a variable's name is letters, digits and _, for :name in a migration");
    return fail_at((FailPlace){.file = file->path, .line = entry->line});
}

static bool check_keys(Arena *a, const ConfigFile *file) {
    for (size_t i = 0; i < file->ini.count; i++) {
        const IniEntry *entry = &file->ini.entry[i];
        bool in_project = strcmp(entry->section, "project") == 0;
        const Setting *setting = setting_find(entry->key);
        if (strcmp(entry->section, "variables") == 0 && !is_name(entry->key))
            return no_name(file, entry);
        if (!in_project && config_file_reserved(entry->section))
            continue;
        if (!setting || (setting->home == SETTING_PROJECT && !in_project))
            return unknown_key(a, file, entry);
    }
    return true;
}

bool config_file_read(Arena *a, const char *folder, const char *asked, ConfigFile *out) {
    Bytes text;
    *out = (ConfigFile){0};
    if (!find(a, folder, asked, out))
        return false;
    if (!out->path)
        return true;
    if (!file_read(a, out->path, &text))
        return fail_as(FAIL_CONFIG);
    if (!config_ini_read(a, out->path, text, &out->ini) || !check_keys(a, out))
        return false;
    out->environments = arena_take(a, (out->ini.section_count + 1) * sizeof(char *));
    for (size_t i = 0; i < out->ini.section_count; i++)
        if (!config_file_reserved(out->ini.section[i].name))
            out->environments[out->environment_count++] = out->ini.section[i].name;
    return true;
}
