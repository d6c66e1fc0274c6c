/* What was computed before, in files of the user's: $NNC_CACHE, else $XDG_CACHE_HOME/nnc, else
 * ~/.cache/nnc; NNC_CACHE=none goes without. A file holds its key, too, so that what is found is
 * what was asked for. Files may be removed at any time. */
#ifndef NNC_SUPPORT_CACHE_H
#define NNC_SUPPORT_CACHE_H

#include <stdbool.h>

#include "support/buf.h"

/* Appends the value that was kept with that key; false: there is none. */
bool cache_find(const Buf *key, Buf *value);
/* Where nothing can be written nothing is kept. */
void cache_keep(const Buf *key, const Buf *value);

#endif
