/* config_ini: the text of a config.ini cut into sections, keys and values, each with its line.
 * inih reads the structure; lines reach it cleaned, with short tokens in place of key and value,
 * because it would cut long lines and keys, cut values at " ;", and take an indented key for more
 * of the value before. Refuses to know which keys there are.
 *
 * Failures are FAIL_CONFIG at file and line; they never show a value, which may be a password. */
#ifndef CONFIG_INI_H
#define CONFIG_INI_H

#include "arena.h"
#include "file.h"

#include <stdbool.h>

typedef struct {
    const char *section, *key, *value;
    size_t line;
} IniEntry;

typedef struct {
    const char *name;
    size_t line;
} IniSection;

typedef struct {
    size_t count;
    IniEntry *entry;
    size_t section_count; /* each name once, in the order of the text */
    IniSection *section;
} Ini;

bool config_ini_read(Arena *a, const char *file, Bytes text, Ini *out);
/* NULL: the section has no such key. */
const IniEntry *config_ini_find(const Ini *ini, const char *section, const char *key);
bool config_ini_has_section(const Ini *ini, const char *name);

#endif
