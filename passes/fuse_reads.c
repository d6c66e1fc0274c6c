/* What a group reads and from which element on, and when two groups are the same but for that.
 *
 * Both ask flatten() for everything that a kernel of the group evaluates: its outputs, and the
 * operands of its members that are not elementwise. */
#include "passes/flatten.h"
#include "passes/fuse_internal.h"
#include "support/checked.h"

static bool is_held(const Node *node) {
    bool moved = op_is_view(node->op) || node->op == OP_const || node->op == OP_iota;
    return !moved && !(op_info(node->op)->traits & TRAIT_ELEMENTWISE);
}

bool group_has_operand(const Group *group, const Node *node, int operand) {
    return group->part == 0 || node != group->anchor || operand == group->part - 1;
}

GroupRoots group_roots(const Group *group, Arena *arena) {
    GroupRoots roots = {.held = ARENA_ARRAY(arena, const Node *, (size_t)group->node_count)};
    size_t operands = 0;
    for (int i = 0; i < group->node_count; i++) {
        if (!is_held(group->nodes[i])) continue;
        roots.held[roots.held_count++] = group->nodes[i];
        operands += (size_t)group->nodes[i]->input_count;
    }
    roots.items = ARENA_ARRAY(arena, const Node *, (size_t)group->output_count + operands);
    for (int i = 0; i < group->output_count; i++)
        roots.items[roots.count++] = group->outputs[i];
    for (int i = 0; i < roots.held_count; i++)
        for (int k = 0; k < roots.held[i]->input_count; k++)
            if (group_has_operand(group, roots.held[i], k))
                roots.items[roots.count++] = roots.held[i]->inputs[k];
    return roots;
}

bool group_flatten_root(const Group *group, const GroupRoots *roots, int root, Flat *flat,
                        Arena *arena) {
    FlattenRequest request = {.group = group,
                              .roots = &roots->items[root],
                              .root_count = 1,
                              .held = roots->held,
                              .held_count = roots->held_count};
    return flatten(&request, flat, arena);
}

/* The position in a list that is sorted by id, or -1. */
static int find_node(Node *const *nodes, int count, const Node *node) {
    int low = 0, high = count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (nodes[middle]->id < node->id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && nodes[low] == node ? low : -1;
}

bool group_has(const Group *group, const Node *node) {
    return find_node(group->nodes, group->node_count, node) >= 0;
}

int group_input(const Group *group, const Node *node) {
    return find_node(group->inputs, group->input_count, node);
}

/* The first element of the part. */
static int64_t part_base(const Group *group) {
    const Node *concat = group->anchor;
    int axis = (int)node_int(concat, ATTR_axis);
    int64_t strides[MAX_RANK], at = 0;
    type_strides(&concat->type, strides);
    for (int i = 0; i < group->part - 1; i++)
        at += concat->inputs[i]->type.dim[axis];
    return at * strides[axis];
}

int64_t group_base(const Group *group, const Node *node) {
    if (group->part > 0 && node == group->anchor) return part_base(group);
    int input = group->bases ? group_input(group, node) : -1;
    return input < 0 ? 0 : group->bases[input];
}

/* The least element that a map reaches; INT64_MAX if none. */
static int64_t least_element(const IndexMap *map) {
    int64_t least = map->offset;
    for (int d = 0; d < map->rank; d++) {
        if (map->dim[d] == 0) return INT64_MAX;
        if (map->stride[d] < 0) least += map->stride[d] * (map->dim[d] - 1);
    }
    return least;
}

void group_find_bases(Group *group, Arena *arena) {
    Arena scratch = {0};
    GroupRoots roots = group_roots(group, &scratch);
    int64_t *bases = ARENA_ARRAY(arena, int64_t, (size_t)group->input_count);
    bool *reads = ARENA_ARRAY(&scratch, bool, (size_t)group->input_count);
    for (int r = 0; r < roots.count; r++) {
        Flat flat;
        if (!group_flatten_root(group, &roots, r, &flat, &scratch)) continue;
        for (int v = 0; v < flat.count; v++) {
            int input = group_input(group, flat.values[v].node);
            if (flat.values[v].kind != FLAT_LOAD || input < 0) continue;
            int64_t least = least_element(&flat.values[v].map);
            if (least == INT64_MAX) continue;
            if (!reads[input] || least < bases[input]) bases[input] = least;
            reads[input] = true;
        }
    }
    group->bases = bases;
    arena_free(&scratch);
}

static void put_int(Buf *key, int64_t value) {
    buf_add(key, &value, sizeof value);
}

static void put_type(Buf *key, const Type *type) {
    put_int(key, type->dtype);
    put_int(key, type->rank);
    buf_add(key, type->dim, (size_t)type->rank * sizeof *type->dim);
}

/* Where a slice starts is said by the maps. */
static void put_attr(Buf *key, const Node *node, const Attr *attr) {
    if (node->op == OP_slice && attr->name == ATTR_start) return;
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INT:
        put_int(key, attr->i);
        return;
    case ATTR_KIND_INTS:
        put_int(key, attr->ints.count);
        buf_add(key, attr->ints.items, (size_t)attr->ints.count * sizeof(int64_t));
        return;
    case ATTR_KIND_FLOAT:
        buf_add(key, &attr->f, sizeof attr->f);
        return;
    case ATTR_KIND_DTYPE:
        put_int(key, attr->dtype);
        return;
    case ATTR_KIND_TEXT:
        buf_add(key, attr->text, strlen(attr->text) + 1);
        return;
    case ATTR_KIND_DATA:
        NNC_BUG("a constant is known by its id");
    }
}

static int member_number(const Group *group, const Node *node) {
    return find_node(group->nodes, group->node_count, node);
}

static void put_reference(Buf *key, const Group *group, const Node *node) {
    int member = member_number(group, node), input = group_input(group, node);
    NNC_CHECK(member >= 0 || input >= 0, "group %s reads %%%u unlisted", group->name, node->id);
    put_int(key, member >= 0 ? member : -1 - input);
}

static void put_member(Buf *key, const Group *group, const Node *node) {
    put_int(key, node->op);
    put_type(key, &node->type);
    if (node->op == OP_const) {
        put_int(key, node->id);
        return;
    }
    for (int i = 0; i < node->attr_count; i++)
        put_attr(key, node, &node->attrs[i]);
    for (int i = 0; i < node->input_count; i++)
        if (group_has_operand(group, node, i)) put_reference(key, group, node->inputs[i]);
}

static void put_value(Buf *key, const FlatValue *value) {
    put_int(key, value->kind);
    if (value->kind == FLAT_OP) return;
    put_int(key, value->map.offset);
}

DType group_input_dtype(const Node *input) {
    bool wide = input->op == OP_cast && dtype_is_half(input->inputs[0]->type.dtype);
    return wide ? input->inputs[0]->type.dtype : input->type.dtype;
}

static void put_group(Buf *key, const Group *group) {
    put_int(key, group->kind);
    put_int(key, group->part > 0);
    const Node *roles[] = {group->anchor, group->pool, group->pool_index};
    for (int i = 0; i < 3; i++)
        put_int(key, roles[i] ? member_number(group, roles[i]) : -1);
    put_int(key, group->input_count);
    for (int i = 0; i < group->input_count; i++) {
        put_type(key, &group->inputs[i]->type);
        put_int(key, group->inputs[i]->op == OP_const ? (int64_t)group->inputs[i]->id : -1);
        put_int(key, group_input_dtype(group->inputs[i]));
    }
    put_int(key, group->node_count);
    for (int i = 0; i < group->node_count; i++)
        put_member(key, group, group->nodes[i]);
    for (int i = 0; i < group->output_count; i++)
        put_reference(key, group, group->outputs[i]);
    Arena scratch = {0};
    GroupRoots roots = group_roots(group, &scratch);
    for (int r = 0; r < roots.count; r++) {
        Flat flat;
        NNC_CHECK(group_flatten_root(group, &roots, r, &flat, &scratch),
                  "group %s does not flatten", group->name);
        for (int v = 0; v < flat.count; v++)
            put_value(key, &flat.values[v]);
    }
    arena_free(&scratch);
}

void group_make_key(Group *group, Arena *arena) {
    Buf key = {0};
    put_group(&key, group);
    group->key = arena_copy(arena, key.data, key.size, 1);
    group->key_size = key.size;
    buf_free(&key);
}
