/* embed: the files of hooks/, carried inside the binary so that one file installs. The table is
 * made at build time. Refuses to know what is in them. */
#ifndef EMBED_H
#define EMBED_H

#include <stddef.h>

typedef struct {
    const char *name; /* "hooks/boot.lua" */
    const char *text; /* followed by a NUL that is not counted */
    size_t length;
} EmbeddedFile;

/* In the order of their names; ended by one whose name is NULL. */
extern const EmbeddedFile embedded_files[];

#endif
