/* doctor: what is wrong with a project and its database, and the command that mends it: a table of
 * checks, each of which finds nothing, or things. Only looks. Refuses to know how findings are
 * shown. doctor.c asks the server, doctor_project.c looks at files and programs, doctor_ledger.c at
 * what has run, doctor_grants.c at who may do what with the ledger. */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "run.h"

typedef enum { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WRONG } DoctorLevel;

typedef struct {
    const char *name; /* of the check */
    DoctorLevel level;
    const char *message;
    const char *mend; /* a command, or NULL */
} DoctorFinding;

typedef struct {
    Arena *arena;
    const Config *config;
    Run run;       /* its session is NULL where none could be had */
    long long old; /* ms after which a transaction that does nothing is too old; -1: as usual */
    const char *check;
    size_t count;
    DoctorFinding *finding;
} Doctor;

/* Fills in the findings; each check has one at least. */
void doctor_look(Doctor *doctor);
size_t doctor_wrong(const Doctor *doctor); /* how many are */
const char *doctor_level(DoctorLevel level);

/* For the checks: one finding of the present one. */
void doctor_found(Doctor *doctor, DoctorLevel level, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The present failure as a finding, and forgotten. */
void doctor_found_failure(Doctor *doctor, DoctorLevel level);

/* For the checks: each row of a query is a finding (doctor.sql). */
void doctor_ask(Doctor *doctor, const char *sql, PgArgs args);

/* Who works with a ledger, by what they may do. */
enum { DOCTOR_OWNER, DOCTOR_MIGRATOR, DOCTOR_WORKER, DOCTOR_READER, DOCTOR_APPROVER, DOCTOR_PARTS };
const char *doctor_part(size_t index); /* "migrator" */
typedef struct {
    const char *name[DOCTOR_PARTS]; /* the database role; NULL: the usual one */
} DoctorRoles;
/* The SQL that gives each the least that it needs and takes what is more; findings of what is
 * missing and too much. False: failed. */
bool doctor_grants(Doctor *doctor, const DoctorRoles *wanted, const char **script);

void doctor_config(Doctor *doctor);
void doctor_scripts(Doctor *doctor);
void doctor_tools(Doctor *doctor);
void doctor_connection(Doctor *doctor);
void doctor_ledger(Doctor *doctor);
void doctor_ledger_rights(Doctor *doctor);
void doctor_migrations(Doctor *doctor);

#endif
