/* NumPy's .npy files: reading arrays of the six element types, writing them.
 *
 * The magic "\x93NUMPY", a version, a header size, and a header that is the text of a Python dict
 * with 'descr', 'fortran_order' and 'shape'; then the elements. */
#ifndef NN_NPY_H
#define NN_NPY_H

#include "runtime/base.h"

typedef struct NnNpy {
    NnDType dtype;
    bool swapped;       /* big-endian */
    bool fortran_order; /* the first dimension varies fastest */
    int rank;
    int64_t dim[NN_MAX_RANK];
} NnNpy;

/* Reads and checks the header; on success the input stands at the first element. The size in bytes
 * of the whole array is below 2^62. */
NN_API bool nn_npy_header(NnInput *input, NnNpy *npy, NnError *error);
/* Reads all elements into `out`, row-major and in the machine's order whatever the file's. `size`
 * is the room in bytes and must be what the shape needs. */
NN_API bool nn_npy_read(NnInput *input, const NnNpy *npy, void *out, size_t size, NnError *error);
NN_API bool nn_npy_write(FILE *file, NnDType dtype, int rank, const int64_t *dims,
                         const void *data);

#endif
