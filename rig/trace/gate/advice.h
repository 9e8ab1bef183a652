/* What to do about an unexpected exception, in one line. */
#ifndef RIG_GATE_ADVICE_H
#define RIG_GATE_ADVICE_H

#include "sites.h"

/* A hint for the site; never NULL. */
const char *site_advice(const struct site *site);

#endif
