/* config_protection: is the database that was chosen the one of another environment of config.ini,
 * which is protected? --url, STINT_URL and a variable with the wrong content lead there. Refuses to
 * connect. */
#ifndef CONFIG_PROTECTION_H
#define CONFIG_PROTECTION_H

#include "config.h"
#include "config_ini.h"
#include "dotenv.h"

/* Writes that environment's name into *config->protection. Two sections that are written with one
 * and the same URL are meant so. */
void config_protection(Arena *a, const Ini *ini, Dotenv *dotenv, const Config *config);

#endif
