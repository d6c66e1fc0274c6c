/* pad and concat: parts of the result copied from operands, the rest filled. */
#include "codegen/lower_internal.h"

typedef struct Part {
    Flat *flat;
    const Node *anchor;
    IndexMap map; /* from the part's index space to the result */
} Part;

static void copy_point(Lower *lower, const LowerPoint *point, void *data) {
    const Part *part = data;
    lower_store_map(&lower->b, part->anchor, &part->map, point,
                    lower_operand_at(lower, part->flat, point));
}

static void copy_part(Lower *lower, Part *part, Space *space) {
    space->flats = &part->flat;
    space->flat_count = 1;
    space->maps = &part->map;
    space->map_count = 1;
    space_collapse(space);
    lower_loops(lower, space->rank, space->dim, lower_lanes(lower->b.target, part->flat),
                K_PARALLEL, copy_point, part);
}

static void fill_point(Lower *lower, const LowerPoint *point, void *data) {
    const Node *anchor = data;
    IndexMap map = {.rank = 1, .dim = {type_numel(&anchor->type)}, .stride = {1}};
    KVal *value = lower_number(&lower->b, anchor->type.dtype, 1, node_float(anchor, ATTR_value));
    lower_store_map(&lower->b, anchor, &map, point, value);
}

/* Elements of the operand that land inside of the result, along each dim; the flat's maps are moved
 * to begin there. */
static void crop(Part *part, Space *space, const Node *anchor) {
    int count;
    const int64_t *lo = node_ints(anchor, ATTR_lo, &count);
    const int64_t *interior = node_ints(anchor, ATTR_interior, &count);
    for (int d = 0; d < count; d++) {
        int64_t step = interior[d] + 1, first = lo[d] < 0 ? (-lo[d] + step - 1) / step : 0;
        int64_t end = first, size = space->dim[d];
        while (end < size && lo[d] + end * step < anchor->type.dim[d])
            end++;
        for (int v = 0; v < part->flat->count; v++) {
            IndexMap *map = &part->flat->values[v].map;
            if (part->flat->values[v].kind == FLAT_OP) continue;
            map->offset += first * map->stride[d];
        }
        int64_t stride = part->map.stride[d];
        part->map.offset += (lo[d] + first * step) * stride;
        part->map.stride[d] = stride * step;
        space->dim[d] = end > first ? end - first : 0;
    }
}

static void lower_pad(Lower *lower, const Node *anchor) {
    int64_t total = type_numel(&anchor->type);
    Part part = {lower_operand(lower, 0), anchor, index_map_identity(&anchor->type)};
    Space space = space_of(&anchor->inputs[0]->type);
    crop(&part, &space, anchor);
    if (space_numel(&space) < total)
        lower_loops(lower, 1, &total, target_lanes(lower->b.target, anchor->type.dtype), 0,
                    fill_point, (void *)(uintptr_t)anchor);
    if (space_numel(&space) > 0) copy_part(lower, &part, &space);
}

Kernel *lower_joining(const Group *group, const Target *target, LowerContext *context) {
    Lower lower = lower_begin(group, target, context);
    const Node *anchor = group->anchor;
    if (anchor->op == OP_pad) {
        lower_pad(&lower, anchor);
        return kernel_end(&lower.b);
    }
    int64_t axis = node_int(anchor, ATTR_axis), at = 0;
    for (int i = 0; i < anchor->input_count; i++) {
        const Type *type = &anchor->inputs[i]->type;
        if (!group_has_operand(group, anchor, i)) {
            at += type->dim[axis];
            continue;
        }
        Part part = {lower_operand(&lower, i), anchor, index_map_identity(&anchor->type)};
        Space space = space_of(type);
        part.map.offset = at * part.map.stride[axis] - group_base(group, anchor);
        for (int d = 0; d < type->rank; d++)
            part.map.dim[d] = type->dim[d];
        at += type->dim[axis];
        if (space_numel(&space) > 0) copy_part(&lower, &part, &space);
    }
    return kernel_end(&lower.b);
}
