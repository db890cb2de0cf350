/* exec CONNINFO N: N times an INSERT with two parameters by PQexecParams, in one transaction: what
 * db:exec in a loop is measured against. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static void must(PGresult *result, PGconn *conn) {
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "exec: %s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 64;
    PGconn *conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK) {
        fprintf(stderr, "exec: %s", PQerrorMessage(conn));
        return 1;
    }
    must(PQexec(conn, "BEGIN"), conn);
    must(PQexec(conn, "CREATE TABLE loop (n bigint, name text)"), conn);
    long count = atol(argv[2]);
    for (long i = 1; i <= count; i++) {
        char number[32], name[32];
        snprintf(number, sizeof number, "%ld", i);
        snprintf(name, sizeof name, "name %ld", i);
        const char *values[] = {number, name};
        must(PQexecParams(conn, "INSERT INTO loop VALUES ($1, $2)", 2, NULL, values, NULL, NULL, 0),
             conn);
    }
    must(PQexec(conn, "COMMIT"), conn);
    PQfinish(conn);
    return 0;
}
