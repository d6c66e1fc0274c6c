/* Reading items. Elements are converted one by one through double (or int64 for integers), so that
 * every format and type goes the same way. */
#include "runtime/items.h"

#include "runtime/resize.h"

/* The bytes that were read to recognize the format, then the file. */
static size_t items_filter(void *user, void *out, size_t size) {
    NnItems *items = user;
    size_t head = items->head_size - items->head_used;
    if (head > size) head = size;
    memcpy(out, items->head + items->head_used, head);
    items->head_used += head;
    if (head == size) return head;
    return head + fread((unsigned char *)out + head, 1, size - head, items->file);
}

/* Elements of an item of the network's input: what follows its first dimension. */
static int64_t items_numel(const NnTensor *input) {
    int64_t numel = 1;
    for (int i = 1; i < input->rank; i++)
        numel *= input->dim[i];
    return numel;
}

/* The file's shape is the input's but for the first dimension (which may be missing for a single
 * item), dimensions of one element aside. */
static bool items_shape_fits(const NnItems *items, int rank, const int64_t *dims, int64_t *count) {
    const NnTensor *input = items->input;
    int64_t want[NN_MAX_RANK], got[NN_MAX_RANK];
    for (int lead = 1; lead >= 0; lead--) {
        int wants = 0, gots = 0;
        if (rank < lead) continue;
        for (int i = 1; i < input->rank; i++) {
            if (input->dim[i] != 1) want[wants++] = input->dim[i];
        }
        for (int i = lead; i < rank; i++) {
            if (dims[i] != 1) got[gots++] = dims[i];
        }
        bool same = wants == gots;
        for (int i = 0; same && i < wants; i++)
            same = want[i] == got[i];
        *count = lead ? dims[0] : 1;
        if (same) return true;
    }
    return false;
}

static bool items_shape_error(const NnItems *items, int rank, const int64_t *dims, NnError *error) {
    char want[96] = "", got[96] = "";
    size_t used = 0;
    for (int i = 0; i < items->input->rank && used < sizeof want; i++) {
        used += (size_t)snprintf(want + used, sizeof want - used, "%s%lld", i ? "," : "",
                                 (long long)items->input->dim[i]);
    }
    used = 0;
    for (int i = 0; i < rank && used < sizeof got; i++) {
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%lld", i ? "," : "",
                                 (long long)dims[i]);
    }
    return nn_fail(error, "its shape is [%s], the network's input is [%s]", got, want);
}

static bool items_open_npy(NnItems *items, NnError *error) {
    NnNpy npy;
    if (!nn_npy_header(&items->bytes, &npy, error)) return false;
    if (npy.fortran_order && npy.rank > 1) {
        return nn_fail(error, "a .npy array in Fortran order: save it with order='C'");
    }
    items->dtype = npy.dtype;
    items->swapped = npy.swapped;
    items->elements = items_numel(items->input);
    return items_shape_fits(items, npy.rank, npy.dim, &items->count) ||
           items_shape_error(items, npy.rank, npy.dim, error);
}

/* Pixels of a line buffer: it holds a row of the file or a column of the network. */
static int64_t items_line(const NnItems *items) {
    int64_t height = items->input->dim[items->input->rank - 2];
    return items->width > height ? items->width : height;
}

/* Images [n, h, w] for inputs [b, (1,) H, W]: padded or resized. */
static bool items_fit_image(NnItems *items, NnItemFit fit, NnError *error) {
    const NnIdx *idx = &items->idx;
    const NnTensor *input = items->input;
    int rank = input->rank;
    bool image = idx->rank == 3 && rank >= 3;
    for (int i = 1; image && i < rank - 2; i++)
        image = input->dim[i] == 1;
    image = image && input->dim[rank - 2] > 0 && input->dim[rank - 1] > 0;
    if (!image || idx->elements == 0) return items_shape_error(items, idx->rank, idx->dim, error);
    items->count = idx->dim[0];
    items->height = idx->dim[1];
    items->width = idx->dim[2];
    int64_t full_height = input->dim[rank - 2], full_width = input->dim[rank - 1];
    bool larger = items->height > full_height || items->width > full_width;
    items->resized = larger || fit == NN_FIT_RESIZE;
    int64_t room = NN_ITEMS_PIXELS - items_line(items);
    if (!items->resized || (room > 0 && items->height <= room / full_width)) return true;
    return nn_fail(error, "images of %lldx%lld are too large to be resized to %lldx%lld",
                   (long long)items->height, (long long)items->width, (long long)full_height,
                   (long long)full_width);
}

static bool items_open_idx(NnItems *items, NnItemFit fit, NnError *error) {
    NnIdx *idx = &items->idx;
    if (!nn_idx_header(&items->bytes, idx, error)) return false;
    items->elements = idx->elements;
    items->element_size = idx->item;
    items->dtype = idx->type == 0x0E ? NN_F64 : idx->type == 0x0D ? NN_F32 : NN_I32;
    if (idx->type == 0x08) items->dtype = NN_U8;
    return items_shape_fits(items, idx->rank, idx->dim, &items->count) ||
           items_fit_image(items, fit, error);
}

static NnItemFormat items_recognize(const NnItems *items) {
    static const unsigned char npy[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    const unsigned char *head = items->head;
    if (items->head_size == 6 && memcmp(head, npy, 6) == 0) return NN_FORMAT_NPY;
    bool packed = items->head_size >= 3 && head[0] == 0x1F && head[1] == 0x8B && head[2] == 8;
    bool idx = items->head_size >= 4 && head[0] == 0 && head[1] == 0 && head[2] >= 8 &&
               head[2] <= 0x0E && head[3] >= 1 && head[3] <= NN_MAX_RANK;
    return packed || idx ? NN_FORMAT_IDX : NN_FORMAT_RAW;
}

static bool items_open_format(NnItems *items, NnItemFit fit, NnError *error) {
    bool packed = items->head_size >= 2 && items->head[0] == 0x1F && items->head[1] == 0x8B;
    items->bytes = items->raw;
    if (packed && items->format != NN_FORMAT_RAW) {
        if (!nn_inflate_open(&items->inflate, &items->raw, error)) return false;
        items->bytes = (NnInput){.filter = nn_inflate_read, .user = &items->inflate};
    }
    items->dtype = items->input->dtype;
    items->count = -1;
    items->elements = items_numel(items->input);
    if (items->format == NN_FORMAT_NPY && !items_open_npy(items, error)) return false;
    if (items->format == NN_FORMAT_IDX) return items_open_idx(items, fit, error);
    items->element_size = nn_dtype_size(items->dtype);
    return true;
}

NN_API bool nn_items_open(NnItems *items, const char *path, NnItemFormat format, NnItemFit fit,
                          const NnTensor *input, double scale, NnError *error) {
    memset(items, 0, offsetof(NnItems, inflate));
    items->height = items->width = 0;
    items->resized = items->swapped = false;
    items->input = input;
    items->scale = scale;
    items->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!items->file) return nn_fail(error, "%.200s can't be opened", path);
    items->head_size = fread(items->head, 1, sizeof items->head, items->file);
    items->raw = (NnInput){.filter = items_filter, .user = items};
    items->format = format == NN_FORMAT_AUTO ? items_recognize(items) : format;
    bool ok = items_open_format(items, fit, error);
    if (ok && nn_is_float(items->dtype) && !nn_is_float(input->dtype)) {
        ok = nn_fail(error, "the file has floats, the network's input integers");
    }
    if (!ok) nn_items_close(items);
    return ok;
}

NN_API void nn_items_close(NnItems *items) {
    if (items->file && items->file != stdin) fclose(items->file);
    items->file = NULL;
}

/* An element of the file, in both forms; the one that fits the network's input is used. */
static void items_decode(const NnItems *items, unsigned char *bytes, double *number,
                         int64_t *whole) {
    if (items->format == NN_FORMAT_IDX) {
        *number = nn_idx_value(&items->idx, bytes);
        *whole = nn_is_float(items->dtype) ? 0 : (int64_t)*number;
        return;
    }
    for (size_t i = 0; items->swapped && i < items->element_size / 2; i++) {
        unsigned char swap = bytes[i];
        bytes[i] = bytes[items->element_size - 1 - i];
        bytes[items->element_size - 1 - i] = swap;
    }
    int32_t small;
    *whole = bytes[0];
    switch (items->dtype) {
    case NN_BOOL:
        *whole = bytes[0] != 0;
        break;
    case NN_U8:
        break;
    case NN_I32:
        memcpy(&small, bytes, sizeof small);
        *whole = small;
        break;
    case NN_I64:
        memcpy(whole, bytes, sizeof *whole);
        break;
    case NN_F16:
    case NN_BF16:
    case NN_F32:
    case NN_F64:
        *number = nn_load_float(items->dtype, bytes);
        return;
    }
    *number = (double)*whole;
}

static void items_store(const NnItems *items, void *out, int64_t index, double number,
                        int64_t whole) {
    if (items->dtype == NN_U8) number *= items->scale;
    switch (items->input->dtype) {
    case NN_BOOL:
        ((unsigned char *)out)[index] = whole != 0;
        break;
    case NN_U8:
        ((unsigned char *)out)[index] = (unsigned char)whole;
        break;
    case NN_I32:
        ((int32_t *)out)[index] = (int32_t)whole;
        break;
    case NN_I64:
        ((int64_t *)out)[index] = whole;
        break;
    case NN_F16:
    case NN_BF16:
    case NN_F32:
    case NN_F64:
        nn_store_float(items->input->dtype,
                       (unsigned char *)out + (size_t)index * nn_dtype_size(items->input->dtype),
                       number);
        break;
    }
}

/* Takes the element of an image that is resized: rows when they are complete, columns at the end.
 */
static void items_resize(NnItems *items, void *out, int64_t i, double number) {
    const NnTensor *input = items->input;
    int64_t full_height = input->dim[input->rank - 2], full_width = input->dim[input->rank - 1];
    bool bytes = items->dtype == NN_U8;
    double *line = items->pixels, *rows = line + items_line(items);
    int64_t x = i % items->width;
    line[x] = number;
    if (x == items->width - 1) {
        double *row = rows + i / items->width * full_width;
        nn_resize_line(line, items->width, 1, row, full_width, 1, bytes);
    }
    if (i < items->elements - 1) return;
    for (x = 0; x < full_width; x++) {
        nn_resize_line(rows + x, items->height, full_width, line, full_height, 1, bytes);
        for (int64_t y = 0; y < full_height; y++) {
            double half = line[y] < 0 ? -0.5 : 0.5;
            items_store(items, out, y * full_width + x, line[y], (int64_t)(line[y] + half));
        }
    }
}

/* Where element i of the file's item goes: into the middle of a larger image. */
static int64_t items_target(const NnItems *items, int64_t i) {
    if (items->height == 0) return i;
    const NnTensor *input = items->input;
    int64_t full_height = input->dim[input->rank - 2], full_width = input->dim[input->rank - 1];
    int64_t y = i / items->width + (full_height - items->height) / 2;
    return y * full_width + i % items->width + (full_width - items->width) / 2;
}

NN_API bool nn_items_next(NnItems *items, void *out, bool *end, NnError *error) {
    unsigned char bytes[8];
    *end = items->count == 0;
    if (*end) return false;
    if (items->height > 0 && out) {
        memset(out, 0, (size_t)items_numel(items->input) * nn_dtype_size(items->input->dtype));
    }
    for (int64_t i = 0; i < items->elements; i++) {
        size_t got = nn_input_read(&items->bytes, bytes, items->element_size);
        if (got == 0 && i == 0 && items->count < 0) {
            *end = true;
            return false;
        }
        if (got != items->element_size) return nn_fail(error, "it ends within an item");
        double number = 0;
        int64_t whole = 0;
        if (!out) continue;
        items_decode(items, bytes, &number, &whole);
        if (items->resized)
            items_resize(items, out, i, number);
        else
            items_store(items, out, items_target(items, i), number, whole);
    }
    if (items->count > 0) items->count--;
    return true;
}

NN_API bool nn_items_skip(NnItems *items, bool *end, NnError *error) {
    return nn_items_next(items, NULL, end, error);
}
