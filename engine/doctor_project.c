#include "doctor.h"

#include "binaries.h"
#include "client.h"
#include "fail.h"
#include "file.h"
#include "session.h"
#include "text.h"

#include <string.h>

void doctor_config(Doctor *doctor) {
    const Config *config = doctor->config;
    const char *key = config->direct_url ? "direct_url" : "url";
    doctor_found(doctor, DOCTOR_OK, NULL, "%s, environment %s%s, %s from %s",
                 config->file ? config->file : "no config.ini", config->environment,
                 config->is_protected ? " (protected)" : "", key, config_source(config, key));
}

void doctor_scripts(Doctor *doctor) {
    if (doctor->config->unsafe_lua)
        doctor_found(doctor, DOCTOR_NOTE, "unsafe_lua = no in config.ini",
                     "scripts may read files and start programs: unsafe_lua is on (%s)",
                     config_source(doctor->config, "unsafe_lua"));
}

/* A role that the session cannot become, in the words of who can change that. */
static const char *mend_of(const Doctor *doctor) {
    const char *state = failure()->sqlstate, *role = doctor->config->role;
    const char *hint = failure()->hint ? failure()->hint : failure()->next;
    if (role && text_same(state, "42501"))
        return arena_format(doctor->arena, "GRANT \"%s\" TO the role of the URL", role);
    if (role && text_same(state, "22023"))
        return arena_format(doctor->arena, "CREATE ROLE \"%s\"", role);
    return arena_string(doctor->arena, hint);
}

static void tell_pooler(Doctor *doctor) {
    Pg *pg = doctor->run.pg;
    const char *place = session_place(doctor->arena, pg);
    bool direct = pg_is_direct(pg);
    doctor_found(doctor, direct ? DOCTOR_OK : DOCTOR_NOTE,
                 direct ? NULL : "direct_url = the server itself", "%s, %s", place,
                 direct ? "directly" : "through a pooler, one server session to ourselves");
}

void doctor_connection(Doctor *doctor) {
    Run *run = &doctor->run;
    run->pg = session_open(doctor->arena, doctor->config, "doctor", SESSION_MUST_EXIST);
    if (run->pg) {
        tell_pooler(doctor);
        return;
    }
    bool missing = text_same(failure()->sqlstate, "3D000") && !doctor->config->is_protected;
    const char *mend = mend_of(doctor);
    const char *message = arena_string(doctor->arena, failure()->message);
    fail_clear();
    doctor_found(doctor, missing ? DOCTOR_NOTE : DOCTOR_WRONG, mend, "%s", message);
}

void doctor_tools(Doctor *doctor) {
    static const char *const programs[] = {"psql", "pg_dump"};
    int server = doctor->run.pg ? pg_version(doctor->run.pg) / 10000 : 0;
    BinariesWanted wanted = {doctor->config->server_bin, doctor->config->folder, server};
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        const char *folder = binaries_folder(doctor->arena, &wanted, programs[i]);
        int major =
            folder ? client_major(doctor->arena, file_join(doctor->arena, folder, programs[i])) : 0;
        if (!folder)
            doctor_found_failure(doctor, DOCTOR_NOTE);
        else if (i == 1 && major && major < server)
            doctor_found(
                doctor, DOCTOR_NOTE,
                arena_format(doctor->arena, "sudo apt-get install postgresql-client-%d", server),
                "pg_dump is of version %d and cannot dump the server's %d (%s)", major, server,
                folder);
        else
            doctor_found(doctor, DOCTOR_OK, NULL, "%s %d in %s", programs[i], major, folder);
    }
}
