/* Tensors and bytes: what the readers and writers of data files are written on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/tensor/tensor.h"
#include "runtime/idx.h"
#include "support/file.h"

#define CALL(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

static const Bytes *as_bytes(Value v) {
    return (const Bytes *)(const void *)v.o;
}

/* ---- bytes to tensors ---- */

/* _from_bytes(bytes, dtype, shape, offset=0): a tensor over a copy of what lies there. */
CALL(from_bytes_call) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Type type = {0};
    int64_t offset;
    if (!vm_args(vm, "_from_bytes", "data dtype shape offset?", args, nargs, kwnames, v) ||
        !arg_dtype(ts, v[1], &type.dtype) ||
        !arg_ints(ts, v[2], "shape", type.dim, MAX_RANK, &type.rank) ||
        !arg_int(ts, v[3], 0, &offset))
        return NULL_VALUE;
    if (!has_flag(v[0], CLASS_BYTES) || !type_valid(&type))
        return vm_raise(vm, EXC_ValueError, "a tensor's bytes or its shape are not valid");
    const Bytes *b = as_bytes(v[0]);
    size_t size = type_bytes(&type);
    if (offset < 0 || (uint64_t)offset > b->size || size > b->size - (size_t)offset)
        return vm_raise(vm, EXC_ValueError, "a tensor of %zu bytes lies outside its data", size);
    Buffer *buffer = buffer_new(ts, size);
    if (size) memcpy(buffer->bytes, b->data + offset, size);
    for (size_t i = 0; type.dtype == DT_BOOL && i < size; i++)
        buffer->bytes[i] = buffer->bytes[i] != 0;
    return tensor_from_buffer(ts, type, buffer);
}

/* _storage(x) -> (a number that tells storages apart, all elements of x's as a vector). */
CALL(storage_call) {
    TensorState *ts = tensor_state(vm);
    Tensor *x;
    if (!vm_args_simple(vm, "_storage", nargs, kwnames, 1, 1) ||
        !arg_tensor(ts, args[0], "_storage", &x))
        return NULL_VALUE;
    Storage *storage = x->var->storage;
    int64_t count = type_numel(&storage->type);
    LazyNode *node = storage_in_memory(ts, storage);
    Value vector = NULL_VALUE;
    if (node && need_value(ts, node, "saving"))
        vector = tensor_from_buffer(ts, type_make(storage->type.dtype, 1, &count),
                                    buffer_ref(node->value));
    if (node) lazy_unref(ts, node);
    if (is_null(vector)) return vector;
    return vm_pair(vm, from_int((int64_t)((uintptr_t)storage >> 4)), vector);
}

/* ---- parts: bytes, (bytes, offset, size), and tensors as their elements ---- */

typedef struct Part {
    const unsigned char *bytes;
    size_t size;
    Buffer *buffer; /* owned; NULL: bytes of the program */
} Part;

static bool part_of(TensorState *ts, Value v, Part *out) {
    *out = (Part){0};
    if (has_flag(v, CLASS_BYTES)) {
        out->bytes = as_bytes(v)->data;
        out->size = as_bytes(v)->size;
        return true;
    }
    const Value *items;
    size_t count;
    if (is_tuple(v) && vm_items(v, &items, &count) && count == 3 &&
        has_flag(items[0], CLASS_BYTES)) {
        const Bytes *b = as_bytes(items[0]);
        int64_t offset, size;
        if (!vm_to_index(ts->vm, items[1], &offset) || !vm_to_index(ts->vm, items[2], &size))
            return false;
        if (offset < 0 || size < 0 || offset > (int64_t)b->size ||
            size > (int64_t)b->size - offset) {
            vm_raise(ts->vm, EXC_ValueError, "a part lies outside its bytes");
            return false;
        }
        out->bytes = b->data + offset;
        out->size = (size_t)size;
        return true;
    }
    Tensor *x;
    if (!arg_tensor(ts, v, "saving", &x)) return false;
    out->buffer = tensor_buffer(ts, x, "saving");
    if (!out->buffer) return false;
    out->bytes = out->buffer->bytes;
    out->size = type_bytes(&x->type);
    return true;
}

static bool join_parts(TensorState *ts, Value list, Buf *out) {
    const Value *items;
    size_t count;
    if (!vm_items(list, &items, &count)) {
        vm_raise(ts->vm, EXC_TypeError, "a file is written from a list of parts");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        Part part;
        if (!part_of(ts, items[i], &part)) return false;
        buf_add(out, part.bytes, part.size);
        if (part.buffer) buffer_unref(ts, part.buffer);
    }
    return true;
}

/* _join_parts(parts) -> bytes */
CALL(join_parts_call) {
    Buf out = {0};
    if (!vm_args_simple(vm, "_join_parts", nargs, kwnames, 1, 1)) return NULL_VALUE;
    bool ok = join_parts(tensor_state(vm), args[0], &out);
    Value made = ok ? bytes_new(vm, buf_text(&out), out.size) : NULL_VALUE;
    buf_free(&out);
    return made;
}

/* _write_parts(path, parts): the file holds all of them or is as it was. Compiling writes none. */
CALL(write_parts_call) {
    Buf out = {0}, error = {0};
    if (!vm_args_simple(vm, "_write_parts", nargs, kwnames, 2, 2)) return NULL_VALUE;
    const char *path = vm_to_text(vm, args[0], "path");
    if (!path) return NULL_VALUE;
    if (vm->before_effect) vm->before_effect(vm);
    bool ok = !vm_failed(vm) && (vm->silent || join_parts(tensor_state(vm), args[1], &out));
    if (ok && !vm->silent && !file_write_durable(path, buf_text(&out), out.size, &error)) {
        vm_raise(vm, EXC_OSError, "%s", buf_text(&error));
        ok = false;
    }
    buf_free(&out);
    buf_free(&error);
    return ok ? NONE : NULL_VALUE;
}

/* The CRC-32 of zip and gzip, eight bytes at a time. */
typedef struct CrcTable {
    uint32_t of[8][256];
} CrcTable;

static void crc_table(CrcTable *table) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        table->of[0][i] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            table->of[k][i] = table->of[k - 1][i] >> 8 ^ table->of[0][table->of[k - 1][i] & 0xFF];
}

static uint32_t crc_of(const CrcTable *table, const unsigned char *bytes, size_t size) {
    uint32_t crc = ~0u;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        word ^= crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= table->of[7 - k][word >> (8 * k) & 0xFF];
    }
    for (; i < size; i++)
        crc = crc >> 8 ^ table->of[0][(crc ^ bytes[i]) & 0xFF];
    return ~crc;
}

/* _crc32(parts) -> a checksum for each */
CALL(crc32_call) {
    TensorState *ts = tensor_state(vm);
    const Value *items;
    size_t count;
    if (!vm_args_simple(vm, "_crc32", nargs, kwnames, 1, 1) || !vm_items(args[0], &items, &count))
        return vm_failed(vm) ? NULL_VALUE : vm_raise(vm, EXC_TypeError, "_crc32() takes a list");
    CrcTable *table = xmalloc(sizeof *table);
    crc_table(table);
    Value list = list_new(vm, count);
    for (size_t i = 0; i < count; i++) {
        Part part;
        if (!part_of(ts, items[i], &part)) break;
        list_push(as_list(list), from_int(crc_of(table, part.bytes, part.size)));
        if (part.buffer) buffer_unref(ts, part.buffer);
    }
    free(table);
    if (!vm_failed(vm)) return list;
    decref(list);
    return NULL_VALUE;
}

/* ---- reading ---- */

/* _read_file(path) -> bytes */
CALL(read_file_call) {
    if (!vm_args_simple(vm, "_read_file", nargs, kwnames, 1, 1)) return NULL_VALUE;
    const char *path = vm_to_text(vm, args[0], "path");
    FILE *file = path ? fopen(path, "rb") : NULL;
    struct stat info = {0};
    if (!path) return NULL_VALUE;
    if (!file) return vm_raise_os(vm, errno, path);
    if (fstat(fileno(file), &info) != 0 || S_ISDIR(info.st_mode)) {
        fclose(file);
        return vm_raise_os(vm, EISDIR, path);
    }
    Value made = bytes_new(vm, NULL, (size_t)info.st_size);
    size_t got = fread(((Bytes *)(void *)made.o)->data, 1, (size_t)info.st_size, file);
    fclose(file);
    if (got == (size_t)info.st_size) return made;
    decref(made);
    return vm_raise_os(vm, EIO, path);
}

/* _gunzip(bytes) -> bytes */
CALL(gunzip_call) {
    if (!vm_args_simple(vm, "_gunzip", nargs, kwnames, 1, 1)) return NULL_VALUE;
    if (!has_flag(args[0], CLASS_BYTES))
        return vm_raise(vm, EXC_TypeError, "a bytes-like object is required, not '%s'",
                        vm_class_name(vm, args[0]));
    NnInput input = {.data = as_bytes(args[0])->data, .size = as_bytes(args[0])->size};
    NnInflate *stream = xmalloc(sizeof *stream);
    NnError error = {{0}};
    Buf out = {0};
    bool ok = nn_inflate_open(stream, &input, &error);
    char chunk[16384];
    for (size_t got = sizeof chunk; ok && got == sizeof chunk;) {
        got = nn_inflate_read(stream, chunk, sizeof chunk);
        buf_add(&out, chunk, got);
    }
    ok = ok && !stream->failed;
    free(stream);
    Value made =
        ok ? bytes_new(vm, buf_text(&out), out.size)
           : vm_raise(vm, EXC_OSError, "%s",
                      error.text[0] ? error.text : "the gzip data is truncated or damaged");
    buf_free(&out);
    return made;
}

/* _read_idx(path) -> a uint8 tensor; .gz files are decompressed. Errors are OSErrors that say why.
 */
CALL(read_idx_call) {
    TensorState *ts = tensor_state(vm);
    NnError error = {{0}};
    if (!vm_args_simple(vm, "_read_idx", nargs, kwnames, 1, 1)) return NULL_VALUE;
    const char *path = vm_to_text(vm, args[0], "path");
    if (!path) return NULL_VALUE;
    NnIdxFile *file = xmalloc(sizeof *file);
    Type type = {.dtype = DT_U8};
    Buffer *buffer = NULL;
    bool ok = nn_idx_open(file, path, &error);
    if (ok) {
        type.rank = file->header.rank;
        memcpy(type.dim, file->header.dim, sizeof type.dim);
        ok = type_valid(&type) || nn_fail(&error, "the IDX shape is too large");
        if (ok) buffer = buffer_new(ts, type_bytes(&type));
        ok = ok && nn_idx_read_u8(file, buffer->bytes, type.dim[0], &error);
        nn_idx_close(file);
    }
    free(file);
    if (ok) return tensor_from_buffer(ts, type, buffer);
    if (buffer) buffer_unref(ts, buffer);
    return vm_raise(vm, EXC_OSError, "%s: %s", path, error.text);
}

const TensorFunction FILE_FUNCTIONS[] = {
    {"_from_bytes", from_bytes_call, FN_FUNCTION},
    {"_storage", storage_call, FN_FUNCTION},
    {"_join_parts", join_parts_call, FN_FUNCTION},
    {"_write_parts", write_parts_call, FN_FUNCTION},
    {"_crc32", crc32_call, FN_FUNCTION},
    {"_read_file", read_file_call, FN_FUNCTION},
    {"_gunzip", gunzip_call, FN_FUNCTION},
    {"_read_idx", read_idx_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
