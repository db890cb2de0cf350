/* prove: restores a backup on the scratch server, and compares the rows of every table with what
 * was counted when it was made. Refuses to touch the database that it is of. */
#ifndef PROVE_H
#define PROVE_H

#include "backup.h"

bool prove_backup(Arena *a, const Config *config, const Client *client, const Backup *backup);

#endif
