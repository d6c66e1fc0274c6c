/* The .npy reader on any bytes. */
#include "runtime/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned char out[4096];
    NnError error;
    NnNpy npy;
    NnInput input = {.data = data, .size = size};
    if (!nn_npy_header(&input, &npy, &error)) return 0;
    uint64_t bytes = nn_dtype_size(npy.dtype);
    for (int i = 0; i < npy.rank; i++)
        bytes *= (uint64_t)npy.dim[i];
    if (bytes <= sizeof out) nn_npy_read(&input, &npy, out, (size_t)bytes, &error);
    return 0;
}
