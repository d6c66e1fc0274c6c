/* Flattening: a depth-first walk from the roots through elementwise members and views, with an
 * explicit stack. A path of views is a list from the reader downwards; the map of the value under
 * it is built by applying the path from its lower end. */
#include "passes/flatten.h"

#include "support/checked.h"

typedef struct Path {
    const Node *view;
    const struct Path *above; /* nearer to the reader */
} Path;

typedef struct Frame {
    const Node *node;
    const Path *path;
    IndexMap map;
    int *operand;
    int next;    /* operand to visit */
    int *target; /* where the finished value's index goes */
} Frame;

typedef struct Flattener {
    const FlattenRequest *request;
    Arena *arena;
    VEC(FlatValue) values;
    VEC(Frame) stack;
} Flattener;

static bool is_held(const FlattenRequest *request, const Node *node) {
    for (int i = 0; i < request->held_count; i++)
        if (request->held[i] == node) return true;
    return false;
}

/* An iota that is a member is computed from the index; one that is an input lies in memory. */
static IndexMap base_map(const Group *group, const Node *node) {
    if (node->op == OP_iota && group_has(group, node)) return index_map_iota(node);
    IndexMap map = index_map_identity(&node->type);
    int input = group->bases ? group_input(group, node) : -1;
    if (input >= 0) map.offset = -group->bases[input];
    return map;
}

/* Looks through views; then `node` is a load, a leaf, held, or an op. */
static const Node *strip_views(Flattener *flattener, const Node *node, const Path **path) {
    while (op_is_view(node->op) && !is_held(flattener->request, node) &&
           group_has(flattener->request->group, node)) {
        Path *longer = ARENA_NEW(flattener->arena, Path);
        *longer = (Path){node, *path};
        *path = longer;
        node = node->inputs[0];
    }
    return node;
}

static FlatKind classify(const FlattenRequest *request, const Node *node) {
    if (is_held(request, node)) return FLAT_HELD;
    if (node->op == OP_const) return FLAT_CONST;
    if (node->op == OP_iota && group_has(request->group, node)) return FLAT_IOTA;
    if ((op_info(node->op)->traits & TRAIT_ELEMENTWISE) && group_has(request->group, node))
        return FLAT_OP;
    return FLAT_LOAD;
}

static int find_value(const Flattener *flattener, const Node *node, const IndexMap *map) {
    for (size_t i = 0; i < flattener->values.count; i++) {
        const FlatValue *value = &flattener->values.items[i];
        if (value->node == node && index_map_equal(&value->map, map)) return (int)i;
    }
    return -1;
}

/* Starts on one value: done at once when it is known or needs no operands, else pushed. */
static bool visit(Flattener *flattener, const Node *node, const Path *path, int *target) {
    node = strip_views(flattener, node, &path);
    IndexMap map = base_map(flattener->request->group, node);
    for (const Path *p = path; p != NULL; p = p->above)
        if (!index_map_apply(&map, p->view)) return false;
    *target = find_value(flattener, node, &map);
    if (*target >= 0) return true;
    FlatKind kind = classify(flattener->request, node);
    if (kind == FLAT_OP) {
        int *operand = ARENA_ARRAY(flattener->arena, int, (size_t)node->input_count);
        VEC_PUSH(flattener->stack, (Frame){node, path, map, operand, 0, target});
        return true;
    }
    *target = (int)flattener->values.count;
    VEC_PUSH(flattener->values, (FlatValue){.kind = kind, .node = node, .map = map});
    return true;
}

static bool drain(Flattener *flattener) {
    while (flattener->stack.count > 0) {
        Frame *top = &flattener->stack.items[flattener->stack.count - 1];
        if (top->next < top->node->input_count) {
            int i = top->next++;
            if (!visit(flattener, top->node->inputs[i], top->path, &top->operand[i])) return false;
            continue;
        }
        Frame done = *top;
        flattener->stack.count--;
        *done.target = (int)flattener->values.count;
        VEC_PUSH(flattener->values,
                 (FlatValue){
                     .kind = FLAT_OP, .node = done.node, .map = done.map, .operand = done.operand});
    }
    return true;
}

bool flatten(const FlattenRequest *request, Flat *out, Arena *arena) {
    Flattener flattener = {.request = request, .arena = arena};
    int *roots = ARENA_ARRAY(arena, int, (size_t)request->root_count);
    bool ok = true;
    for (int i = 0; i < request->root_count && ok; i++)
        ok = visit(&flattener, request->roots[i], NULL, &roots[i]) && drain(&flattener);
    if (ok) {
        out->count = (int)flattener.values.count;
        out->values = arena_copy(arena, flattener.values.items, flattener.values.count,
                                 sizeof *flattener.values.items);
        out->roots = roots;
        out->root_count = request->root_count;
    }
    VEC_FREE(flattener.values);
    VEC_FREE(flattener.stack);
    return ok;
}

const Node *group_read(const Group *group, const Node *value, IndexMap *map) {
    const Node *path[FUSE_MAX_MEMBERS];
    int length = 0;
    while (op_is_view(value->op) && group_has(group, value)) {
        NNC_CHECK(length < FUSE_MAX_MEMBERS, "a group of too many views");
        path[length++] = value;
        value = value->inputs[0];
    }
    *map = base_map(group, value);
    while (length > 0)
        NNC_CHECK(index_map_apply(map, path[--length]), "a group reads what has no index map");
    return value;
}
