/* backup: dumps the environment's database with the server's own pg_dump, reads the dump back,
 * gives it its name, writes it down in the ledger, and lets older ones go. Refuses to know who
 * demands it. */
#ifndef BACKUP_H
#define BACKUP_H

#include "archive.h"
#include "client.h"
#include "config.h"
#include "script.h"

typedef enum { BACKUP_READ_BACK, BACKUP_PROVEN } BackupCare;

typedef struct {
    ArchiveFormat format;
    const char *folder; /* where it goes */
    const char *jobs;   /* for the directory format, or NULL */
    BackupCare care;    /* proven: restored on the scratch server, and its rows counted */
} BackupWanted;

/* What the same moment showed of each table. */
typedef struct {
    Strings table, count; /* its name; the statement that counts its rows */
    long long *rows;      /* NULL: not counted */
} BackupRows;

typedef struct {
    Archive archive;
    BackupRows rows;
    long long id; /* in the ledger; 0: it is not there yet */
    BackupCare care;
    Strings removed; /* older ones */
} Backup;

/* False: failed. Where `out->id` is set even so, the backup is there and in the ledger; where only
 * `out->archive.checksum` is, it is there, but not in the ledger. */
bool backup_make(Arena *a, const Config *config, const BackupWanted *wanted, Backup *out);

#endif
