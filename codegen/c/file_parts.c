/* Kernels and constants of a file, each distinct one once. */
#include <string.h>

#include "codegen/c/file.h"
#include "codegen/c/print.h"
#include "support/checked.h"
#include "support/hash.h"

void file_parts_free(FileParts *parts) {
    VEC_FREE(parts->kernels);
    VEC_FREE(parts->marks);
    VEC_FREE(parts->added);
    VEC_FREE(parts->constants);
    buf_free(&parts->scratch);
}

static uint64_t hash_name(const char *name) {
    return hash_bytes(0, name, strlen(name));
}

static bool name_is_taken(const FileParts *parts, const char *name) {
    uint64_t hash = hash_name(name);
    for (size_t i = 0; i < parts->kernels.count; i++)
        if (parts->marks.items[i].name == hash && strcmp(parts->kernels.items[i]->name, name) == 0)
            return true;
    return false;
}

static bool same_aliases(const Kernel *a, const Kernel *b) {
    for (size_t i = 0; i < a->buffers.count; i++) {
        const KBuf *x = a->buffers.items[i], *y = b->buffers.items[i];
        if (x->aliased != y->aliased || x->shared != y->shared) return false;
    }
    return true;
}

bool file_kernels_equal(const Kernel *a, const Kernel *b) {
    if (a->text->body_size != b->text->body_size || a->buffers.count != b->buffers.count)
        return false;
    if (a->target != b->target || a->faults != b->faults || a->split != b->split) return false;
    for (size_t i = 0; i < a->buffers.count; i++) {
        const KBuf *x = a->buffers.items[i], *y = b->buffers.items[i];
        if (x->role != y->role || x->dtype != y->dtype) return false;
    }
    if (a->blocks != b->blocks || a->threads != b->threads) return false;
    return same_aliases(a, b) && memcmp(a->text->body, b->text->body, a->text->body_size) == 0;
}

/* The text of the kernel, which a twin may have had printed before. */
static const KernelText *kernel_text(FileParts *parts, const Kernel *kernel) {
    if (kernel->text) return kernel->text;
    const Kernel *code = kernel_code(kernel);
    for (size_t i = 0; i < parts->added.count; i++)
        if (parts->added.items[i].code == code) return parts->added.items[i].kernel->text;
    return print_kernel_text(code, NULL, parts->uses, &parts->scratch, parts->arena);
}

static const Kernel *add_named(FileParts *parts, Kernel *added) {
    size_t size = added->text->body_size;
    for (size_t i = 0; i < parts->kernels.count; i++)
        if (parts->marks.items[i].body_size == size &&
            file_kernels_equal(parts->kernels.items[i], added))
            return parts->kernels.items[i];
    const char *base = c_identifier(parts->arena, added->name);
    if (parts->attributes) base = arena_printf(parts->arena, "%s_%s", base, added->target->name);
    added->name = arena_printf(parts->arena, "kernel_%s", base);
    for (int copy = 2; name_is_taken(parts, added->name); copy++)
        added->name = arena_printf(parts->arena, "kernel_%s_%d", base, copy);
    VEC_PUSH(parts->kernels, added);
    VEC_PUSH(parts->marks, (FileMark){hash_name(added->name), size});
    return added;
}

const Kernel *file_add_kernel(FileParts *parts, const Kernel *kernel) {
    const Kernel *code = kernel_code(kernel);
    for (size_t i = 0; i < parts->added.count; i++) {
        const FileKernel *other = &parts->added.items[i];
        if (other->code == code && same_aliases(other->kernel, kernel)) return other->kernel;
    }
    Kernel *added = arena_copy(parts->arena, kernel, 1, sizeof *kernel);
    if (!parts->uses) parts->uses = uses_new(parts->arena);
    added->text = kernel_text(parts, kernel);
    const Kernel *named = add_named(parts, added);
    VEC_PUSH(parts->added, (FileKernel){code, named});
    return named;
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

/* The texts are most of a file: room for them, and for what stands around each, is made at once. */
static size_t size_of_kernels(const FileParts *parts) {
    enum { AROUND = 512 };
    size_t size = 0;
    for (size_t i = 0; i < parts->kernels.count; i++) {
        const KernelText *text = parts->kernels.items[i]->text;
        size += text->heading_size + text->body_size + AROUND;
    }
    return size;
}

void file_print_kernels(Emitter *e, const FileParts *parts) {
    buf_reserve(e->out, size_of_kernels(parts));
    if (parts->uses) print_prelude(e, parts->uses);
    const char *guard = NULL;
    for (size_t i = 0; i < parts->kernels.count; i++) {
        const Kernel *kernel = parts->kernels.items[i];
        if (kernel->blocks) continue; /* a GPU's */
        const char *wanted = parts->attributes ? kernel->target->guard : NULL;
        bool same = wanted == guard || (wanted && guard && strcmp(wanted, guard) == 0);
        if (!same && guard) emit_line(e, "#endif");
        if (!same && wanted) emit_line(e, "#if %s", wanted);
        guard = wanted;
        emit_newline(e);
        print_kernel(e, kernel, "");
    }
    if (guard) emit_line(e, "#endif");
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
                  dtype_c_type(constant->type.dtype), i, count ? count : 1);
        for (size_t j = 0; j < count; j++) {
            emit_element(e, constant->type.dtype, constant->bytes, (int64_t)j);
            emit_text(e, j + 1 == count ? "\n" : j % 8 == 7 ? ",\n" : ", ");
        }
        if (count == 0) emit_text(e, "0\n");
        emit_line(e, "};");
    }
}
