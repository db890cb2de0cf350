/* option: declared options: parsed, shown in usage and help. Refuses to know what they mean. */
#ifndef OPTION_H
#define OPTION_H

#include "arena.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct {
    const char *name;  /* "to" for --to; NULL: a letter alone */
    char letter;       /* 'v' for -v, or 0; without name and letter: the end of the table */
    const char *takes; /* "VERSION": takes a value; NULL: a flag */
    const char *about;
} Option;

typedef struct {
    size_t count;
    const Option **option;
    const char **value;
    size_t word_count; /* what is not an option */
    const char **word;
} Given;

/* `tables` ends with NULL. Options may stand anywhere before "--". False: FAIL_USAGE. */
bool option_parse(Arena *a, const Option *const *tables, int argc, char *const *argv, Given *out);
/* Where the first word stands (or "--"); argc: nowhere. What is unknown takes no value. */
int option_first_word(const Option *const *tables, int argc, char *const *argv);
bool option_given(const Given *given, const char *name);
const char *option_value(const Given *given, const char *name); /* the last one; NULL: not given */
/* A number from 1; `most` 0: as large as it likes. Not given: `out` stays. False: FAIL_USAGE. */
bool option_count(const Given *given, const char *name, long most, long *out);
void option_help(const Option *table, FILE *out);

#endif
