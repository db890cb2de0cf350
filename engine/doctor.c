#include "doctor.h"

#include "fail.h"
#include "sql.h"
#include "text.h"

#include <string.h>

/* How long a session may be idle in a transaction, and a prepared one wait, in ms. */
enum { OLD_IDLE = 300000, OLD_PREPARED = 3600000 };

/* What a query's parameters are, in this order. */
enum { TAKES_NOTHING = 0, TAKES_SCHEMA = 1, TAKES_IDLE = 2, TAKES_PREPARED = 4 };

/* In the order in which they are told. A check is a function, or a query whose rows are findings;
 * `fine` is said where it finds none. */
static const struct {
    const char *name;
    void (*look)(Doctor *doctor);
    const char *sql;
    unsigned takes;
    const char *fine;
} checks[] = {
    {"config", doctor_config, NULL, TAKES_NOTHING, NULL},
    {"scripts", doctor_scripts, NULL, TAKES_NOTHING, "run in their sandbox"},
    {"connection", doctor_connection, NULL, TAKES_NOTHING, NULL},
    {"server", NULL, SQL_DOCTOR_SERVER, TAKES_NOTHING, NULL},
    {"writable", NULL, SQL_DOCTOR_WRITABLE, TAKES_NOTHING, "the server takes writes"},
    {"ledger", doctor_ledger, NULL, TAKES_NOTHING, NULL},
    {"ledger_rights", doctor_ledger_rights, NULL, TAKES_NOTHING,
     "the ledger can be read and written"},
    {"schema_rights", NULL, SQL_DOCTOR_SCHEMA_RIGHTS, TAKES_NOTHING,
     "may create in the schemas of search_path"},
    {"statistics", NULL, SQL_DOCTOR_STATISTICS, TAKES_NOTHING, "blockers and replicas are visible"},
    {"timeouts", NULL, SQL_DOCTOR_TIMEOUTS, TAKES_NOTHING, "none that interferes"},
    {"client_check", NULL, SQL_DOCTOR_CLIENT_CHECK, TAKES_NOTHING,
     "the server notices when a run is killed"},
    {"replicas", NULL, SQL_DOCTOR_REPLICAS, TAKES_NOTHING, "none is connected"},
    {"indexes", NULL, SQL_DOCTOR_INDEXES, TAKES_NOTHING, "all are valid"},
    {"run_lock", NULL, SQL_DOCTOR_LOCK, TAKES_SCHEMA | TAKES_IDLE, "nobody holds it"},
    {"idle_transactions", NULL, SQL_DOCTOR_IDLE, TAKES_IDLE, "none that is old"},
    {"prepared_transactions", NULL, SQL_DOCTOR_PREPARED, TAKES_PREPARED, "none that is old"},
    {"wraparound", NULL, SQL_DOCTOR_WRAPAROUND, TAKES_NOTHING, NULL},
    {"migrations", doctor_migrations, NULL, TAKES_NOTHING, NULL},
    {"tools", doctor_tools, NULL, TAKES_NOTHING, NULL},
};

static const char *const levels[] = {"ok", "note", "wrong"};

const char *doctor_level(DoctorLevel level) {
    return levels[level];
}

static void add(Doctor *doctor, DoctorFinding finding) {
    size_t size = doctor->count * sizeof finding;
    doctor->finding = arena_grow(doctor->arena, doctor->finding, size, size + sizeof finding);
    doctor->finding[doctor->count++] = finding;
}

void doctor_found(Doctor *doctor, DoctorLevel level, const char *mend, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *message = arena_vformat(doctor->arena, format, args);
    va_end(args);
    add(doctor, (DoctorFinding){doctor->check, level, message, arena_string(doctor->arena, mend)});
}

void doctor_found_failure(Doctor *doctor, DoctorLevel level) {
    Failure why = fail_kept(doctor->arena);
    const char *place = "";
    if (why.place.file && why.place.line)
        place = arena_format(doctor->arena, "%s:%zu:%zu: ", why.place.file, why.place.line,
                             why.place.column);
    doctor_found(doctor, level, why.hint ? why.hint : why.next, "%s%s%s%s%s", place, why.message,
                 why.sqlstate ? " (SQLSTATE " : "", why.sqlstate ? why.sqlstate : "",
                 why.sqlstate ? ")" : "");
    fail_clear();
}

static DoctorLevel level_of(const char *word) {
    for (int i = 0; i < DOCTOR_WRONG; i++)
        if (text_same(word, levels[i]))
            return (DoctorLevel)i;
    return DOCTOR_WRONG;
}

static const char *seconds(const Doctor *doctor, long long usual) {
    long long ms = doctor->old >= 0 ? doctor->old : usual;
    return arena_format(doctor->arena, "%lld.%03lld", ms / 1000, ms % 1000);
}

void doctor_ask(Doctor *doctor, const char *sql, PgArgs args) {
    PgRows rows;
    if (!pg_rows(doctor->run.pg, doctor->arena, &rows, sql, args)) {
        fail_in("this could not be looked at");
        doctor_found_failure(doctor, DOCTOR_NOTE);
        return;
    }
    for (size_t r = 0; r < rows.count; r++)
        doctor_found(doctor, level_of(pg_cell(&rows, r, 0)), pg_cell(&rows, r, 2), "%s",
                     pg_cell(&rows, r, 1));
}

static void ask(Doctor *doctor, const char *sql, unsigned takes) {
    PgArgs args = PG_NONE;
    const char *value[2];
    if (!doctor->run.pg)
        return;
    if (takes & TAKES_SCHEMA)
        value[args.count++] = doctor->config->ledger_schema;
    if (takes & TAKES_IDLE)
        value[args.count++] = seconds(doctor, OLD_IDLE);
    if (takes & TAKES_PREPARED)
        value[args.count++] = seconds(doctor, OLD_PREPARED);
    args.value = value;
    doctor_ask(doctor, sql, args);
}

void doctor_look(Doctor *doctor) {
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        size_t before = doctor->count;
        doctor->check = checks[i].name;
        if (checks[i].look)
            checks[i].look(doctor);
        else
            ask(doctor, checks[i].sql, checks[i].takes);
        bool unseen = checks[i].sql && !doctor->run.pg;
        if (doctor->count == before && checks[i].fine && !unseen)
            doctor_found(doctor, DOCTOR_OK, NULL, "%s", checks[i].fine);
        else if (unseen)
            doctor_found(doctor, DOCTOR_NOTE, NULL, "not looked at: there is no connection");
    }
}

size_t doctor_wrong(const Doctor *doctor) {
    size_t wrong = 0;
    for (size_t i = 0; i < doctor->count; i++)
        wrong += doctor->finding[i].level == DOCTOR_WRONG;
    return wrong;
}
