#include "doctor.h"

#include "backfill.h"
#include "fail.h"
#include "sql.h"
#include "text.h"

/* In the order of grants.sql. Without a name of its own a part has the usual one; an owner is only
 * asked about where it is named. */
static const struct {
    const char *part, *usual, *about;
} parts[DOCTOR_PARTS] = {
    {"owner", NULL, "the ledger is its, and the approvals in it; nobody works as it"},
    {"migrator", "stint_migrator", "up, deploy, down, seed, resolve, backup"},
    {"worker", "stint_worker", "work, backfill"},
    {"reader", "stint_reader", "status, plan"},
    {"approver", "stint_approver", "approve"},
};

enum { PART, KIND, MESSAGE, STATEMENT };

static const struct {
    const char *kind;
    DoctorLevel level;
    const char *line; /* of the script: the statement, the message */
} kinds[] = {
    {"fine", DOCTOR_OK, "%s;\n"},
    {"missing", DOCTOR_WRONG, "%s; -- missing\n"},
    {"elsewhere", DOCTOR_WRONG, "%s; -- missing\n"},
    {"excess", DOCTOR_WRONG, "%s; -- too much: %s\n"},
    {"note", DOCTOR_NOTE, "-- or: %s; -- %s\n"},
};

const char *doctor_part(size_t index) {
    return parts[index].part;
}

static size_t kind_of(const PgRows *rows, size_t r) {
    size_t i = 0;
    while (!text_same(kinds[i].kind, pg_cell(rows, r, KIND)))
        i++;
    return i;
}

static bool ask(const Doctor *doctor, Strings roles, PgRows *out) {
    return pg_rows(doctor->run.pg, doctor->arena, out, SQL_GRANTS,
                   PG_WITH(doctor->config->ledger_schema, backfill_array(doctor->arena, roles))) ||
           fail_in("cannot look at who may do what");
}

static void add_heading(Text *script, const char *part, Strings roles) {
    for (size_t i = 0; i < DOCTOR_PARTS; i++)
        if (text_same(parts[i].part, part))
            text_addf(script, "\n-- %s, %s: %s\n", part, roles.at[i], parts[i].about);
}

static void add_row(Doctor *doctor, const PgRows *rows, size_t r, Text *script) {
    const char *message = pg_cell(rows, r, MESSAGE), *statement = pg_cell(rows, r, STATEMENT);
    size_t kind = kind_of(rows, r);
    doctor->check = pg_cell(rows, r, PART);
    if (statement)
        text_addf(script, kinds[kind].line, statement, message);
    else
        text_addf(script, "-- %s\n", message);
    if (kinds[kind].level != DOCTOR_OK)
        doctor_found(doctor, kinds[kind].level, statement, "%s", message);
}

static void add_rows(Doctor *doctor, const PgRows *rows, Strings roles, Text *script) {
    for (size_t r = 0; r < rows->count; r++) {
        const char *part = pg_cell(rows, r, PART);
        if (!r || !text_same(part, pg_cell(rows, r - 1, PART)))
            add_heading(script, part, roles);
        add_row(doctor, rows, r, script);
    }
}

static void add_ledger(const Doctor *doctor, Text *script) {
    text_add(script, "\n-- the ledger, which is not there yet\n");
    text_add(script, ledger_definition(doctor->arena, doctor->config->ledger_schema));
}

/* The tables that a worker changes: known only where there is a ledger. */
static bool add_tables(Doctor *doctor, Strings roles, Text *script) {
    PgRows rows;
    const char *worker = roles.at[DOCTOR_WORKER];
    const char *sql = ledger_sql(doctor->arena, doctor->config->ledger_schema, SQL_GRANTS_TABLES);
    if (!pg_rows(doctor->run.pg, doctor->arena, &rows, sql, PG_WITH(worker)))
        return fail_in("cannot read the backfills");
    text_addf(script, "\n-- %s, %s: what backfills change\n", parts[DOCTOR_WORKER].part, worker);
    if (!rows.count)
        text_addf(script,
                  "-- none is under way; of each: GRANT SELECT, UPDATE ON its tables TO \"%s\"\n",
                  worker);
    for (size_t r = 0; r < rows.count; r++)
        add_row(doctor, &rows, r, script);
    return true;
}

bool doctor_grants(Doctor *doctor, const DoctorRoles *wanted, const char **script) {
    Arena *a = doctor->arena;
    Run *run = &doctor->run;
    const char *name[DOCTOR_PARTS];
    Strings roles = {DOCTOR_PARTS, name};
    Text text = text_on(a);
    PgRows rows;
    Ledger ledger;
    for (size_t i = 0; i < DOCTOR_PARTS; i++)
        name[i] = wanted->name[i] ? wanted->name[i] : parts[i].usual;
    run->pg = session_open(a, doctor->config, "doctor", SESSION_MUST_EXIST);
    if (!run->pg || !ledger_read(run->pg, a, doctor->config->ledger_schema, LEDGER_BRIEF, &ledger))
        return false;
    if (!ask(doctor, roles, &rows))
        return false;
    text_addf(&text,
              "-- The least that each role needs, on the ledger in the schema %s of %s.\n"
              "-- Run it as a role that none of them can become.\nBEGIN;\n",
              doctor->config->ledger_schema, pg_database(run->pg));
    if (!ledger.version)
        add_ledger(doctor, &text);
    add_rows(doctor, &rows, roles, &text);
    if (ledger.version && !add_tables(doctor, roles, &text))
        return false;
    text_add(&text, "\nCOMMIT;\n");
    *script = text.at;
    return true;
}

/* What the role that we are would lack for an up; one finding, for there is one cause. */
static void tell_missing(Doctor *doctor, const PgRows *rows) {
    const char *first = NULL;
    Text mend = text_on(doctor->arena);
    for (size_t r = 0; r < rows->count; r++) {
        if (!text_same(pg_cell(rows, r, KIND), "missing"))
            continue;
        text_addf(&mend, "%s%s", first ? "; " : "", pg_cell(rows, r, STATEMENT));
        first = first ? first : pg_cell(rows, r, MESSAGE);
    }
    if (first)
        doctor_found(doctor, DOCTOR_WRONG, mend.at, "%s", first);
}

void doctor_ledger_rights(Doctor *doctor) {
    const Config *config = doctor->config;
    Pg *pg = doctor->run.pg;
    const char *name[DOCTOR_PARTS] = {NULL};
    size_t before = doctor->count;
    Ledger ledger;
    PgRows rows;
    if (!pg) {
        doctor_found(doctor, DOCTOR_NOTE, NULL, "not looked at: there is no connection");
        return;
    }
    doctor_ask(doctor, SQL_DOCTOR_LEDGER_RIGHTS, PG_WITH(config->ledger_schema));
    if (doctor->count > before)
        return;
    if (ledger_read(pg, doctor->arena, config->ledger_schema, LEDGER_BRIEF, &ledger) &&
        !ledger.version)
        return;
    fail_clear();
    name[DOCTOR_MIGRATOR] = config->role ? config->role : pg_user(pg);
    if (ask(doctor, (Strings){DOCTOR_PARTS, name}, &rows))
        tell_missing(doctor, &rows);
    else
        doctor_found_failure(doctor, DOCTOR_NOTE);
}
