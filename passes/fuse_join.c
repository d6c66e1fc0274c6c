/* Joining: whether a node can be computed by a group that exists.
 *
 * The test is local. A member reads the group's other members at its own index, or, in the full
 * space of a reduction, a row value through the row map; values from elsewhere are loads, which may
 * have any affine map. So whatever joins flattens later. */
#include "passes/fuse_internal.h"
#include "support/checked.h"

bool is_leaf(const Fuser *fuser, const Node *node) {
    if (node->op == OP_iota) return !fuser->copied[node->id];
    return node->op == OP_const || node->op == OP_input;
}

bool is_computed(const Fuser *fuser, const Node *node) {
    return fuser->copied[node->id] || !(is_leaf(fuser, node) || op_is_view(node->op));
}

Node *fuse_base(const Fuser *fuser, const Node *operand, IndexMap *map) {
    const Node *base = operand;
    if (fuser->copied[operand->id])
        *map = index_map_identity(&operand->type);
    else
        base = index_map_resolve_until(operand, fuser->copied, map);
    return fuser->graph->nodes.items[base->id];
}

Node *fuse_operand(const Fuser *fuser, const Node *reader, int i, IndexMap *map) {
    if (!fuser->copied[reader->id]) return fuse_base(fuser, reader->inputs[i], map);
    const Node *base = index_map_resolve_until(reader, fuser->copied, map);
    return fuser->graph->nodes.items[base->id];
}

static void reduced_axes(const Node *node, bool reduced[MAX_RANK]) {
    for (int d = 0; d < MAX_RANK; d++)
        reduced[d] = false;
    if (node->op == OP_argmax || node->op == OP_argmin) {
        reduced[node_int(node, ATTR_axis)] = true;
        return;
    }
    int count;
    const int64_t *axes = node_ints(node, ATTR_axes, &count);
    for (int i = 0; i < count; i++)
        reduced[axes[i]] = true;
}

static bool same_axes(const Draft *draft, const Node *reduction) {
    bool reduced[MAX_RANK];
    reduced_axes(reduction, reduced);
    for (int d = 0; d < MAX_RANK; d++)
        if (reduced[d] != draft->reduced[d]) return false;
    return true;
}

void draft_reduce(Draft *draft, Node *reduction) {
    draft->kind = GROUP_REDUCTION;
    draft->anchor = reduction;
    draft->space = reduction->inputs[0]->type;
    reduced_axes(reduction, draft->reduced);
    IndexMap row = index_map_identity(&reduction->type);
    IndexMap map = {.rank = draft->space.rank};
    for (int d = 0, r = 0; d < map.rank; d++) {
        map.dim[d] = draft->space.dim[d];
        if (!draft->reduced[d]) map.stride[d] = row.stride[r++];
    }
    draft->row_map = map;
}

static bool is_identity(const IndexMap *map, const Type *type) {
    IndexMap identity = index_map_identity(type);
    return index_map_equal(map, &identity);
}

/* Where a member is computed: in the full space (0), or behind a pooling or a reduction (1). */
static int stage_of(const Draft *draft, const Node *member) {
    if (draft->kind == GROUP_REDUCTION) return !type_same_shape(&member->type, &draft->space);
    bool pooled = draft->kind == GROUP_CONTRACTION && draft->pool != NULL;
    return pooled && type_same_shape(&member->type, &draft->pool->type);
}

static int64_t map_elements(const IndexMap *map) {
    int64_t count = 1;
    for (int d = 0; d < map->rank; d++)
        count *= map->dim[d];
    return count;
}

bool draft_reads_member(const Draft *draft, const Node *reader, const Node *base,
                        const IndexMap *map) {
    if (draft->kind == GROUP_REDUCTION) {
        bool reduces = op_info(reader->op)->traits & TRAIT_REDUCTION;
        int stage = reduces ? 0 : stage_of(draft, reader);
        if (stage == 1) /* rows, perhaps with dims of size 1 kept */
            return stage_of(draft, base) == 1 && map->offset == 0 && index_map_is_contiguous(map) &&
                   map_elements(map) == type_numel(&base->type);
        if (stage_of(draft, base) == 1) return index_map_equal(map, &draft->row_map);
        return is_identity(map, &base->type);
    }
    return stage_of(draft, reader) == stage_of(draft, base) && is_identity(map, &base->type);
}

static bool is_row_shape(const Draft *draft, const Type *type) {
    const Type *full = &draft->space;
    if (type_same_shape(type, &draft->anchor->type)) return true;
    if (type->rank != full->rank) return false;
    for (int d = 0; d < full->rank; d++)
        if (type->dim[d] != (draft->reduced[d] ? 1 : full->dim[d])) return false;
    return true;
}

/* Anchors whose elements come one by one, so that more can be done to each. */
static bool takes_epilogue(const Node *anchor) {
    switch (anchor->op) {
    case OP_max_pool:
    case OP_window_sum:
    case OP_gather:
    case OP_take:
    case OP_pool_gather:
    case OP_dynamic_slice:
    case OP_random:
        return true;
    default:
        return op_info(anchor->op)->traits & TRAIT_CONTRACTION;
    }
}

static bool has_its_space(const Draft *draft, const Type *type) {
    switch (draft->kind) {
    case GROUP_REDUCTION:
        return type_same_shape(type, &draft->space) || is_row_shape(draft, type);
    case GROUP_CONTRACTION:
        if (draft->pool != NULL && type_same_shape(type, &draft->pool->type)) return true;
        return type_same_shape(type, &draft->space);
    case GROUP_ELEMENTWISE:
        return type_same_shape(type, &draft->space);
    case GROUP_WINDOW:
    case GROUP_OTHER:
        return type_same_shape(type, &draft->space) && takes_epilogue(draft->anchor);
    }
    return false;
}

static bool reads_members_in_place(const Fuser *fuser, const Draft *draft, const Node *node) {
    for (int i = 0; i < node->input_count; i++) {
        IndexMap map;
        const Node *base = fuse_operand(fuser, node, i, &map);
        if (fuser->home[base->id] != draft || is_leaf(fuser, base)) continue;
        if (!draft_reads_member(draft, node, base, &map)) return false;
    }
    return true;
}

static bool accepts_reduction(const Fuser *fuser, const Draft *draft, const Node *node) {
    if (!type_same_shape(&node->inputs[0]->type, &draft->space)) return false;
    if (draft->kind == GROUP_REDUCTION)
        return same_axes(draft, node) && reads_members_in_place(fuser, draft, node);
    return draft->kind == GROUP_ELEMENTWISE && reads_members_in_place(fuser, draft, node);
}

static bool equal_ints(const Node *a, const Node *b, AttrName name) {
    int count_a, count_b;
    const int64_t *x = node_ints(a, name, &count_a), *y = node_ints(b, name, &count_b);
    for (int i = 0; i < count_a && count_a == count_b; i++)
        if (x[i] != y[i]) return false;
    return count_a == count_b;
}

/* The index that belongs to a maximum. */
static bool is_pair(const Node *max, const Node *index) {
    return max->op == OP_max_pool && index->op == OP_max_pool_index &&
           max->inputs[0] == index->inputs[0] && equal_ints(max, index, ATTR_window) &&
           equal_ints(max, index, ATTR_stride) && equal_ints(max, index, ATTR_lo) &&
           equal_ints(max, index, ATTR_hi) && equal_ints(max, index, ATTR_dilation);
}

bool is_non_overlapping(const Node *node) {
    int count;
    const int64_t *window = node_ints(node, ATTR_window, &count);
    const int64_t *stride = node_ints(node, ATTR_stride, NULL);
    const int64_t *lo = node_ints(node, ATTR_lo, NULL), *hi = node_ints(node, ATTR_hi, NULL);
    const int64_t *dilation = node_ints(node, ATTR_dilation, NULL);
    for (int i = 0; i < count; i++)
        if (window[i] != stride[i] || lo[i] != 0 || hi[i] != 0 || dilation[i] != 1) return false;
    return true;
}

/* A pooling in a convolution's epilogue tiles the result: no row or column is left over. */
static bool accepts_pool(const Fuser *fuser, const Draft *draft, const Node *node) {
    if (draft->kind == GROUP_WINDOW) return draft->pool == NULL && is_pair(draft->anchor, node);
    if (draft->kind != GROUP_CONTRACTION || draft->anchor->op != OP_conv) return false;
    if (draft->pool != NULL) return draft->pool_index == NULL && is_pair(draft->pool, node);
    if (node->op == OP_max_pool_index || draft->space.rank != 4) return false;
    if (!is_non_overlapping(node)) return false;
    for (int i = 0; i < 2; i++) {
        int64_t window = node_ints(node, ATTR_window, NULL)[i];
        if (node->type.dim[2 + i] * window != draft->space.dim[2 + i]) return false;
    }
    if (type_same_shape(&node->type, &draft->space)) return false;
    IndexMap map;
    const Node *base = fuse_base(fuser, node->inputs[0], &map);
    return fuser->home[base->id] == draft && is_identity(&map, &base->type);
}

/* The input gradient of a window that moves by more than one comes in phases, whose neighbours are
 * far apart in the result. Other values of its size are better read in a pass of their own. */
static bool reads_in_phases(const Fuser *fuser, const Draft *draft, const Node *node) {
    if (draft->kind != GROUP_CONTRACTION || draft->anchor->op != OP_conv_dx) return false;
    int count;
    const int64_t *stride = node_ints(draft->anchor, ATTR_stride, &count);
    bool phases = false;
    for (int i = 0; i < count; i++)
        phases = phases || stride[i] > 1;
    for (int i = 0; i < node->input_count && phases; i++) {
        IndexMap map;
        const Node *base = fuse_operand(fuser, node, i, &map);
        if (fuser->home[base->id] != draft && base->op != OP_iota &&
            type_numel(&base->type) == type_numel(&draft->space))
            return true;
    }
    return false;
}

bool draft_accepts(const Fuser *fuser, const Draft *draft, const Node *node) {
    if (draft->members.count >= DRAFT_LIMIT || fuser->copied[node->id]) return false;
    if (fuser->param_only != NULL && fuser->param_only[node->id] != draft->param_only) return false;
    if (node->again && !draft->again) return false; /* it would be computed too early, and kept */
    uint32_t traits = op_info(node->op)->traits;
    if (traits & TRAIT_ELEMENTWISE)
        return has_its_space(draft, &node->type) && reads_members_in_place(fuser, draft, node) &&
               !reads_in_phases(fuser, draft, node);
    if (traits & TRAIT_REDUCTION) return accepts_reduction(fuser, draft, node);
    if (node->op == OP_max_pool || node->op == OP_max_pool_index || node->op == OP_window_sum)
        return accepts_pool(fuser, draft, node);
    return node->op == OP_random_mt;
}

static GroupKind kind_of(const Fuser *fuser, const Node *node) {
    uint32_t traits = op_info(node->op)->traits;
    if ((traits & TRAIT_ELEMENTWISE) || fuser->copied[node->id]) return GROUP_ELEMENTWISE;
    if (traits & TRAIT_CONTRACTION) return GROUP_CONTRACTION;
    if (traits & TRAIT_REDUCTION) return GROUP_REDUCTION;
    if ((traits & TRAIT_WINDOW) || node->op == OP_pool_scatter) return GROUP_WINDOW;
    return GROUP_OTHER;
}

Draft *draft_new(Fuser *fuser, Node *node) {
    Draft *draft = ARENA_NEW(fuser->scratch, Draft);
    draft->id = (int)fuser->drafts.count;
    draft->kind = kind_of(fuser, node);
    draft->space = node->type;
    draft->again = node->again;
    draft->param_only = fuser->param_only != NULL && fuser->param_only[node->id];
    if (draft->kind != GROUP_ELEMENTWISE) draft->anchor = node;
    VEC_PUSH(fuser->drafts, draft);
    return draft;
}

void draft_add(Fuser *fuser, Draft *draft, Node *node) {
    for (int i = 0; i < node->input_count; i++) {
        IndexMap map;
        const Node *base = fuse_operand(fuser, node, i, &map);
        Draft *other = fuser->home[base->id];
        if (other == NULL || other == draft || is_leaf(fuser, base)) continue;
        other->read = true;
        if (other->depth >= draft->depth) draft->depth = other->depth + 1;
    }
    if (op_info(node->op)->traits & TRAIT_REDUCTION) draft_reduce(draft, node);
    if (draft->kind == GROUP_CONTRACTION && node != draft->anchor) {
        if (node->op == OP_max_pool || node->op == OP_window_sum) draft->pool = node;
        if (node->op == OP_max_pool_index) draft->pool_index = node;
    }
    if (draft->kind == GROUP_WINDOW && node != draft->anchor && node->op == OP_max_pool_index) {
        draft->pool = draft->anchor;
        draft->pool_index = node;
    }
    VEC_PUSH(draft->members, node);
    fuser->home[node->id] = draft;
}

bool is_inlined(const Draft *draft, const Node *node) {
    for (size_t i = 0; i < draft->inlined.count; i++)
        if (draft->inlined.items[i] == node) return true;
    return false;
}
