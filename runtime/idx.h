/* IDX files: the format of MNIST's images and labels, plain or as .gz.
 *
 * Two zero bytes, an element type, a rank, big-endian dimensions, the elements. */
#ifndef NN_IDX_H
#define NN_IDX_H

#include "runtime/inflate.h"

typedef struct NnIdx {
    unsigned char type; /* 0x08 u8, 0x09 i8, 0x0B i16, 0x0C i32, 0x0D f32, 0x0E f64 */
    int rank;           /* at least 1 */
    int64_t dim[NN_MAX_RANK];
    size_t item;      /* bytes of an element */
    int64_t elements; /* of each entry of the first dimension */
} NnIdx;

/* Reads and checks the header; on success the input stands at the first element. The size in bytes
 * of the whole array is below 2^62. */
NN_API bool nn_idx_header(NnInput *input, NnIdx *idx, NnError *error);
/* One element, from its bytes in the file. */
NN_API double nn_idx_value(const NnIdx *idx, const unsigned char *bytes);

/* A file opened for reading entry by entry. Not to be moved while open. */
typedef struct NnIdxFile {
    NnIdx header;
    NnInput input, raw;
    NnInflate inflate;
} NnIdxFile;

/* Opens `path`, decompressing when it starts as a .gz file. For a plain file the size is checked
 * against the header at once. */
NN_API bool nn_idx_open(NnIdxFile *file, const char *path, NnError *error);
/* Reads the next entries of the first dimension, elements of type u8 only. */
NN_API bool nn_idx_read_u8(NnIdxFile *file, unsigned char *out, int64_t entries, NnError *error);
NN_API void nn_idx_close(NnIdxFile *file);

#endif
