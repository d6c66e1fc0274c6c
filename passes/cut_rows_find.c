/* Finding what cut_rows cuts: squares, what else hangs between the products, and what masks leave
 * of it. */
#include "passes/cut_rows.h"

#include <math.h>
#include <string.h>

#include "ir/build.h"
#include "passes/index_map.h"
#include "support/checked.h"

enum {
    LEAST_SQUARE = 1 << 20, /* elements: what fits into a cache is fine as it is */
    DEEPEST_PRODUCT = 256,  /* products for an element of a square, which may be computed twice */
    LEAST_GAIN = 2,         /* a square has so many times the elements of its operands */
};

int cut_batch(const Cutting *cut) {
    return cut->shape.rank - 2;
}

bool cut_is_square(const Cutting *cut, const Node *node) {
    return cut->kind[node->id] == CUT_SQUARE || cut->kind[node->id] == CUT_WIDE;
}

bool cut_is_reduction(const Node *node) {
    return node->op == OP_reduce_sum || node->op == OP_reduce_max;
}

static const int64_t *dot_axes(const Node *dot, int operand, bool batch, int *count) {
    static const AttrName names[2][2] = {{ATTR_contract_a, ATTR_batch_a},
                                         {ATTR_contract_b, ATTR_batch_b}};
    return node_ints(dot, names[operand][batch], count);
}

int cut_free_axis(const Node *dot, int operand) {
    bool taken[MAX_RANK] = {false};
    for (int batch = 0; batch < 2; batch++) {
        int count;
        const int64_t *axes = dot_axes(dot, operand, batch, &count);
        for (int i = 0; i < count; i++)
            taken[axes[i]] = true;
    }
    int found = -1;
    for (int d = 0; d < dot->inputs[operand]->type.rank; d++) {
        if (taken[d]) continue;
        if (found >= 0) return -1;
        found = d;
    }
    return found;
}

/* A product of two values of rows, or columns, and few numbers each. */
static bool is_score(const Node *node, const Type *shape) {
    if (node->op != OP_dot || !type_same_shape(&node->type, shape)) return false;
    int batch, summed;
    dot_axes(node, 0, true, &batch);
    const int64_t *axes = dot_axes(node, 0, false, &summed);
    int64_t depth = 1;
    for (int i = 0; i < summed; i++)
        depth *= node->inputs[0]->type.dim[axes[i]];
    return batch == shape->rank - 2 && cut_free_axis(node, 0) >= 0 && cut_free_axis(node, 1) >= 0 &&
           depth <= DEEPEST_PRODUCT;
}

static bool is_worth_it(const Node *node) {
    int64_t operands = 0;
    if (!dtype_is_float(node->type.dtype) || !is_score(node, &node->type)) return false;
    for (int i = 0; i < 2; i++)
        operands += type_numel(&node->inputs[i]->type);
    int64_t count = type_numel(&node->type);
    return count >= LEAST_SQUARE && count >= LEAST_GAIN * operands;
}

int cut_exit_operand(const Cutting *cut, const Node *exit) {
    return cut_is_square(cut, exit->inputs[0]) ? 0 : 1;
}

bool cut_sums_rows(const Cutting *cut, const Node *exit) {
    int count;
    const int64_t *axes = dot_axes(exit, cut_exit_operand(cut, exit), false, &count);
    return axes[0] == cut_batch(cut);
}

/* A dot whose one square has its batch in order and sums over its rows or its columns. */
static bool is_exit(const Cutting *cut, const Node *node) {
    if (node->op != OP_dot) return false;
    if (cut_is_square(cut, node->inputs[0]) && cut_is_square(cut, node->inputs[1])) return false;
    int operand = cut_exit_operand(cut, node), batch, summed;
    const int64_t *axes = dot_axes(node, operand, true, &batch);
    dot_axes(node, operand, false, &summed);
    if (batch != cut_batch(cut) || summed != 1) return false;
    for (int i = 0; i < batch; i++)
        if (axes[i] != i) return false;
    return true;
}

/* [batch..., rows], or the same with a last dim of 1. */
static bool is_row_shape(const Cutting *cut, const Type *type) {
    int rank = cut->shape.rank;
    if (type->rank != rank && type->rank != rank - 1) return false;
    for (int d = 0; d < type->rank; d++)
        if (type->dim[d] != (d == rank - 1 ? 1 : cut->shape.dim[d])) return false;
    return true;
}

/* Whether the last dims are those of squares, or 1. */
static bool is_aligned(const Cutting *cut, const Type *type) {
    int extra = cut->shape.rank - type->rank;
    for (int d = 0; d < type->rank && extra >= 0; d++)
        if (type->dim[d] != 1 && type->dim[d] != cut->shape.dim[extra + d]) return false;
    return extra >= 0;
}

/* Whether dims of 1 in front come or go, and nothing else. */
static bool only_leads(const Type *a, const Type *b) {
    const Type *longer = a->rank > b->rank ? a : b, *shorter = longer == a ? b : a;
    int extra = longer->rank - shorter->rank;
    for (int d = 0; d < extra; d++)
        if (longer->dim[d] != 1) return false;
    return memcmp(longer->dim + extra, shorter->dim, (size_t)shorter->rank * sizeof(int64_t)) == 0;
}

static bool is_free(const Cutting *cut, const Node *node) {
    if (!is_aligned(cut, &node->type)) return false;
    if (node->op == OP_iota || node->op == OP_const) return true;
    for (int i = 0; i < node->input_count; i++)
        if (cut->kind[node->inputs[i]->id] != CUT_FREE) return false;
    if (node->op == OP_reshape) return only_leads(&node->type, &node->inputs[0]->type);
    return node->op == OP_expand || (op_info(node->op)->traits & TRAIT_ELEMENTWISE);
}

static bool reduces_columns(const Cutting *cut, const Node *node) {
    if (!cut_is_reduction(node) || cut->kind[node->inputs[0]->id] != CUT_SQUARE) return false;
    int count;
    const int64_t *axes = node_ints(node, ATTR_axes, &count);
    return count == 1 && axes[0] == cut->shape.rank - 1;
}

static bool reads(const Cutting *cut, const Node *node, CutKind kind) {
    for (int i = 0; i < node->input_count; i++)
        if (cut->kind[node->inputs[i]->id] == kind) return true;
    return false;
}

/* False when a square is needed as a whole. */
static bool classify(Cutting *cut, const Node *node) {
    CutKind *kind = &cut->kind[node->id];
    bool elementwise = op_info(node->op)->traits & TRAIT_ELEMENTWISE;
    bool squares = reads(cut, node, CUT_SQUARE) || reads(cut, node, CUT_WIDE);
    bool rows = reads(cut, node, CUT_ROW);
    if (!squares && !rows && is_score(node, &cut->shape))
        *kind = CUT_SQUARE;
    else if (squares && elementwise && type_same_shape(&node->type, &cut->shape))
        *kind = CUT_SQUARE;
    else if (squares && reduces_columns(cut, node))
        *kind = CUT_ROW;
    else if (squares && is_exit(cut, node))
        *kind = CUT_EXIT;
    else if (squares)
        return false;
    else if (rows && (elementwise || node->op == OP_reshape) && is_row_shape(cut, &node->type))
        *kind = CUT_ROW;
    else if (rows && node->op == OP_expand && type_same_shape(&node->type, &cut->shape) &&
             node->inputs[0]->type.rank == cut->shape.rank)
        *kind = CUT_WIDE;
    else if (is_free(cut, node))
        *kind = CUT_FREE;
    return true;
}

static bool is_inside(CutKind kind) {
    return kind == CUT_SQUARE || kind == CUT_WIDE || kind == CUT_ROW;
}

/* What is computed of row values for others alone is theirs. */
static void leave_rows(Cutting *cut, Arena *arena) {
    const Graph *graph = cut->graph;
    bool *inside =
        ARENA_ARRAY(arena, bool, graph->nodes.count); /* by id: read by something there */
    for (size_t id = graph->nodes.count; id-- > 0;) {
        const Node *node = graph->nodes.items[id];
        CutKind *kind = &cut->kind[id];
        if (*kind == CUT_ROW && !cut_is_reduction(node) && !inside[id]) *kind = CUT_NONE;
        for (int i = 0; i < node->input_count && cut->live[id]; i++)
            inside[node->inputs[i]->id] = inside[node->inputs[i]->id] || is_inside(*kind);
    }
}

/* Numbers the phases, and finds row values that are kept; false when one is read by others that is
 * no reduction. */
static bool find_phases(Cutting *cut) {
    const Graph *graph = cut->graph;
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        CutKind kind = cut->kind[id];
        for (int i = 0; i < node->input_count && cut->live[id]; i++) {
            const Node *input = node->inputs[i];
            CutKind from = cut->kind[input->id];
            bool leaves = from == CUT_ROW && !is_inside(kind);
            int phase = cut->phase[input->id] + (from == CUT_EXIT || leaves);
            if (leaves && !cut_is_reduction(input)) return false;
            cut->kept[input->id] = cut->kept[input->id] || leaves;
            if (phase > cut->phase[id]) cut->phase[id] = phase;
        }
        if (cut->phase[id] >= cut->phases) cut->phases = cut->phase[id] + 1;
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const Node *value = graph->outputs.items[i].value;
        CutKind kind = cut->kind[value->id];
        if (is_inside(kind) && !(kind == CUT_ROW && cut_is_reduction(value))) return false;
        cut->kept[value->id] = cut->kept[value->id] || kind == CUT_ROW;
    }
    return true;
}

/* By id, the last phase that needs a value inside; a reduction of an earlier phase is kept. */
static void keep_rows(Cutting *cut, Arena *arena) {
    const Graph *graph = cut->graph;
    int *last = ARENA_ARRAY(arena, int, graph->nodes.count);
    for (size_t id = graph->nodes.count; id-- > 0;) {
        const Node *node = graph->nodes.items[id];
        CutKind kind = cut->kind[id];
        if (!cut->live[id] || (kind != CUT_EXIT && !is_inside(kind))) continue;
        if (cut->phase[id] > last[id]) last[id] = cut->phase[id];
        bool reduction = kind == CUT_ROW && cut_is_reduction(node);
        if (reduction && last[id] > cut->phase[id]) cut->kept[id] = true;
        for (int i = 0; i < node->input_count; i++) {
            int *of_input = &last[node->inputs[i]->id];
            int needed = reduction ? cut->phase[id] : last[id];
            if (needed > *of_input) *of_input = needed;
        }
    }
}

/* What a square holds behind the diagonal. */
typedef enum Behind { BEHIND_ANY, BEHIND_ZERO, BEHIND_MINUS_INFINITY } Behind;

/* Whether a position is a row's (or a column's) number in the last two dims of squares. */
static bool counts(const Cutting *cut, const Node *node, bool rows) {
    IndexMap map;
    const Node *base = index_map_resolve(node, &map);
    if (base == node && base->op == OP_iota) map = index_map_iota(node);
    int rank = map.rank, counted = rows ? rank - 2 : rank - 1;
    if (base->op != OP_iota || rank < 2 || !is_aligned(cut, &node->type)) return false;
    if (map.dim[rank - 2] != cut->shape.dim[cut_batch(cut)]) return false;
    for (int d = 0; d < rank; d++)
        if (map.stride[d] != (d == counted) && map.dim[d] > 1) return false;
    return map.offset == 0;
}

/* Whether the condition is "column <= row", perhaps chosen as a number. */
static bool is_diagonal(const Cutting *cut, const Node *condition) {
    double yes, no;
    for (int step = 0; step < 8; step++) {
        bool chosen = condition->op == OP_where && node_is_const(condition->inputs[1], &yes) &&
                      node_is_const(condition->inputs[2], &no) && yes == 1 && no == 0;
        if (condition->op == OP_reshape &&
            only_leads(&condition->type, &condition->inputs[0]->type))
            condition = condition->inputs[0];
        else if (condition->op == OP_expand || chosen)
            condition = condition->inputs[0];
        else
            break;
    }
    if (!is_aligned(cut, &condition->type)) return false;
    if (condition->op == OP_le)
        return counts(cut, condition->inputs[0], false) && counts(cut, condition->inputs[1], true);
    return condition->op == OP_ge && counts(cut, condition->inputs[1], false) &&
           counts(cut, condition->inputs[0], true);
}

static Behind behind_constant(const Node *node) {
    double value;
    if (!node_is_const(node, &value)) return BEHIND_ANY;
    if (value == 0) return BEHIND_ZERO;
    return value == -INFINITY ? BEHIND_MINUS_INFINITY : BEHIND_ANY;
}

static Behind behind_of(const Cutting *cut, const Node *node, const Behind *behind) {
    Behind x = node->input_count > 0 ? behind[node->inputs[0]->id] : BEHIND_ANY;
    Behind y = node->input_count > 1 ? behind[node->inputs[1]->id] : BEHIND_ANY;
    switch (node->op) {
    case OP_where:
        if (is_diagonal(cut, node->inputs[0])) return behind[node->inputs[2]->id];
        return BEHIND_ANY;
    case OP_exp:
        return x == BEHIND_MINUS_INFINITY ? BEHIND_ZERO : BEHIND_ANY;
    case OP_mul:
        return x == BEHIND_ZERO || y == BEHIND_ZERO ? BEHIND_ZERO : BEHIND_ANY;
    case OP_div:
        return x == BEHIND_ZERO ? x : BEHIND_ANY;
    case OP_neg:
        return x == BEHIND_ZERO ? x : BEHIND_ANY;
    case OP_sub:
        if (x == BEHIND_MINUS_INFINITY && y == BEHIND_ANY) return x;
        return x == BEHIND_ZERO && y == BEHIND_ZERO ? x : BEHIND_ANY;
    case OP_add:
        return x == BEHIND_ZERO && y == BEHIND_ZERO ? x : BEHIND_ANY;
    default:
        return BEHIND_ANY;
    }
}

/* Whether nothing that leaves the squares depends on what is behind the diagonal: it is 0 where it
 * is added up, and no maximum. (A row of infinities or NaN is NaN before the diagonal, too.) */
static bool find_diagonal(const Cutting *cut, Arena *arena) {
    const Graph *graph = cut->graph;
    Behind *behind = ARENA_ARRAY(arena, Behind, graph->nodes.count);
    if (cut->shape.dim[cut_batch(cut)] > cut->shape.dim[cut_batch(cut) + 1]) return false;
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        if (!cut->live[id]) continue;
        if (cut->kind[id] == CUT_FREE) behind[id] = behind_constant(node);
        if (cut->kind[id] == CUT_SQUARE) behind[id] = behind_of(cut, node, behind);
        Behind wanted = node->op == OP_reduce_max ? BEHIND_MINUS_INFINITY : BEHIND_ZERO;
        const Node *read = NULL;
        if (cut->kind[id] == CUT_ROW && cut_is_reduction(node)) read = node->inputs[0];
        if (cut->kind[id] == CUT_EXIT) read = node->inputs[cut_exit_operand(cut, node)];
        if (read != NULL && behind[read->id] != wanted) return false;
    }
    return true;
}

static bool find_squares(Cutting *cut, const Type *shape, Arena *arena) {
    const Graph *graph = cut->graph;
    size_t count = graph->nodes.count;
    int reductions = 0, exits = 0;
    cut->shape = *shape;
    cut->kind = ARENA_ARRAY(arena, CutKind, count);
    cut->phase = ARENA_ARRAY(arena, int, count);
    cut->kept = ARENA_ARRAY(arena, bool, count);
    cut->phases = 1;
    for (size_t id = 0; id < count; id++) {
        const Node *node = graph->nodes.items[id];
        if (!cut->live[id]) continue;
        if (!classify(cut, node)) return false;
        reductions += cut->kind[id] == CUT_ROW;
        exits += cut->kind[id] == CUT_EXIT;
    }
    leave_rows(cut, arena);
    if (reductions == 0 || exits == 0 || !find_phases(cut)) return false;
    keep_rows(cut, arena);
    cut->diagonal = find_diagonal(cut, arena);
    return true;
}

const Type **cut_rows_shapes(const Graph *graph, const bool *live, Arena *arena, int *count) {
    const Type **shapes = ARENA_ARRAY(arena, const Type *, graph->nodes.count);
    *count = 0;
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        bool found = !live[id] || !is_worth_it(node);
        for (int i = 0; i < *count && !found; i++)
            found = type_same_shape(shapes[i], &node->type);
        if (!found) shapes[(*count)++] = &node->type;
    }
    return shapes;
}

bool cut_rows_find(const Graph *graph, const bool *live, const Type *shape, Arena *arena,
                   Cutting *out) {
    *out = (Cutting){.graph = graph, .live = live};
    return find_squares(out, shape, arena);
}
