/* The IDX reader and the decompressor on any bytes. */
#include "runtime/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static NnInflate inflate;
    NnError error;
    NnIdx idx;
    unsigned char bytes[64];
    NnInput input = {.data = data, .size = size};
    if (nn_idx_header(&input, &idx, &error)) {
        while (nn_input_read(&input, bytes, idx.item) == idx.item)
            (void)nn_idx_value(&idx, bytes);
    }
    NnInput packed = {.data = data, .size = size};
    if (!nn_inflate_open(&inflate, &packed, &error)) return 0;
    NnInput inner = {.filter = nn_inflate_read, .user = &inflate};
    nn_idx_header(&inner, &idx, &error);
    size_t limit = 1u << 16; /* a small file may unpack to a large one */
    while (limit-- > 0 && nn_input_read(&inner, bytes, sizeof bytes) == sizeof bytes)
        continue;
    return 0;
}
