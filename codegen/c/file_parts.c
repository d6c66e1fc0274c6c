/* Kernels and constants of a file, each distinct one once. */
#include <string.h>

#include "codegen/c/file.h"
#include "codegen/c/print.h"
#include "support/checked.h"
#include "support/parallel.h"

void file_parts_free(FileParts *parts) {
    for (size_t i = 0; i < parts->kernels.count; i++)
        buf_free(&parts->kernels.items[i].key);
    VEC_FREE(parts->kernels);
    VEC_FREE(parts->constants);
}

Buf file_kernel_key(const Kernel *kernel, Arena *arena) {
    Buf key = {0};
    Kernel bare = *kernel;
    bare.name = "";
    bare.buffers.items = ARENA_ARRAY(arena, KBuf *, kernel->buffers.count);
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        bare.buffers.items[i] = arena_copy(arena, buf, 1, sizeof *buf);
        bare.buffers.items[i]->comment = NULL;
        buf_putc(&key, buf->aliased ? 'a' : '-');
        size_t bytes = buf->table ? (size_t)buf->count * dtype_size(buf->dtype) : 0;
        if (bytes) buf_add(&key, buf->table, bytes);
    }
    kernel_dump(&key, &bare);
    return key;
}

static bool name_is_taken(const FileParts *parts, const char *name) {
    for (size_t i = 0; i < parts->kernels.count; i++) {
        if (strcmp(parts->kernels.items[i].kernel->name, name) == 0) return true;
    }
    return false;
}

/* Cheap facts in which most kernels differ: only when all are equal are the keys made. */
static bool may_be_equal(const Kernel *a, const Kernel *b) {
    if (a->value_count != b->value_count || a->buffers.count != b->buffers.count) return false;
    if (a->target != b->target || a->flops != b->flops || a->faults != b->faults) return false;
    for (size_t i = 0; i < a->buffers.count; i++) {
        const KBuf *x = a->buffers.items[i], *y = b->buffers.items[i];
        if (x->role != y->role || x->dtype != y->dtype || x->count != y->count) return false;
        if (x->aliased != y->aliased) return false;
    }
    return true;
}

static bool keys_are_equal(FileParts *parts, FileKernel *a, FileKernel *b) {
    if (a->key.size == 0) a->key = file_kernel_key(a->kernel, parts->arena);
    if (b->key.size == 0) b->key = file_kernel_key(b->kernel, parts->arena);
    return a->key.size == b->key.size && memcmp(a->key.data, b->key.data, a->key.size) == 0;
}

const Kernel *file_add_kernel(FileParts *parts, const Kernel *kernel) {
    FileKernel added = {.kernel = kernel};
    for (size_t i = 0; i < parts->kernels.count; i++) {
        FileKernel *other = &parts->kernels.items[i];
        if (!may_be_equal(other->kernel, kernel) || !keys_are_equal(parts, other, &added)) {
            continue;
        }
        buf_free(&added.key);
        return other->kernel;
    }
    Kernel *renamed = arena_copy(parts->arena, kernel, 1, sizeof *kernel);
    const char *base = c_identifier(parts->arena, kernel->name);
    if (parts->attributes) base = arena_printf(parts->arena, "%s_%s", base, kernel->target->name);
    renamed->name = arena_printf(parts->arena, "kernel_%s", base);
    for (int copy = 2; name_is_taken(parts, renamed->name); copy++) {
        renamed->name = arena_printf(parts->arena, "kernel_%s_%d", base, copy);
    }
    added.kernel = renamed;
    VEC_PUSH(parts->kernels, added);
    return renamed;
}

size_t file_add_constant(FileParts *parts, const Type *type, const void *bytes) {
    for (size_t i = 0; i < parts->constants.count; i++) {
        const FileConstant *other = &parts->constants.items[i];
        if (other->type.dtype != type->dtype || type_bytes(&other->type) != type_bytes(type)) {
            continue;
        }
        if (memcmp(other->bytes, bytes, type_bytes(type)) == 0) return i;
    }
    VEC_PUSH(parts->constants, (FileConstant){bytes, *type});
    return parts->constants.count - 1;
}

/* The texts of kernels, printed side by side. */
typedef struct KernelTexts {
    const Kernel **kernels;
    const Sources *sources;
    Buf *texts;
} KernelTexts;

static void print_text(void *context, int index) {
    const KernelTexts *all = context;
    Emitter e = {.out = &all->texts[index]};
    print_kernel(&e, all->kernels[index], "", all->sources);
}

void file_print_kernels(Emitter *e, const FileParts *parts, const Sources *sources) {
    int count = (int)parts->kernels.count;
    KernelTexts all = {.kernels = ARENA_ARRAY(parts->arena, const Kernel *, (size_t)count),
                       .sources = sources,
                       .texts = ARENA_ARRAY(parts->arena, Buf, (size_t)count)};
    for (int i = 0; i < count; i++)
        all.kernels[i] = parts->kernels.items[i].kernel;
    parallel_for(count, print_text, &all);
    print_prelude(e, all.kernels, count);
    const char *guard = NULL;
    for (int i = 0; i < count; i++) {
        const char *wanted = parts->attributes ? all.kernels[i]->target->guard : NULL;
        bool same = wanted == guard || (wanted && guard && strcmp(wanted, guard) == 0);
        if (!same && guard) emit_line(e, "#endif");
        if (!same && wanted) emit_line(e, "#if %s", wanted);
        guard = wanted;
        emit_newline(e);
        buf_add(e->out, all.texts[i].data, all.texts[i].size);
        buf_free(&all.texts[i]);
    }
    if (guard) emit_line(e, "#endif");
}

static void print_element(Emitter *e, DType dtype, const void *bytes, size_t index) {
    switch (dtype) {
    case DT_BOOL:
    case DT_U8:
        emit_integer(e, dtype, ((const uint8_t *)bytes)[index]);
        break;
    case DT_I32:
        emit_integer(e, dtype, ((const int32_t *)bytes)[index]);
        break;
    case DT_I64:
        emit_integer(e, dtype, ((const int64_t *)bytes)[index]);
        break;
    case DT_F32:
        emit_number(e, dtype, (double)((const float *)bytes)[index]);
        break;
    case DT_F64:
        emit_number(e, dtype, ((const double *)bytes)[index]);
        break;
    case DT_COUNT:
        NNC_BUG("a constant without a type");
    }
}

void file_print_constants(Emitter *e, const FileParts *parts) {
    for (size_t i = 0; i < parts->constants.count; i++) {
        const FileConstant *constant = &parts->constants.items[i];
        size_t count = (size_t)type_numel(&constant->type);
        Buf text = {0};
        type_print(&text, &constant->type);
        emit_newline(e);
        emit_comment(e, buf_text(&text));
        buf_free(&text);
        emit_line(e, "static const _Alignas(64) %s constant_%zu[%zu] = {",
                  c_type_name(constant->type.dtype), i, count ? count : 1);
        for (size_t j = 0; j < count; j++) {
            print_element(e, constant->type.dtype, constant->bytes, j);
            emit_text(e, j + 1 == count ? "\n" : j % 8 == 7 ? ",\n" : ", ");
        }
        if (count == 0) emit_text(e, "0\n");
        emit_line(e, "};");
    }
}
