/* forecast: what `stint backfill NAME --sample ROWS` says: an estimate as people and programs see
 * it. Refuses to know how it is made. */
#ifndef FORECAST_H
#define FORECAST_H

#include "command.h"

bool forecast_sample(Call *call);

#endif
