/* Attention by blocks of rows: what is wide between two products is never there as a whole.
 *
 * The scores of T queries and S keys, and what softmax makes of them, are T x S values for each
 * head, where queries, keys and results have T or S times few. All of it goes row by row. So the
 * nodes between the products are copied for one block of rows after the other, small enough to stay
 * in cache, and the blocks' results put together:
 *
 *     dot(softmax(dot(q, k)), v)   =>   concat(dot(softmax(dot(q[0:64], k)), v),
 *                                              dot(softmax(dot(q[64:128], k)), v), ...)
 *
 * A product that sums over rows (a gradient) becomes a sum of the blocks' products. What a gradient
 * needs of the scores is computed again, from the rows' maxima and sums that are kept. Where a mask
 * leaves nothing behind the diagonal, a block ends there.
 *
 * Words. A *square* is a value of the wide shape [batch..., rows, columns]; its last two dims
 * count. A *row value* has one element for each row. A *phase* is what must be complete before the
 * next one begins: products that leave the squares are read by other squares, of the gradient or
 * the next layer. Rounding changes where rows are summed: this pass is not exact. */
#include "passes/cut_rows.h"

#include "ir/build.h"
#include "passes/analyze.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "support/checked.h"

enum {
    BLOCK_SQUARE = 1 << 17, /* elements of a block of a square, which a second cache holds */
    LEAST_ROWS = 64,        /* so that what is packed for a block of products pays */
    MOST_ENDS = 8,          /* different ends of blocks at the diagonal: each is code of its own */
    MOST_PARTS = 1024,      /* blocks of a phase */
};

/* One block: of heads, rows and columns. */
typedef struct Block {
    int64_t lo[MAX_RANK], size[MAX_RANK]; /* dims as those of squares */
} Block;

typedef struct Cutter {
    Rewrite rewrite;
    Arena *arena;
    const Cutting *cut;
    int64_t unit[MAX_RANK];   /* elements of each dim in a block */
    int64_t blocks[MAX_RANK]; /* how many */
    int heads;                /* blocks along the batch */
    int rows;                 /* blocks along the rows */
    VEC(const Node *) list;   /* what a phase copies, in order */
    bool *needed;             /* by id */
    Node **copy;              /* by id: in the block at hand */
    Node ***parts;            /* by id: results of the phase's blocks, of exits and kept rows */
} Cutter;

static int64_t parts_of(int64_t whole, int64_t part) {
    return (whole + part - 1) / part;
}

/* As many rows as fit, then as many heads; more where there would be too many blocks. */
static void choose_blocks(Cutter *cutter) {
    const Type *shape = &cutter->cut->shape;
    int batch = cut_batch(cutter->cut);
    int64_t rows = shape->dim[batch], columns = shape->dim[batch + 1];
    for (int64_t room = BLOCK_SQUARE;; room *= 2) {
        int64_t height = room / columns;
        if (height < LEAST_ROWS) height = LEAST_ROWS;
        if (cutter->cut->diagonal && height < parts_of(rows, MOST_ENDS))
            height = parts_of(rows, MOST_ENDS);
        height = round_up_i64(parts_of(rows, parts_of(rows, height)), 16);
        cutter->unit[batch] = height < rows ? height : rows;
        cutter->unit[batch + 1] = columns;
        int64_t left = room / (cutter->unit[batch] * columns);
        for (int d = batch - 1; d >= 0; d--) {
            cutter->unit[d] = left < 1 ? 1 : left < shape->dim[d] ? left : shape->dim[d];
            left = cutter->unit[d] == shape->dim[d] ? left / shape->dim[d] : 0;
        }
        cutter->heads = 1;
        for (int d = 0; d < shape->rank; d++)
            cutter->blocks[d] = parts_of(shape->dim[d], cutter->unit[d]);
        for (int d = 0; d < batch; d++)
            cutter->heads *= (int)cutter->blocks[d];
        cutter->rows = (int)cutter->blocks[batch];
        if (cutter->heads * cutter->rows <= MOST_PARTS) return;
    }
}

static Block block_at(const Cutter *cutter, int head, int row) {
    const Type *shape = &cutter->cut->shape;
    int batch = cut_batch(cutter->cut);
    Block block = {0};
    int64_t index[MAX_RANK] = {0};
    index[batch] = row;
    for (int d = batch - 1, left = head; d >= 0; d--) {
        index[d] = left % cutter->blocks[d];
        left /= (int)cutter->blocks[d];
    }
    for (int d = 0; d < shape->rank; d++) {
        block.lo[d] = index[d] * cutter->unit[d];
        int64_t rest = shape->dim[d] - block.lo[d];
        block.size[d] = rest < cutter->unit[d] ? rest : cutter->unit[d];
    }
    int64_t end = block.lo[batch] + block.size[batch];
    if (cutter->cut->diagonal) block.size[batch + 1] = end;
    return block;
}

/* The part of a value of the new graph that lies in the block; dim[d] is which of the square's dims
 * its own dim d is, or -1 for one that stays whole. */
static Node *cut_value(Cutter *cutter, Node *value, const Block *block, const int *dim) {
    static const int64_t ones[] = {1, 1, 1, 1, 1, 1, 1, 1};
    _Static_assert(sizeof ones / sizeof *ones >= MAX_RANK, "a step for each dim");
    int64_t start[MAX_RANK] = {0}, size[MAX_RANK];
    bool whole = true;
    for (int d = 0; d < value->type.rank; d++) {
        size[d] = value->type.dim[d];
        if (dim[d] < 0 || size[d] == 1) continue;
        start[d] = block->lo[dim[d]];
        size[d] = block->size[dim[d]];
        whole = whole && size[d] == value->type.dim[d];
    }
    return whole ? value : build_slice(cutter->rewrite.to, value, start, size, ones);
}

/* A value from outside at the block: its dims are the square's first ones (a row value), or its
 * last. */
static Node *cut_outside(Cutter *cutter, const Node *value, const Block *block, bool first) {
    int dim[MAX_RANK], extra = first ? 0 : cutter->cut->shape.rank - value->type.rank;
    for (int d = 0; d < value->type.rank; d++)
        dim[d] = d + extra;
    return cut_value(cutter, cutter->rewrite.map[value->id], block, dim);
}

/* An operand of a product from outside: its batch, and one more axis along that dim. */
static Node *cut_factor(Cutter *cutter, const Node *dot, int operand, int axis, int along,
                        const Block *block) {
    int dim[MAX_RANK], batch;
    const int64_t *axes = node_ints(dot, operand ? ATTR_batch_b : ATTR_batch_a, &batch);
    for (int d = 0; d < MAX_RANK; d++)
        dim[d] = -1;
    for (int i = 0; i < batch; i++)
        dim[axes[i]] = i;
    dim[axis] = along;
    return cut_value(cutter, cutter->rewrite.map[dot->inputs[operand]->id], block, dim);
}

static Node *with_shape(Cutter *cutter, Op op, Node *x, int rank, const int64_t *dims) {
    Attr shape = attr_ints(ATTR_shape, dims, rank);
    return build_op(cutter->rewrite.to, op, &x, 1, &shape, 1);
}

/* The scores of a block. In a later phase they are computed again: a reshape that does nothing, and
 * that nobody simplifies any more, keeps them from being found equal to the first ones. */
static Node *copy_score(Cutter *cutter, const Node *dot, const Block *block, int phase) {
    Node *factor[2];
    for (int i = 0; i < 2; i++) {
        int along = cut_batch(cutter->cut) + i;
        factor[i] = cut_factor(cutter, dot, i, cut_free_axis(dot, i), along, block);
    }
    if (cutter->cut->phase[dot->id] < phase)
        factor[0] =
            with_shape(cutter, OP_reshape, factor[0], factor[0]->type.rank, factor[0]->type.dim);
    return graph_copy_node(cutter->rewrite.to, dot, factor);
}

static Node *copy_exit(Cutter *cutter, const Node *dot, const Block *block) {
    const Cutting *cut = cutter->cut;
    int square = cut_exit_operand(cut, dot), count;
    Node *factor[2];
    const int64_t *axes = node_ints(dot, square ? ATTR_contract_a : ATTR_contract_b, &count);
    int along = cut_batch(cut) + (cut_sums_rows(cut, dot) ? 0 : 1);
    factor[square] = cutter->copy[dot->inputs[square]->id];
    factor[1 - square] = cut_factor(cutter, dot, 1 - square, (int)axes[0], along, block);
    return graph_copy_node(cutter->rewrite.to, dot, factor);
}

/* The shape of a copy: each dim is the square's that it stands for, or 1. */
static void block_dims(const Cutting *cut, const Type *type, bool row, const Block *block,
                       int64_t *dims) {
    int extra = row ? 0 : cut->shape.rank - type->rank;
    for (int d = 0; d < type->rank; d++)
        dims[d] = type->dim[d] == 1 ? 1 : block->size[extra + d];
}

/* Elementwise, or of constants and positions alone. */
static Node *copy_plain(Cutter *cutter, const Node *node, const Block *block) {
    const Cutting *cut = cutter->cut;
    bool row = cut->kind[node->id] == CUT_ROW;
    if (node->input_count == 0) return cut_outside(cutter, node, block, false);
    Node *inputs[8];
    NNC_CHECK(node->input_count <= 8, "an elementwise op with many operands");
    for (int i = 0; i < node->input_count; i++) {
        const Node *input = node->inputs[i];
        CutKind kind = cut->kind[input->id];
        bool inside = kind != CUT_NONE && kind != CUT_EXIT && !(row && kind == CUT_FREE);
        inputs[i] = inside ? cutter->copy[input->id] : cut_outside(cutter, input, block, row);
    }
    if (node->op != OP_reshape && node->op != OP_expand)
        return graph_copy_node(cutter->rewrite.to, node, inputs);
    int64_t dims[MAX_RANK];
    block_dims(cut, &node->type, row, block, dims);
    return with_shape(cutter, node->op, inputs[0], node->type.rank, dims);
}

static bool is_reduced_row(const Cutting *cut, const Node *node) {
    return cut->kind[node->id] == CUT_ROW && cut_is_reduction(node);
}

static Node *copy_in_block(Cutter *cutter, const Node *node, const Block *block, int phase) {
    const Cutting *cut = cutter->cut;
    cutter->rewrite.to->span = node->span;
    if (cut->kind[node->id] == CUT_EXIT) return copy_exit(cutter, node, block);
    if (cut->kind[node->id] == CUT_SQUARE && node->op == OP_dot)
        return copy_score(cutter, node, block, phase);
    if (!is_reduced_row(cut, node)) return copy_plain(cutter, node, block);
    if (cut->phase[node->id] < phase) return cut_outside(cutter, node, block, true);
    return graph_copy_node(cutter->rewrite.to, node, &cutter->copy[node->inputs[0]->id]);
}

/* Whether the phase's blocks give a part of the value. */
static bool is_result(const Cutting *cut, const Node *node, int phase) {
    if (cut->phase[node->id] != phase) return false;
    return cut->kind[node->id] == CUT_EXIT || (is_reduced_row(cut, node) && cut->kept[node->id]);
}

/* Lists what a phase's results need, inputs first. */
static void list_needed(Cutter *cutter, int phase) {
    const Cutting *cut = cutter->cut;
    const Graph *graph = cut->graph;
    cutter->list.count = 0;
    for (size_t id = 0; id < graph->nodes.count; id++)
        cutter->needed[id] = cut->live[id] && is_result(cut, graph->nodes.items[id], phase);
    for (size_t id = graph->nodes.count; id-- > 0;) {
        const Node *node = graph->nodes.items[id];
        if (!cutter->needed[id]) continue;
        VEC_PUSH(cutter->list, node);
        bool kept = is_reduced_row(cut, node) && cut->phase[id] < phase;
        for (int i = 0; i < node->input_count && !kept; i++) {
            CutKind kind = cut->kind[node->inputs[i]->id];
            bool outside = kind == CUT_NONE || kind == CUT_EXIT;
            if (kind == CUT_FREE && cut->kind[id] == CUT_ROW) outside = true;
            if (kind == CUT_FREE && node->op == OP_dot) outside = true;
            if (!outside) cutter->needed[node->inputs[i]->id] = true;
        }
    }
}

static Node *concat(Cutter *cutter, Node *const *parts, int count, int axis) {
    if (count == 1) return parts[0];
    Attr attr = attr_int(ATTR_axis, axis);
    return build_op(cutter->rewrite.to, OP_concat, parts, count, &attr, 1);
}

/* The sum of what blocks of rows give, of which later ones reach further along the axis. */
static Node *add_parts(Cutter *cutter, Node *const *parts, int axis) {
    Graph *graph = cutter->rewrite.to;
    Node **stripes = ARENA_ARRAY(cutter->arena, Node *, (size_t)cutter->rows);
    int count = 0;
    int64_t from = 0;
    for (int row = 0; row < cutter->rows; row++) {
        Block stripe = {.lo = {from}, .size = {parts[row]->type.dim[axis] - from}};
        int dim[MAX_RANK];
        for (int d = 0; d < MAX_RANK; d++)
            dim[d] = d == axis ? 0 : -1;
        if (stripe.size[0] == 0) continue;
        Node *sum = cut_value(cutter, parts[row], &stripe, dim);
        for (int r = row + 1; r < cutter->rows; r++)
            sum = build_binary(graph, OP_add, sum, cut_value(cutter, parts[r], &stripe, dim));
        stripes[count++] = sum;
        from += stripe.size[0];
    }
    int64_t columns = cutter->cut->shape.dim[cut_batch(cutter->cut) + 1];
    if (from < columns) {
        Type rest = parts[0]->type;
        rest.dim[axis] = columns - from;
        stripes = arena_copy(cutter->arena, stripes, (size_t)count + 1, sizeof(Node *));
        stripes[count++] = build_full(graph, rest, 0);
    }
    return concat(cutter, stripes, count, axis);
}

/* The whole of an exit, or of a row value, from its parts: rows first, then heads. */
static Node *assemble(Cutter *cutter, const Node *node) {
    const Cutting *cut = cutter->cut;
    int batch = cut_batch(cut), axis = batch;
    bool sums = false;
    if (cut->kind[node->id] == CUT_EXIT) {
        sums = cut_sums_rows(cut, node);
        /* The square's remaining axis comes first, or behind the other operand's. */
        if (cut_exit_operand(cut, node) == 1) axis = node->type.rank - 1;
    }
    Node **wholes = ARENA_ARRAY(cutter->arena, Node *, (size_t)cutter->heads);
    for (int head = 0; head < cutter->heads; head++) {
        Node *const *parts = &cutter->parts[node->id][head * cutter->rows];
        wholes[head] =
            sums ? add_parts(cutter, parts, axis) : concat(cutter, parts, cutter->rows, axis);
    }
    int count = cutter->heads;
    for (int d = batch - 1; d >= 0; d--) {
        int along = (int)cutter->blocks[d];
        count /= along;
        for (int i = 0; i < count; i++)
            wholes[i] = concat(cutter, &wholes[i * along], along, d);
    }
    return wholes[0];
}

/* All blocks of a phase. */
static void cut_phase(Cutter *cutter, int phase) {
    const Cutting *cut = cutter->cut;
    list_needed(cutter, phase);
    for (size_t i = 0; i < cutter->list.count; i++)
        if (is_result(cut, cutter->list.items[i], phase))
            cutter->parts[cutter->list.items[i]->id] =
                ARENA_ARRAY(cutter->arena, Node *, (size_t)(cutter->heads * cutter->rows));
    for (int part = 0; part < cutter->heads * cutter->rows; part++) {
        Block block = block_at(cutter, part / cutter->rows, part % cutter->rows);
        for (size_t i = cutter->list.count; i-- > 0;) {
            const Node *node = cutter->list.items[i];
            Node *copy = copy_in_block(cutter, node, &block, phase);
            cutter->copy[node->id] = copy;
            if (is_result(cut, node, phase)) cutter->parts[node->id][part] = copy;
        }
    }
    for (size_t i = cutter->list.count; i-- > 0;) {
        const Node *node = cutter->list.items[i];
        if (!is_result(cut, node, phase)) continue;
        cutter->rewrite.to->span = node->span;
        rewrite_set(&cutter->rewrite, node, assemble(cutter, node));
    }
}

static Graph *cut_squares(const Cutting *cut, PassContext *context) {
    const Graph *graph = cut->graph;
    size_t count = graph->nodes.count;
    Cutter cutter = {.rewrite = rewrite_begin(graph, context),
                     .arena = context->arena,
                     .cut = cut,
                     .needed = ARENA_ARRAY(context->arena, bool, count),
                     .copy = ARENA_ARRAY(context->arena, Node *, count),
                     .parts = ARENA_ARRAY(context->arena, Node **, count)};
    choose_blocks(&cutter);
    for (int phase = 0; phase < cut->phases; phase++) {
        for (size_t id = 0; id < count; id++) {
            const Node *node = graph->nodes.items[id];
            bool outside = cut->kind[id] == CUT_NONE || cut->kind[id] == CUT_FREE;
            if (outside && cut->phase[id] == phase && cutter.rewrite.live[id])
                rewrite_set(&cutter.rewrite, node, rewrite_copy(&cutter.rewrite, node));
        }
        cut_phase(&cutter, phase);
    }
    VEC_FREE(cutter.list);
    return rewrite_finish(&cutter.rewrite);
}

/* Blocks are for caches: a GPU is better off with all heads and rows at once. Each shape is cut
 * once: a block may be large, too, and would be found again. */
Graph *pass_cut_rows(const Graph *graph, PassContext *context) {
    Graph *result = pass_dce(graph, context);
    if (context->gpu) return result;
    int count;
    const bool *live = graph_live(graph, context->arena);
    const Type **shapes = cut_rows_shapes(graph, live, context->arena, &count);
    for (int i = 0; i < count; i++) {
        Cutting cut;
        live = graph_live(result, context->arena);
        if (!cut_rows_find(result, live, shapes[i], context->arena, &cut)) continue;
        Graph *before = result;
        result = cut_squares(&cut, context);
        graph_free(before);
    }
    return result;
}
