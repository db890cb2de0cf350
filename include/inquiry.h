/* inquiry: the statements that applications run, and whether a database can still prepare them.
 * Refuses to run them. */
#ifndef INQUIRY_H
#define INQUIRY_H

#include "pg.h"
#include "script.h"

typedef struct {
    const char *text;
    bool is_fit;     /* it could be prepared when it was last tried */
    const char *why; /* else: what the server said */
} InquiryQuestion;

typedef struct {
    size_t count;
    InquiryQuestion *at;
} Inquiry;

/* From a file of statements, or from pg_stat_statements of `target` (whose search_path changes). */
bool inquiry_read(Arena *a, const char *file, Inquiry *out);
bool inquiry_ask(Arena *a, Pg *target, Inquiry *out);
/* Prepares those that are fit, and marks those that cannot be any more. False: the session is lost.
 */
bool inquiry_try(Arena *a, Pg *pg, Inquiry *inquiry);

#endif
