/* limit apply|look|nothing CONNINFO FOLDER: what libpq alone can do, as a yardstick.
 * apply: each *.sql of the folder as one message, with its row in a ledger of two columns, in one
 *        implicit transaction; one after the other.
 * look:  connects, reads that ledger, reads the folder's names, compares.
 * nothing: does nothing; linked with what stint is linked with, it is what starting costs. */
#include <dirent.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int is_sql(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return n > 4 && strcmp(entry->d_name + n - 4, ".sql") == 0;
}

static void must(PGconn *conn, const char *sql) {
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "limit: %s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
}

static void apply_file(PGconn *conn, const char *folder, const char *name) {
    static char text[1 << 20];
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    size_t n = fread(text, 1, sizeof text - 200, file);
    fclose(file);
    snprintf(text + n, sizeof text - n, "; INSERT INTO ledger VALUES ('%s', now());", name);
    must(conn, text);
}

static int look(PGconn *conn, struct dirent **entry, int count) {
    PGresult *result = PQexec(conn, "SELECT name FROM ledger ORDER BY name");
    int missing = 0, at = 0, rows = PQntuples(result);
    for (int i = 0; i < count; i++) {
        while (at < rows && strcmp(PQgetvalue(result, at, 0), entry[i]->d_name) < 0)
            at++;
        missing += at == rows || strcmp(PQgetvalue(result, at, 0), entry[i]->d_name) != 0;
    }
    PQclear(result);
    return missing != 0;
}

int main(int argc, char **argv) {
    struct dirent **entry;
    if (argc < 2 || strcmp(argv[1], "nothing") == 0)
        return 0;
    PGconn *conn = PQconnectdb(argv[2]);
    int count = scandir(argv[3], &entry, is_sql, alphasort), code = 0;
    if (PQstatus(conn) != CONNECTION_OK || count < 0) {
        fprintf(stderr, "limit: %s", PQerrorMessage(conn));
        return 1;
    }
    if (strcmp(argv[1], "apply") == 0) {
        must(conn, "CREATE TABLE ledger (name text PRIMARY KEY, at timestamptz)");
        for (int i = 0; i < count; i++)
            apply_file(conn, argv[3], entry[i]->d_name);
    } else
        code = look(conn, entry, count);
    PQfinish(conn);
    return code;
}
