/* findings: what the judge has found, on stdout, for people and for other programs. Refuses to know
 * what was judged and why. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "judge.h"

/* The number of a format: text, json, github, sarif, junit; FAIL_USAGE for another. */
bool findings_format(const char *name, size_t *format);
bool findings_print(Judge *judge, const Migrations *files, size_t format);

#endif
