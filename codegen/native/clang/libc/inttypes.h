/* Formats of the sized integers, as clang's own macros for the target say. */
#ifndef NNC_INTTYPES_H
#define NNC_INTTYPES_H

#include <stdint.h>

#define PRId32 __INT32_FMTd__
#define PRIi32 __INT32_FMTi__
#define PRIu32 __UINT32_FMTu__
#define PRIx32 __UINT32_FMTx__
#define PRId64 __INT64_FMTd__
#define PRIi64 __INT64_FMTi__
#define PRIu64 __UINT64_FMTu__
#define PRIx64 __UINT64_FMTx__

#endif
