/* Hints for errors whose text is fixed: Python's and PyTorch's messages are kept word for word, so
 * what to do about them is said in a line of its own. */
#ifndef NNC_FRONTEND_ADVICE_H
#define NNC_FRONTEND_ADVICE_H

#include <stdbool.h>

/* NULL when there is nothing to add to the message. */
const char *advice_for(const char *message, bool compiling);
/* What to use instead of a well-known module that nnc does not have; NULL: nothing special. */
const char *advice_for_module(const char *name);

#endif
