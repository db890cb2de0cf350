/* server: the processes of a private PostgreSQL: made, started, stopped, found again. It is found
 * by its data folder, never by a process number alone. The caller holds the cluster's lock.
 * Refuses to know where clusters live and whose they are. */
#ifndef SERVER_H
#define SERVER_H

#include "arena.h"
#include "cluster.h"

#include <sys/types.h>

#define SERVER_SUPERUSER "postgres"
#define SERVER_PORT "5432" /* only a part of the socket's name: nothing listens on a port */
#define SERVER_SOCKET ".s.PGSQL." SERVER_PORT

/* The major version of what is in the data folder; 0 if it holds no database. */
int server_major(const Cluster *cluster);
/* 0 if it does not run; a pid file that was left behind does not count. */
pid_t server_pid(const Cluster *cluster);
/* Has its socket been swept away with the rest of /tmp? */
bool server_is_deaf(const Cluster *cluster);

/* initdb. `home` must exist. */
bool server_make(Arena *a, const Cluster *cluster);
/* Waits until connections are taken. FAIL_CONNECT with the last lines of its log. */
bool server_start(Arena *a, const Cluster *cluster);
/* Open sessions are ended, and their transactions rolled back. */
bool server_stop(Arena *a, const Cluster *cluster);

#endif
