/* The names of the precision classes. */
#include "ir/precision.h"

#include <string.h>

static const char *const names[PRECISION_COUNT] = {"highest", "strict", "high", "medium"};

const char *precision_name(Precision precision) {
    return names[precision];
}

bool precision_from_name(const char *name, Precision *out) {
    for (int i = 0; i < PRECISION_COUNT; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = (Precision)i;
        return true;
    }
    return false;
}
