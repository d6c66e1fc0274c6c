/* Writes at positions given by data: scatter, scatter_add, index_add, index_put, dynamic_update.
 * The first operand is copied to the result, then the writes follow in row-major order of the
 * updates, so that the last one wins and sums have one order. */
#include "codegen/formula.h"
#include "codegen/lower_internal.h"
#include "support/checked.h"

typedef struct Scattering {
    const Node *anchor;
    Flat *index, *update; /* operands over their own shapes */
    IndexMap out;         /* of the result's index space */
    bool adds;
    KVal *start[MAX_RANK]; /* dynamic_update */
} Scattering;

typedef struct Copy {
    Flat *flat;
    const Node *anchor;
    IndexMap map;
} Copy;

static void copy_point(Lower *lower, const LowerPoint *point, void *data) {
    const Copy *copy = data;
    lower_store_map(&lower->b, copy->anchor, &copy->map, point,
                    lower_operand_at(lower, copy->flat, point));
}

static void copy_operand(Lower *lower, const Node *anchor) {
    Copy copy = {lower_operand(lower, 0), anchor, index_map_identity(&anchor->type)};
    IndexMap identity = copy.map;
    const FlatValue *value = &copy.flat->values[0];
    bool plain = copy.flat->count == 1 && value->kind == FLAT_LOAD &&
                 index_map_equal(&value->map, &identity);
    bool read_again = false;
    for (int i = 1; i < anchor->input_count; i++) {
        IndexMap map;
        if (group_read(lower->group, anchor->inputs[i], &map) == value->node) read_again = true;
    }
    Space space = space_of(&anchor->type);
    space.flats = &copy.flat;
    space.flat_count = 1;
    space.maps = &copy.map;
    space.map_count = 1;
    space_collapse(&space);
    lower_loops(lower, space.rank, space.dim, lower_lanes(lower->b.target, copy.flat), 0,
                copy_point, &copy);
    /* Where the copy changes nothing, operand and result may be one piece of memory. */
    if (plain && !read_again) k_input(&lower->b, value->node)->inplace = true;
}

/* Writes the update's value at the point to the result at `to`. */
static void write_update(Lower *lower, const Scattering *s, const LowerPoint *point,
                         const LowerPoint *to) {
    KBuilder *b = &lower->b;
    KVal *value = lower_operand_at(lower, s->update, point);
    if (s->adds) {
        KBuf *out = k_output(b, s->anchor);
        KVal *address = lower_address(b, &s->out, to->index);
        int64_t stride = to->lanes == 1 ? 1 : s->out.stride[to->vector_dim];
        KVal *old = k_load_strided(b, out, address, stride, to->lanes, to->active);
        value =
            formula_to_dtype(b, k_add(b, old, k_splat(b, value, to->lanes)), s->anchor->type.dtype);
    }
    lower_store_map(b, s->anchor, &s->out, to, value);
}

/* y[i, idx[i,j,k], k] = u[i,j,k] */
static void scatter_point(Lower *lower, const LowerPoint *point, void *data) {
    const Scattering *s = data;
    int64_t axis = node_int(s->anchor, ATTR_axis);
    LowerPoint to = *point;
    to.index[axis] = lower_checked_index(&lower->b, lower_operand_at(lower, s->index, point),
                                         s->anchor->type.dim[axis]);
    write_update(lower, s, point, &to);
}

/* y[i, idx[j..], k] = u[i, j.., k] */
static void index_point(Lower *lower, const LowerPoint *point, void *data) {
    const Scattering *s = data;
    const Type *y = &s->anchor->type, *idx = &s->anchor->inputs[1]->type;
    int axis = (int)node_int(s->anchor, ATTR_axis);
    LowerPoint at = lower_point(idx->rank, point->index + axis, 0, 1, 1), to = *point;
    to.rank = y->rank;
    to.index[axis] =
        lower_checked_index(&lower->b, lower_operand_at(lower, s->index, &at), y->dim[axis]);
    for (int d = axis + 1; d < y->rank; d++)
        to.index[d] = point->index[d - 1 + idx->rank];
    to.vector_dim = y->rank - 1;
    write_update(lower, s, point, &to);
}

static void box_point(Lower *lower, const LowerPoint *point, void *data) {
    const Scattering *s = data;
    LowerPoint to = *point;
    for (int d = 0; d < point->rank; d++)
        to.index[d] = k_add(&lower->b, point->index[d], s->start[d]);
    write_update(lower, s, point, &to);
}

Kernel *lower_scattering(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    KBuilder *b = &lower.b;
    const Node *anchor = group->anchor;
    bool box = anchor->op == OP_dynamic_update;
    const Node *update = anchor->inputs[box ? 1 : 2];
    Scattering s = {.anchor = anchor,
                    .index = lower_operand(&lower, box ? 2 : 1),
                    .update = lower_operand(&lower, box ? 1 : 2),
                    .out = index_map_identity(&anchor->type),
                    .adds = anchor->op == OP_scatter_add || anchor->op == OP_index_add};
    copy_operand(&lower, anchor);
    int lanes = update->type.rank == 0 ? 1 : lower_lanes(target, s.update);
    if (box) {
        for (int d = 0; d < anchor->type.rank; d++) {
            KVal *index = k_index(b, d);
            LowerPoint at = lower_point(1, &index, 0, 1, 1);
            s.start[d] = lower_checked_index(b, lower_operand_at(&lower, s.index, &at),
                                             anchor->type.dim[d] - update->type.dim[d] + 1);
        }
        lower_loops(&lower, update->type.rank, update->type.dim, lanes, 0, box_point, &s);
    } else if (anchor->op == OP_index_add || anchor->op == OP_index_put) {
        bool inner = node_int(anchor, ATTR_axis) + 1 < anchor->type.rank;
        lower_loops(&lower, update->type.rank, update->type.dim, inner ? lanes : 1, 0, index_point,
                    &s);
    } else {
        lower_loops(&lower, update->type.rank, update->type.dim, 1, 0, scatter_point, &s);
    }
    return kernel_end(b);
}
