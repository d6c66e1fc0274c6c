/* The IDX reader. */
#include "runtime/idx.h"

static size_t idx_item_size(unsigned char type) {
    switch (type) {
    case 0x08:
    case 0x09:
        return 1;
    case 0x0B:
        return 2;
    case 0x0C:
    case 0x0D:
        return 4;
    case 0x0E:
        return 8;
    default:
        return 0;
    }
}

NN_API bool nn_idx_header(NnInput *input, NnIdx *idx, NnError *error) {
    unsigned char bytes[4];
    memset(idx, 0, sizeof *idx);
    if (nn_input_read(input, bytes, 4) != 4 || bytes[0] != 0 || bytes[1] != 0) {
        return nn_fail(error, "not an IDX file: it must start with two zero bytes");
    }
    idx->type = bytes[2];
    idx->item = idx_item_size(idx->type);
    idx->rank = bytes[3];
    if (idx->item == 0) return nn_fail(error, "not an IDX file: element type 0x%02x", bytes[2]);
    if (idx->rank < 1 || idx->rank > NN_MAX_RANK) {
        return nn_fail(error, "an IDX file with %d dimensions", idx->rank);
    }
    uint64_t total = idx->item, limit = (uint64_t)1 << 62;
    idx->elements = 1;
    for (int i = 0; i < idx->rank; i++) {
        if (nn_input_read(input, bytes, 4) != 4) {
            return nn_fail(error, "truncated: the IDX header is not all there");
        }
        uint64_t dim = (uint64_t)bytes[0] << 24 | (uint64_t)bytes[1] << 16 |
                       (uint64_t)bytes[2] << 8 | bytes[3];
        idx->dim[i] = (int64_t)dim;
        if (dim != 0 && total > limit / dim) return nn_fail(error, "the IDX shape is too large");
        total *= dim;
        if (total == 0) total = idx->item; /* later dimensions are bounded too */
        if (i > 0) idx->elements *= idx->dim[i];
    }
    return true;
}

NN_API double nn_idx_value(const NnIdx *idx, const unsigned char *bytes) {
    uint64_t bits = 0;
    for (size_t i = 0; i < idx->item; i++)
        bits = bits << 8 | bytes[i];
    uint32_t low = (uint32_t)bits;
    float single;
    double value;
    switch (idx->type) {
    case 0x08:
        return (double)bits;
    case 0x09:
        return bits < 0x80 ? (double)bits : (double)bits - 256.0;
    case 0x0B:
        return bits < 0x8000 ? (double)bits : (double)bits - 65536.0;
    case 0x0C:
        return bits < 0x80000000u ? (double)bits : (double)bits - 4294967296.0;
    case 0x0D:
        memcpy(&single, &low, sizeof single);
        return (double)single;
    default:
        memcpy(&value, &bits, sizeof value);
        return value;
    }
}

/* The bytes that the header promises, against those that the file has. */
static bool idx_check_size(NnIdxFile *file, NnError *error) {
    FILE *stream = file->raw.file;
    long here = ftell(stream);
    if (here < 0 || fseek(stream, 0, SEEK_END) != 0) return true; /* a pipe: found when reading */
    long end = ftell(stream);
    if (fseek(stream, here, SEEK_SET) != 0) return nn_fail(error, "the file can't be read");
    uint64_t want = (uint64_t)file->header.dim[0] * (uint64_t)file->header.elements *
                    (uint64_t)file->header.item;
    uint64_t got = (uint64_t)(end - here);
    return got == want || nn_fail(error, "%s: the header promises %llu bytes, the file has %llu",
                                  got < want ? "truncated" : "too long", (unsigned long long)want,
                                  (unsigned long long)got);
}

NN_API bool nn_idx_open(NnIdxFile *file, const char *path, NnError *error) {
    memset(&file->raw, 0, sizeof file->raw);
    file->raw.file = fopen(path, "rb");
    if (!file->raw.file) return nn_fail(error, "%.200s can't be opened", path);
    int first = getc(file->raw.file);
    rewind(file->raw.file);
    bool packed = first == 0x1F, ok = true;
    file->input = file->raw;
    if (packed) {
        ok = nn_inflate_open(&file->inflate, &file->raw, error);
        file->input = (NnInput){.filter = nn_inflate_read, .user = &file->inflate};
    }
    ok = ok && nn_idx_header(&file->input, &file->header, error);
    if (ok && !packed) ok = idx_check_size(file, error);
    if (!ok) nn_idx_close(file);
    return ok;
}

NN_API bool nn_idx_read_u8(NnIdxFile *file, unsigned char *out, int64_t entries, NnError *error) {
    if (file->header.type != 0x08) return nn_fail(error, "the IDX file's elements are not bytes");
    size_t size = (size_t)(entries * file->header.elements);
    if (nn_input_read(&file->input, out, size) != size ||
        (file->input.filter && file->inflate.failed)) {
        return nn_fail(error, "truncated or damaged: fewer bytes than the header promises");
    }
    return true;
}

NN_API void nn_idx_close(NnIdxFile *file) {
    if (file->raw.file) fclose(file->raw.file);
    file->raw.file = NULL;
}
