/* The .npy reader and writer. The header is at most NPY_HEADER_MAX bytes and is parsed by a scanner
 * that accepts the three keys in any order and nothing else. Little-endian machines. */
#include "runtime/npy.h"

enum { NPY_HEADER_MAX = 4096 };

typedef struct NpyScanner {
    const char *at;
    NnError *error;
} NpyScanner;

static void npy_space(NpyScanner *scanner) {
    while (*scanner->at == ' ' || *scanner->at == '\n' || *scanner->at == '\t')
        scanner->at++;
}

static bool npy_accept(NpyScanner *scanner, const char *text) {
    npy_space(scanner);
    size_t size = strlen(text);
    if (strncmp(scanner->at, text, size) != 0) return false;
    scanner->at += size;
    return true;
}

static bool npy_string(NpyScanner *scanner, char *out, size_t capacity) {
    npy_space(scanner);
    char quote = *scanner->at;
    size_t size = 0;
    if (quote != '\'' && quote != '"') return nn_fail(scanner->error, "a broken .npy header");
    for (scanner->at++; *scanner->at != quote; scanner->at++) {
        if (*scanner->at == '\0' || size + 1 >= capacity) {
            return nn_fail(scanner->error, "a broken .npy header");
        }
        out[size++] = *scanner->at;
    }
    scanner->at++;
    out[size] = '\0';
    return true;
}

static bool npy_descr(NpyScanner *scanner, NnNpy *npy) {
    static const struct {
        const char *name;
        NnDType dtype;
    } types[] = {{"b1", NN_BOOL}, {"u1", NN_U8},  {"i4", NN_I32}, {"i8", NN_I64},
                 {"f2", NN_F16},  {"f4", NN_F32}, {"f8", NN_F64}};
    char text[16];
    npy_space(scanner);
    if (*scanner->at == '[') {
        return nn_fail(scanner->error, "records in a .npy file are not supported");
    }
    if (!npy_string(scanner, text, sizeof text)) return false;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (text[0] == '\0' || strcmp(text + 1, types[i].name) != 0) continue;
        if (!strchr("<>|=", text[0])) break;
        npy->dtype = types[i].dtype;
        npy->swapped = text[0] == '>' && nn_dtype_size(npy->dtype) > 1;
        return true;
    }
    return nn_fail(scanner->error, "the .npy file's elements are '%s': not supported", text);
}

static bool npy_shape(NpyScanner *scanner, NnNpy *npy) {
    if (!npy_accept(scanner, "(")) return nn_fail(scanner->error, "a broken .npy header");
    npy->rank = 0;
    while (!npy_accept(scanner, ")")) {
        int64_t dim = 0;
        npy_space(scanner);
        if (*scanner->at < '0' || *scanner->at > '9') {
            return nn_fail(scanner->error, "a broken shape in the .npy header");
        }
        for (; *scanner->at >= '0' && *scanner->at <= '9'; scanner->at++) {
            int digit = *scanner->at - '0';
            if (dim > (INT64_MAX - digit) / 10) {
                return nn_fail(scanner->error, "the .npy shape is too large");
            }
            dim = dim * 10 + digit;
        }
        if (npy->rank == NN_MAX_RANK) {
            return nn_fail(scanner->error, "a .npy file with more than %d dimensions", NN_MAX_RANK);
        }
        npy->dim[npy->rank++] = dim;
        npy_accept(scanner, ",");
    }
    return true;
}

static bool npy_dict(NpyScanner *scanner, NnNpy *npy) {
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    unsigned seen = 0;
    if (!npy_accept(scanner, "{")) return nn_fail(scanner->error, "a broken .npy header");
    while (!npy_accept(scanner, "}")) {
        char key[16];
        unsigned field = 0;
        if (!npy_string(scanner, key, sizeof key)) return false;
        while (field < 3 && strcmp(key, keys[field]) != 0)
            field++;
        if (field == 3 || (seen & 1u << field) || !npy_accept(scanner, ":")) {
            return nn_fail(scanner->error, "a broken .npy header");
        }
        seen |= 1u << field;
        bool ok = true;
        if (field == 0) {
            ok = npy_descr(scanner, npy);
        } else if (field == 2) {
            ok = npy_shape(scanner, npy);
        } else {
            npy->fortran_order = npy_accept(scanner, "True");
            ok = npy->fortran_order || npy_accept(scanner, "False");
        }
        if (!ok) return field == 1 ? nn_fail(scanner->error, "a broken .npy header") : false;
        npy_accept(scanner, ",");
    }
    npy_space(scanner);
    return (seen == 7 && *scanner->at == '\0') || nn_fail(scanner->error, "a broken .npy header");
}

NN_API bool nn_npy_header(NnInput *input, NnNpy *npy, NnError *error) {
    unsigned char start[12];
    char header[NPY_HEADER_MAX + 1];
    memset(npy, 0, sizeof *npy);
    if (nn_input_read(input, start, 10) != 10 || memcmp(start, "\x93NUMPY", 6) != 0) {
        return nn_fail(error, "not a .npy file");
    }
    size_t size = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] < 1 || start[6] > 3) {
        return nn_fail(error, "a .npy file of version %d", start[6]);
    }
    if (start[6] > 1) {
        if (nn_input_read(input, start + 10, 2) != 2) return nn_fail(error, "truncated .npy file");
        size |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (size > NPY_HEADER_MAX) return nn_fail(error, "a .npy header of %zu bytes", size);
    if (nn_input_read(input, header, size) != size) return nn_fail(error, "truncated .npy file");
    header[size] = '\0';
    if (strlen(header) != size) return nn_fail(error, "a broken .npy header");
    NpyScanner scanner = {header, error};
    if (!npy_dict(&scanner, npy)) return false;
    uint64_t total = nn_dtype_size(npy->dtype), limit = (uint64_t)1 << 62;
    for (int i = 0; i < npy->rank; i++) {
        uint64_t dim = npy->dim[i] ? (uint64_t)npy->dim[i] : 1;
        if (total > limit / dim) return nn_fail(error, "the .npy shape is too large");
        total *= dim;
    }
    return true;
}

static void npy_swap(unsigned char *bytes, size_t item) {
    for (size_t i = 0; i < item / 2; i++) {
        unsigned char swap = bytes[i];
        bytes[i] = bytes[item - 1 - i];
        bytes[item - 1 - i] = swap;
    }
}

/* Where the file's element `index` belongs in row-major order. */
static int64_t npy_position(const NnNpy *npy, int64_t index) {
    if (!npy->fortran_order) return index;
    int64_t position = 0, strides[NN_MAX_RANK], stride = 1;
    for (int i = npy->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= npy->dim[i];
    }
    for (int i = 0; i < npy->rank; i++) {
        position += index % npy->dim[i] * strides[i];
        index /= npy->dim[i];
    }
    return position;
}

NN_API bool nn_npy_read(NnInput *input, const NnNpy *npy, void *out, size_t size, NnError *error) {
    unsigned char *bytes = out;
    size_t item = nn_dtype_size(npy->dtype);
    int64_t count = 1;
    for (int i = 0; i < npy->rank; i++)
        count *= npy->dim[i];
    if (size != (size_t)count * item) return nn_fail(error, "the .npy array has another size");
    if (!npy->fortran_order && !npy->swapped && npy->dtype != NN_BOOL) {
        return nn_input_read(input, out, size) == size ||
               nn_fail(error, "truncated: fewer elements than the .npy header promises");
    }
    for (int64_t i = 0; i < count; i++) {
        unsigned char *element = bytes + (size_t)npy_position(npy, i) * item;
        if (nn_input_read(input, element, item) != item) {
            return nn_fail(error, "truncated: fewer elements than the .npy header promises");
        }
        if (npy->swapped) npy_swap(element, item);
        if (npy->dtype == NN_BOOL) *element = *element != 0;
    }
    return true;
}

NN_API bool nn_npy_write(FILE *file, NnDType dtype, int rank, const int64_t *dims,
                         const void *data) {
    static const char *const types[] = {"|b1", "|u1", "<i4", "<i8", "<f2", "|V2", "<f4", "<f8"};
    char header[512];
    size_t bytes = nn_dtype_size(dtype);
    int used = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                        types[dtype]);
    for (int i = 0; i < rank; i++) {
        used += snprintf(header + used, sizeof header - (size_t)used, "%lld,%s", (long long)dims[i],
                         i + 1 < rank ? " " : "");
        bytes *= (size_t)dims[i];
    }
    used += snprintf(header + used, sizeof header - (size_t)used, "), }");
    int padded = (10 + used + 1 + 63) / 64 * 64 - 10; /* the data starts aligned */
    fwrite("\x93NUMPY\x01\x00", 1, 8, file);
    putc(padded & 0xFF, file);
    putc(padded >> 8, file);
    fwrite(header, 1, (size_t)used, file);
    for (int i = used; i < padded - 1; i++)
        putc(' ', file);
    putc('\n', file);
    fwrite(data, 1, bytes, file);
    return !ferror(file);
}
