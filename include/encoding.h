/* encoding: files are UTF-8, for sessions speak it and the ledger keeps the whole text; what is
 * not is refused at its place, and so is a statement that would make the server read it as
 * something else. Refuses to convert. Failures are FAIL_CONFIG with file, line and column. */
#ifndef ENCODING_H
#define ENCODING_H

#include "file.h"
#include "statement.h"

/* Not UTF-16, no NUL, nothing but UTF-8. */
bool encoding_check(Arena *a, const char *path, Bytes text);
/* No SET client_encoding or SET NAMES to anything else. */
bool encoding_check_settings(Arena *a, const char *path, const char *text,
                             const Statements *statements);

#endif
