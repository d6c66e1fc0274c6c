/* The safetensors reader on any bytes: a table of four tensors, and the open-ended header scan. */
#include "runtime/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool visit(void *user, const NnEntry *entry, NnError *error) {
    (void)error;
    *(size_t *)user += strlen(entry->name) + strlen(entry->type) + (size_t)entry->rank;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const NnTensor table[] = {{"a", NN_F32, 1, {2}, 0},
                                     {"b", NN_F32, 1, {1}, 8},
                                     {"c", NN_BOOL, 1, {4}, 12},
                                     {"d", NN_I64, 0, {0}, 16}};
    unsigned char out[24];
    NnRange ranges[4];
    NnError error;
    for (int rows = 0; rows <= 4; rows++)
        nn_safetensors_parse(data, size, out, table, rows, ranges, &error);
    NnInput input = {.data = data, .size = size};
    uint64_t data_size;
    size_t seen = 0;
    nn_safetensors_header(&input, size, visit, &seen, &data_size, &error);
    return 0;
}
