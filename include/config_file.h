/* config_file: config.ini found, read and checked: every key known and where it belongs. Refuses to
 * know values. Failures are FAIL_CONFIG, at file and line. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "config_ini.h"

typedef struct {
    const char *path;   /* as it was written, ready to be opened; NULL: there is none */
    const char *near;   /* the project's folder in the same way: where .env is */
    const char *folder; /* the same, absolute */
    Ini ini;
    size_t environment_count;
    const char **environments; /* sections that are environments */
} ConfigFile;

/* `asked` names the file; NULL: STINT_CONFIG, then config.ini. Only one that was asked for must be
 * there. `folder` NULL: the current one. */
bool config_file_read(Arena *a, const char *folder, const char *asked, ConfigFile *out);
/* [project], [variables], [people]: no environments. */
bool config_file_reserved(const char *section);

#endif
