#include "cli.h"

#include "backup.h"
#include "fail.h"
#include "json.h"
#include "progress.h"

static void print_json(const Call *call, const Backup *backup) {
    Json *json = archive_json(call->arena, &backup->archive);
    Json *removed = json_new_list(call->arena);
    for (size_t i = 0; i < backup->removed.count; i++)
        json_append_text(removed, backup->removed.at[i]);
    json_set_flag(json, "read_back", true);
    json_set_flag(json, "recorded", backup->id != 0);
    json_set_flag(json, "proven", backup->care == BACKUP_PROVEN);
    json_set(json, "removed", removed);
    puts(json_text(json));
}

static void print(const Call *call, const Backup *backup) {
    const Archive *archive = &backup->archive;
    printf("backup   %s\n", archive->path);
    printf("  %s of %s: %s bytes, %lld tables, up to %s\n", archive_format(archive->format),
           archive->database, progress_number(call->arena, archive->bytes), archive->tables,
           archive->last ? archive->last : "no migration");
    printf("  sha256 %s\n", archive->checksum);
    printf("  read back%s%s\n", backup->id ? ", in the ledger" : "",
           backup->care == BACKUP_PROVEN ? ", proven: restored, and every row counted" : "");
    for (size_t i = 0; i < backup->removed.count; i++)
        printf("removed  %s\n", backup->removed.at[i]);
}

static bool read_wanted(const Call *call, BackupWanted *out) {
    const char *format = option_value(&call->given, "format");
    const char *to = option_value(&call->given, "to");
    long jobs;
    *out = (BackupWanted){.folder = to && *to ? to : "backups",
                          .jobs = option_value(&call->given, "jobs"),
                          .care = option_given(&call->given, "prove") ? BACKUP_PROVEN
                                                                      : BACKUP_READ_BACK};
    if (format && !archive_read_format(format, &out->format))
        return false;
    if (!out->jobs)
        return true;
    if (out->format != ARCHIVE_DIRECTORY)
        return fail(FAIL_USAGE, "--jobs goes with --format directory alone");
    return option_count(&call->given, "jobs", 0, &jobs);
}

static bool run(Call *call) {
    BackupWanted wanted;
    Backup backup;
    if (!read_wanted(call, &wanted))
        return false;
    bool ok = backup_make(call->arena, call->config, &wanted, &backup);
    if (!backup.archive.checksum)
        return false;
    if (call->json)
        print_json(call, &backup);
    else
        print(call, &backup);
    return ok;
}

static const Option options[] = {
    {"format", 0, "FORMAT", "custom (the default), directory or plain (SQL)"},
    {"to", 0, "DIR", "the folder that it goes to (backups)"},
    {"jobs", 'j', "N", "for the directory format: so many connections at once"},
    {"prove", 0, NULL, "restore it on the scratch server and compare the rows of every table"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_backup = {
    .name = "backup",
    .usage = "[--format FORMAT] [--to DIR] [--jobs N] [--prove] [--keep N]",
    .about = "dump the database, read the dump back, write it down",
    .help =
        "Runs the server's own pg_dump, reads what it wrote to its end, and enters it in the\n"
        "ledger with its SHA-256; a note FILE.json lies beside it. Schemas in keep_schemas are\n"
        "left out. Of this environment's backups in that folder the newest `keep` stay (7;\n"
        "0: all); what Stint did not make is never removed.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .options = options,
    .run = run,
};
