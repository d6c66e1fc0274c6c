/* Index maps: composition of movement ops into strides over the base's row-major elements. */
#include "passes/index_map.h"

#include "support/checked.h"

/* Strides of dims that hold one element say nothing: 0 makes equal maps equal. */
static void normalize(IndexMap *map) {
    for (int d = 0; d < map->rank; d++)
        if (map->dim[d] == 1) map->stride[d] = 0;
    for (int d = map->rank; d < MAX_RANK; d++)
        map->dim[d] = map->stride[d] = 0;
}

IndexMap index_map_identity(const Type *type) {
    IndexMap map = {.rank = type->rank};
    type_strides(type, map.stride);
    for (int d = 0; d < type->rank; d++)
        map.dim[d] = type->dim[d];
    normalize(&map);
    return map;
}

IndexMap index_map_iota(const Node *iota) {
    IndexMap map = {.rank = iota->type.rank};
    for (int d = 0; d < map.rank; d++)
        map.dim[d] = iota->type.dim[d];
    map.stride[node_int(iota, ATTR_axis)] = 1;
    normalize(&map);
    return map;
}

static bool is_marked(const bool *stop, const Node *node) {
    return stop != NULL && stop[node->id];
}

static int64_t count_elements(int rank, const int64_t *dims) {
    int64_t count = 1;
    for (int d = 0; d < rank; d++)
        count *= dims[d];
    return count;
}

/* Walks old and new dims from the last. Old neighbours that step evenly form one run of elements;
 * each run must be covered by whole new dims. */
bool index_map_reshape(IndexMap *map, int rank, const int64_t *dims) {
    IndexMap result = {.rank = rank, .offset = map->offset};
    for (int d = 0; d < rank; d++)
        result.dim[d] = dims[d];
    if (count_elements(rank, dims) == 0) {
        *map = result;
        return true;
    }
    int to = rank - 1;
    for (int from = map->rank - 1; from >= 0;) {
        if (map->dim[from] == 1) {
            from--;
            continue;
        }
        int64_t step = map->stride[from], length = map->dim[from];
        for (from--; from >= 0; from--) {
            if (map->dim[from] == 1) continue;
            if (map->stride[from] != step * length) break;
            length *= map->dim[from];
        }
        int64_t covered = 1;
        for (; to >= 0 && covered < length; to--) {
            result.stride[to] = step * covered;
            covered *= dims[to];
        }
        if (covered != length) return false;
    }
    normalize(&result);
    *map = result;
    return true;
}

static void apply_permute(IndexMap *map, const Node *node) {
    IndexMap old = *map;
    int count;
    const int64_t *perm = node_ints(node, ATTR_perm, &count);
    for (int d = 0; d < count; d++) {
        map->dim[d] = old.dim[perm[d]];
        map->stride[d] = old.stride[perm[d]];
    }
}

static void apply_slice(IndexMap *map, const Node *node) {
    int count;
    const int64_t *start = node_ints(node, ATTR_start, &count);
    const int64_t *step = node_ints(node, ATTR_step, &count);
    for (int d = 0; d < count; d++) {
        map->offset += start[d] * map->stride[d];
        map->stride[d] *= step[d];
        map->dim[d] = node->type.dim[d];
    }
}

static void apply_flip(IndexMap *map, const Node *node) {
    int count;
    const int64_t *axes = node_ints(node, ATTR_axes, &count);
    for (int i = 0; i < count; i++) {
        map->offset += (map->dim[axes[i]] - 1) * map->stride[axes[i]];
        map->stride[axes[i]] = -map->stride[axes[i]];
    }
}

bool op_is_view(Op op) {
    switch (op) {
    case OP_reshape:
    case OP_permute:
    case OP_expand:
    case OP_slice:
    case OP_flip:
    case OP_detach:
        return true;
    default:
        return false;
    }
}

bool index_map_apply(IndexMap *map, const Node *movement) {
    switch (movement->op) {
    case OP_reshape:
        return index_map_reshape(map, movement->type.rank, movement->type.dim);
    case OP_permute:
        apply_permute(map, movement);
        break;
    case OP_expand:
        for (int d = 0; d < map->rank; d++) {
            if (map->dim[d] != movement->type.dim[d]) map->stride[d] = 0;
            map->dim[d] = movement->type.dim[d];
        }
        break;
    case OP_slice:
        apply_slice(map, movement);
        break;
    case OP_flip:
        apply_flip(map, movement);
        break;
    case OP_detach:
        break;
    default:
        return false;
    }
    normalize(map);
    return true;
}

const Node *index_map_resolve(const Node *value, IndexMap *map) {
    return index_map_resolve_until(value, NULL, map);
}

const Node *index_map_resolve_until(const Node *value, const bool *stop, IndexMap *map) {
    /* The whole path is tried from ever deeper bases; paths are short once simplified, and longer
     * ones end the search. */
    enum { LONGEST = 32 };
    const Node *path[LONGEST];
    int length = 0;
    const Node *best = value;
    *map = index_map_identity(&value->type);
    for (const Node *node = value; op_is_view(node->op) && length < LONGEST;) {
        if (node != value && is_marked(stop, node)) break;
        path[length++] = node;
        node = node->inputs[0];
        bool computed = node->op == OP_iota && !is_marked(stop, node);
        IndexMap longer = computed ? index_map_iota(node) : index_map_identity(&node->type);
        bool affine = true;
        for (int i = length - 1; i >= 0 && affine; i--)
            affine = index_map_apply(&longer, path[i]);
        if (affine) {
            best = node;
            *map = longer;
        }
    }
    return best;
}

bool index_map_equal(const IndexMap *a, const IndexMap *b) {
    if (a->rank != b->rank || a->offset != b->offset) return false;
    for (int d = 0; d < a->rank; d++)
        if (a->dim[d] != b->dim[d] || a->stride[d] != b->stride[d]) return false;
    return true;
}

bool index_map_is_contiguous(const IndexMap *map) {
    int64_t step = 1;
    for (int d = map->rank - 1; d >= 0; d--) {
        if (map->dim[d] != 1 && map->stride[d] != step) return false;
        step *= map->dim[d];
    }
    return true;
}

bool index_map_is_uniform(const IndexMap *map) {
    for (int d = 0; d < map->rank; d++)
        if (map->stride[d] != 0) return false;
    return true;
}
