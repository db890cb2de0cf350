/* Any text as config.ini, beside a .env of the same bytes. */
#include "config.h"

#include "fail.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *folder(void) {
    static char place[] = "/tmp/stint-fuzz-XXXXXX";
    static bool made;
    if (!made && !mkdtemp(place))
        abort();
    made = true;
    return place;
}

static void write_file(const char *name, const uint8_t *data, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", folder(), name);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    ConfigWanted wanted = {.folder = folder()};
    Config *config;
    write_file("config.ini", data, size);
    write_file(".env", data, size);
    if (config_load(a, &wanted, &config) && !config->environment)
        abort();
    fail_clear();
    arena_free(a);
    return 0;
}
