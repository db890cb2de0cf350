/* variable: the placeholders of section [variables] in the statements of a SQL file, as psql has
 * them: :name as it stands, :'name' as a literal, :"name" as an identifier. Only declared names
 * are replaced, and only where the colon is a token of its own: never in strings, quoted
 * identifiers, dollar quotes, comments, COPY's data, after another colon (::type), or as the colon
 * of a subscript (a[1:n]). Refuses to touch the file's text: checksums and places are of what is
 * written, not of what is sent. */
#ifndef VARIABLE_H
#define VARIABLE_H

#include "sqlfile.h"

/* Each statement of the half becomes what its replaced text makes of it. False: FAIL_CONFIG at the
 * placeholder whose value makes no statement, or several. Done once; again is fine. */
bool variable_fill(Arena *a, const ConfigPairs *variables, SqlHalf *half);
/* What is sent for a statement: its text with the values in it. */
Bytes variable_sql(const SqlHalf *half, const Statement *s);
/* The byte of the file that byte `byte` of what is sent for `s` comes from. */
size_t variable_home(const Statement *s, size_t byte);
/* For a failure at `byte` of the file: if a placeholder that nobody declared stands there, the
 * failure's hint says so. */
void variable_hint(const SqlHalf *half, size_t byte);

#endif
