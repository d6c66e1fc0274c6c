/* Pasting the runtime into emitted files: headers first, in the order that they need each other,
 * then sources; includes of each other and the feature macro are left out. */
#include "codegen/runtime_text.h"

#include <string.h>

#include "support/checked.h"

typedef struct RuntimePiece {
    const char *name;
    const char *files[20];
} RuntimePiece;

static const RuntimePiece pieces[] = {
    {"threads", {"threads.h", "threads.c"}},
    {"cuda_runtime", {"cuda.h", "cuda_runtime.h", "cuda_graph.c"}},
    {"cuda_driver", {"cuda.h", "cuda_driver.h", "cuda_driver.c", "cuda_graph.c"}},
    {"safetensors", {"half.h", "base.h", "safetensors.h", "safetensors.c", "safetensors_state.c"}},
    {"bench", {"half.h", "base.h", "bench.h", "bench.c"}},
    {"command",
     {"half.h", "base.h", "inflate.h", "inflate.c", "idx.h", "idx.c", "npy.h", "npy.c",
      "tensor_print.h", "tensor_print.c", "resize.h", "resize.c", "items.h", "items.c", "command.h",
      "command.c"}},
};

static void print_file_text(Emitter *e, const char *name) {
    const RuntimeFile *file = runtime_files;
    while (file->name && strcmp(file->name, name) != 0)
        file++;
    NNC_CHECK(file->name, "no runtime file %s", name);
    const char *at = (const char *)file->text, *end = at + file->size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = stop ? (size_t)(stop - at) + 1 : (size_t)(end - at);
        bool local = size > 19 && memcmp(at, "#include \"runtime/", 18) == 0;
        bool feature = (size > 23 && memcmp(at, "#define _POSIX_C_SOURCE", 23) == 0) ||
                       (size > 19 && memcmp(at, "#define _GNU_SOURCE", 19) == 0);
        if (!local && !feature) buf_add(e->out, at, size);
        at += size;
    }
}

void runtime_print(Emitter *e, const char *name) {
    const RuntimePiece *piece = pieces;
    while (strcmp(piece->name, name) != 0)
        piece++;
    emit_line(e, "#if defined(__GNUC__)");
    emit_line(e, "#define NN_API static __attribute__((unused))");
    emit_line(e, "#else");
    emit_line(e, "#define NN_API static");
    emit_line(e, "#endif");
    for (int i = 0; piece->files[i]; i++)
        print_file_text(e, piece->files[i]);
}
