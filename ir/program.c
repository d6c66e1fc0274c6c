/* Lifetime of Programs: nodes and texts lie in the arena, growing arrays are freed here. */
#include "ir/program.h"

void program_release(Program *program) {
    for (size_t i = 0; i < program->functions.count; i++) {
        graph_free(program->functions.items[i].graph);
    }
    VEC_FREE(program->functions);
    VEC_FREE(program->params);
    VEC_FREE(program->buffers);
    VEC_FREE(program->states);
    VEC_FREE(program->hypers);
    VEC_FREE(program->inputs);
    VEC_FREE(program->outputs);
    VEC_FREE(program->targets);
}
