/* Growing random graphs: inputs, the pool of operands, outputs, values. */
#include "tests/support/random_graph.h"

#include <string.h>

uint64_t random_next(Random *random) {
    random->state += 0x9E3779B97F4A7C15u;
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

int random_below(Random *random, int bound) {
    return (int)(random_next(random) % (uint64_t)bound);
}

double random_unit(Random *random) {
    return (double)(random_next(random) >> 11) * 0x1p-53;
}

void random_graph_start(RandomGraph *random, Arena *arena, uint64_t seed, DType float_type) {
    *random = (RandomGraph){
        .graph = graph_new(arena, "random"), .random = {seed}, .float_type = float_type};
}

void random_graph_free(RandomGraph *random) {
    graph_free(random->graph);
    VEC_FREE(random->pool);
    VEC_FREE(random->ranges);
}

Type random_type(RandomGraph *random, DType dtype, int min_rank, int max_rank) {
    static const int64_t dims[] = {1, 2, 3, 4, 2, 3, 5, 1};
    int64_t shape[MAX_RANK];
    int rank = min_rank + random_below(&random->random, max_rank - min_rank + 1);
    for (int i = 0; i < rank; i++)
        shape[i] = dims[random_below(&random->random, 8)];
    /* Now and then a length that no vector divides. */
    if (rank > 0 && rank < 3 && random_below(&random->random, 8) == 0) shape[rank - 1] = 19;
    return type_make(dtype, rank, shape);
}

Node *random_input(RandomGraph *random, Type type, double low, double high) {
    char name[24];
    Buf text = {0};
    buf_printf(&text, "in%zu", random->graph->inputs.count);
    strncpy(name, buf_text(&text), sizeof name - 1);
    name[sizeof name - 1] = 0;
    buf_free(&text);
    Node *node =
        graph_input(random->graph, name, type, ROLE_DATA, (int)random->graph->inputs.count);
    VEC_PUSH(random->ranges, (RandomRange){low, high});
    VEC_PUSH(random->pool, node);
    return node;
}

static Node *default_input(RandomGraph *random, Type type) {
    if (type.dtype == DT_BOOL) return random_input(random, type, 0, 1);
    if (type.dtype == DT_U8) return random_input(random, type, 0, 20);
    if (!dtype_is_float(type.dtype)) return random_input(random, type, -9, 9);
    return random_input(random, type, -2, 2);
}

/* A pool value that `fits`, tried a few times from a random place. */
Node *random_operand(RandomGraph *random, DType dtype, int min_rank, int max_rank) {
    for (int tries = 0; !random->fresh && random->pool.count && tries < 6; tries++) {
        size_t i = (size_t)random_below(&random->random, (int)random->pool.count);
        Node *node = random->pool.items[i];
        if (node->type.dtype == dtype && node->type.rank >= min_rank && node->type.rank <= max_rank)
            return node;
    }
    return default_input(random, random_type(random, dtype, min_rank, max_rank));
}

Node *random_like(RandomGraph *random, Type type) {
    size_t count = random->pool.count, start;
    if (!random->fresh && count && random_below(&random->random, 4)) {
        start = (size_t)random_below(&random->random, (int)count);
        for (size_t i = 0; i < count; i++) {
            Node *node = random->pool.items[(start + i) % count];
            if (type_equal(&node->type, &type)) return node;
        }
    }
    return default_input(random, type);
}

/* Whether values stay within a few units when operands do. */
static bool is_tame(Op op) {
    static const Op tame[] = {OP_neg,   OP_abs,     OP_sin,         OP_cos,     OP_tanh,
                              OP_atan,  OP_erf,     OP_sigmoid,     OP_relu,    OP_where,
                              OP_max,   OP_min,     OP_reshape,     OP_permute, OP_expand,
                              OP_slice, OP_flip,    OP_concat,      OP_gather,  OP_take,
                              OP_add,   OP_softmax, OP_max_pool,    OP_pad,     OP_reduce_max,
                              OP_input, OP_detach,  OP_pool_gather, OP_scatter, OP_reduce_min};
    for (size_t i = 0; i < sizeof tame / sizeof *tame; i++) {
        if (tame[i] == op) return true;
    }
    return false;
}

static void add_to_pool(RandomGraph *random, Node *node) {
    if (dtype_is_float(node->type.dtype) && !is_tame(node->op))
        node = build_unary(random->graph, OP_sin, node);
    VEC_PUSH(random->pool, node);
}

void random_graph_fill(RandomGraph *random, int steps, const bool *exclude) {
    for (int step = 0; step < steps; step++) {
        Op op = (Op)random_below(&random->random, OP_COUNT);
        if (op == OP_result || (exclude && exclude[op])) continue;
        Node *node = random_graph_op(random, op);
        if (op_info(op)->results == 1)
            add_to_pool(random, node);
        else
            for (int i = 0; i < op_info(op)->results; i++)
                add_to_pool(random, build_result(random->graph, node, i));
    }
    Arena scratch = {0};
    Graph *graph = random->graph;
    uint32_t *uses = graph_use_counts(graph, &scratch);
    for (size_t i = 0; i < graph->nodes.count; i++) {
        Node *node = graph->nodes.items[i];
        if (uses[i] || node->op == OP_input || op_info(node->op)->results > 1) continue;
        Buf name = {0};
        buf_printf(&name, "out%zu", graph->outputs.count);
        graph_output(graph, buf_text(&name), node, OUT_RESULT, -1);
        buf_free(&name);
    }
    arena_free(&scratch);
}

void random_graph_places(RandomGraph *random, uint16_t file, size_t size) {
    for (size_t i = 0; i < random->graph->nodes.count; i++) {
        Node *node = random->graph->nodes.items[i];
        uint32_t at = (uint32_t)random_below(&random->random, (int)size);
        if (node->op == OP_input) continue;
        if (random_below(&random->random, 2)) node->span = (Span){file, at, at};
        if (random_below(&random->random, 4) == 0) node->name = "na\"me\\\x01é";
    }
}

Tensor64 *random_graph_values(RandomGraph *random, Arena *arena) {
    Graph *graph = random->graph;
    Tensor64 *values = ARENA_ARRAY(arena, Tensor64, graph->inputs.count);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        Type type = graph->inputs.items[i].node->type;
        RandomRange range = random->ranges.items[i];
        int64_t count = type_numel(&type);
        values[i].type = type;
        if (dtype_is_float(type.dtype)) {
            values[i].f = ARENA_ARRAY(arena, double, (size_t)count);
            for (int64_t k = 0; k < count; k++)
                values[i].f[k] = dtype_round(type.dtype == DT_F64 ? DT_F32 : type.dtype,
                                             range.low + random_unit(&random->random) *
                                                             (range.high - range.low));
        } else {
            values[i].i = ARENA_ARRAY(arena, int64_t, (size_t)count);
            for (int64_t k = 0; k < count; k++)
                values[i].i[k] = (int64_t)range.low +
                                 random_below(&random->random, (int)(range.high - range.low) + 1);
        }
    }
    return values;
}
