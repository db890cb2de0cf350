#include "cli.h"

#include "clock.h"
#include "doctor.h"
#include "facts.h"
#include "fail.h"
#include "json.h"
#include "log.h"
#include "report.h"

#include <string.h>
#include <unistd.h>

static void print_json(Call *call, const Doctor *doctor, const char *script) {
    Json *whole = json_new_map(call->arena), *list = json_new_list(call->arena);
    for (size_t i = 0; i < doctor->count; i++) {
        const DoctorFinding *finding = &doctor->finding[i];
        Json *json = json_new_map(call->arena);
        json_set_text(json, "name", finding->name);
        json_set_text(json, "level", doctor_level(finding->level));
        json_set_text(json, "message", finding->message);
        json_set_text(json, "mend", report_command(call->arena, finding->mend));
        json_append(list, json);
    }
    json_set(whole, "checks", list);
    if (script)
        json_set_text(whole, "sql", script);
    puts(fail_redacted(json_text(whole)));
}

static const char *color_of(DoctorLevel level) {
    static const char *const colors[] = {"\033[32m", "\033[33m", "\033[31m"};
    return colors[level];
}

static void print_text(Call *call, const Doctor *doctor) {
    bool color = report_is_colored(STDOUT_FILENO);
    size_t notes = 0;
    for (size_t i = 0; i < doctor->count; i++) {
        const DoctorFinding *finding = &doctor->finding[i];
        notes += finding->level == DOCTOR_NOTE;
        if (call->quiet && finding->level == DOCTOR_OK)
            continue;
        printf("%s%-5s%s  %-21s  %s\n", color ? color_of(finding->level) : "",
               doctor_level(finding->level), color ? "\033[0m" : "", finding->name,
               fail_redacted(finding->message));
        if (finding->mend)
            printf("                              -> %s\n",
                   fail_redacted(report_command(call->arena, finding->mend)));
    }
    printf("%zu wrong, %zu to note\n", doctor_wrong(doctor), notes);
}

static bool snapshot(Call *call, Doctor *doctor, const char *path) {
    Json *facts;
    Ledger ledger;
    if (!doctor->run.pg) {
        fail(FAIL_CONNECT, "no snapshot was written: there is no connection");
        return fail_hint("stint doctor says why");
    }
    if (!facts_read(call->arena, doctor->run.pg, call->config->ledger_schema, &facts) ||
        !ledger_read(doctor->run.pg, call->arena, call->config->ledger_schema, LEDGER_BRIEF,
                     &ledger))
        return false;
    facts_name_applied(call->arena, facts, &ledger);
    if (!facts_save(path, facts))
        return false;
    log_say("%s: facts of %zu relations", path, json_count(json_get(facts, "relations")));
    return true;
}

static bool read_roles(const Call *call, DoctorRoles *out) {
    bool grants = option_given(&call->given, "grants");
    for (size_t i = 0; i < DOCTOR_PARTS; i++) {
        out->name[i] = option_value(&call->given, doctor_part(i));
        if (out->name[i] && !grants)
            return fail(FAIL_USAGE, "--%s goes with --grants", doctor_part(i));
    }
    return true;
}

static bool tell_grants(Call *call, Doctor *doctor, const DoctorRoles *roles) {
    const char *script;
    if (!doctor_grants(doctor, roles, &script))
        return false;
    if (call->json)
        print_json(call, doctor, script);
    else
        printf("%s-- %zu wrong\n", fail_redacted(script), doctor_wrong(doctor));
    return true;
}

static void tell_all(Call *call, Doctor *doctor) {
    doctor_look(doctor);
    if (call->json)
        print_json(call, doctor, NULL);
    else
        print_text(call, doctor);
}

static bool doctor(Call *call) {
    Doctor doctor = {.arena = call->arena, .config = call->config, .old = -1};
    DoctorRoles roles;
    const char *old = option_value(&call->given, "old");
    const char *path = option_value(&call->given, "snapshot");
    doctor.run = (Run){.arena = call->arena, .config = call->config, .command = "doctor"};
    if (old && !clock_duration(old, &doctor.old)) {
        fail(FAIL_USAGE, "--old takes a duration, not %s", old);
        return fail_hint("such as 30s, 5m, 1h");
    }
    bool ok = read_roles(call, &roles);
    if (ok && option_given(&call->given, "grants"))
        ok = tell_grants(call, &doctor, &roles);
    else if (ok)
        tell_all(call, &doctor);
    call->exit_code = doctor_wrong(&doctor) ? FAIL_ERROR : 0;
    ok = ok && (!path || snapshot(call, &doctor, path));
    run_close(&doctor.run);
    return ok;
}

static const Option options[] = {
    {"old", 0, "TIME", "idle or prepared transactions older than this are wrong (5m and 1h)"},
    {"snapshot", 0, "FILE", "write what lint may know of the database: shapes and sizes, no rows"},
    {"grants", 0, NULL, "what each role needs on the ledger, as SQL; what is missing or too much"},
    {"owner", 0, "ROLE", "with --grants: gives the ledger to that role"},
    {"migrator", 0, "ROLE", "who runs up and deploy (stint_migrator)"},
    {"worker", 0, "ROLE", "who runs work (stint_worker)"},
    {"reader", 0, "ROLE", "who runs status (stint_reader)"},
    {"approver", 0, "ROLE", "who runs approve (stint_approver)"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_doctor = {
    .name = "doctor",
    .usage = "[--old TIME] [--snapshot FILE] | --grants [--owner|--migrator|--worker|--reader|"
             "--approver ROLE]",
    .about = "what is wrong, and the command that mends it",
    .help =
        "Looks at configuration, connection, rights, settings, indexes, locks, old\n"
        "transactions, the ledger and the files; changes nothing. Exits with 1 if something\n"
        "is wrong. --grants: stint doctor --grants | psql gives each role the least that it needs.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .options = options,
    .run = doctor,
};
