/* setting: the one table of settings, a line each: its key, where it may stand, its type, its
 * default, its meaning, and its field in Config. config.ini, STINT_<KEY>, flags, `stint help
 * config` and the sample config.ini all read this table. Refuses to know files and variables. */
#ifndef SETTING_H
#define SETTING_H

#include "config.h"

#include <stdbool.h>

typedef enum {
    SETTING_PROJECT,     /* in [project] alone */
    SETTING_ENVIRONMENT, /* in an environment's section, or in [project] as a default for all */
} SettingHome;

typedef enum {
    SETTING_TEXT,     /* const char *; an empty one is NULL */
    SETTING_SCHEMA,   /* const char *, a name that a schema of our own can have */
    SETTING_FLAG,     /* bool */
    SETTING_DURATION, /* long long, ms */
    SETTING_SIZE,     /* long long, bytes */
    SETTING_COUNT,    /* long long */
    SETTING_CHOICE,   /* const char *, one of `accepts`, which are set apart by ", " */
} SettingType;

typedef struct {
    const char *key;
    SettingHome home;
    SettingType type;
    const char *accepts;   /* choices, or what stands for the value in help: "FOLDER" */
    const char *otherwise; /* the default as one would write it; NULL: not set */
    const char *about;
    size_t field; /* its place in Config */
} Setting;

size_t setting_count(void);
const Setting *setting_at(size_t index);
const Setting *setting_find(const char *key); /* NULL: there is none */
size_t setting_index(const Setting *setting);
/* The keys that may stand in [project] or in an environment, ended by NULL. For text_nearest. */
const char *const *setting_keys(Arena *a, SettingHome section);

/* Reads `text` as the setting's type into its field. False: FAIL_CONFIG, with what is accepted. */
bool setting_store(Arena *a, const Setting *setting, const char *text, Config *config);
/* For people: "yes or no", "strict, warn, allow", "FOLDER". */
const char *setting_accepts(const Setting *setting);

#endif
