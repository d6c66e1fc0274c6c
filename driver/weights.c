/* --weights: the values of a program's state from a safetensors file. */
#include <string.h>

#include "driver/driver.h"
#include "runtime/safetensors.h"
#include "support/file.h"

/* Appends a row for each entry that has values of its own; `offset` runs over the block. */
static int add_rows(NnTensor *rows, int count, const ProgramEntry *entries, size_t entry_count,
                    size_t *offset) {
    for (size_t i = 0; i < entry_count; i++) {
        if (entries[i].tied_to >= 0) continue;
        NnTensor *row = &rows[count++];
        *row = (NnTensor){.name = entries[i].key,
                          .dtype = (NnDType)entries[i].type.dtype,
                          .rank = entries[i].type.rank,
                          .offset = *offset};
        memcpy(row->dim, entries[i].type.dim, sizeof row->dim);
        *offset += (type_bytes(&entries[i].type) + 63) / 64 * 64;
    }
    return count;
}

static void point_at(const void **values, const ProgramEntry *entries, size_t entry_count,
                     const NnTensor **row, const char *block) {
    for (size_t i = 0; i < entry_count; i++)
        values[i] = entries[i].tied_to >= 0 ? values[entries[i].tied_to]
                                            : (const void *)(block + (*row)++->offset);
}

bool weights_load(Program *program, const char *path, Sources *sources, Arena *arena) {
    Buf bytes = {0};
    Buf message = {0};
    if (!file_read(path, &bytes, &message)) {
        report(sources, SEVERITY_ERROR, (Span){0}, "%s", buf_text(&message));
        buf_free(&message);
        return false;
    }
    size_t total = program->params.count + program->buffers.count;
    NnTensor *rows = ARENA_ARRAY(arena, NnTensor, total + 1);
    size_t size = 0;
    int count = add_rows(rows, 0, program->params.items, program->params.count, &size);
    count = add_rows(rows, count, program->buffers.items, program->buffers.count, &size);
    char *block = arena_alloc(arena, size + 64);
    NnRange *ranges = ARENA_ARRAY(arena, NnRange, (size_t)count + 1);
    NnError error;
    bool good = nn_safetensors_parse(bytes.data, bytes.size, block, rows, count, ranges, &error);
    if (good) {
        const void **values = ARENA_ARRAY(arena, const void *, total + 1);
        const NnTensor *row = rows;
        point_at(values, program->params.items, program->params.count, &row, block);
        point_at(values + program->params.count, program->buffers.items, program->buffers.count,
                 &row, block);
        program->weights = values;
    } else {
        report(sources, SEVERITY_ERROR, (Span){0}, "%s: %s", path, error.text);
        if (bytes.size > 4 && memcmp(bytes.data, "PK\3\4", 4) == 0)
            report(sources, SEVERITY_HINT, (Span){0},
                   "this is a file of torch.save; in a script, for nnc run: "
                   "safetensors.torch.save_file(torch.load(\"%s\"), \"weights.safetensors\")",
                   path);
    }
    buf_free(&bytes);
    buf_free(&message);
    return good;
}
