/* What all lowerings share: values of a Flat at a point, loads and stores through index maps. */
#include "codegen/lower.h"

#include <string.h>

#include "codegen/formula.h"
#include "codegen/lower_internal.h"
#include "support/checked.h"

LowerPoint lower_point(int rank, KVal *const *index, int vector_dim, int lanes, int active) {
    LowerPoint point = {
        .rank = rank, .vector_dim = vector_dim, .lanes = lanes, .active = active, .step = 1};
    for (int d = 0; d < rank; d++)
        point.index[d] = index[d];
    return point;
}

Flat *lower_flatten(LowerContext *context, const Group *group, const Node *const *roots,
                    int root_count, const Node *const *held, int held_count) {
    Flat *flat = ARENA_NEW(context->arena, Flat);
    FlattenRequest request = {group, roots, root_count, held, held_count};
    NNC_CHECK(flatten(&request, flat, context->arena), "group %s does not flatten", group->name);
    return flat;
}

KVal *lower_address(KBuilder *b, const IndexMap *map, KVal *const *index) {
    KVal *address = k_index(b, map->offset);
    for (int d = 0; d < map->rank; d++)
        if (map->stride[d]) address = k_add(b, address, k_muli(b, index[d], map->stride[d]));
    return address;
}

/* How far a lane is from its neighbour. */
static int64_t lane_stride(const IndexMap *map, const LowerPoint *point) {
    if (point->lanes == 1) return 0;
    return map->stride[point->vector_dim] * (point->step ? point->step : 1);
}

KVal *lower_load_even(KBuilder *b, KBuf *buf, KVal *address, int lanes, int active) {
    int reach = 2 * active - 1;
    if (active == lanes) {
        int order[K_MAX_LANES];
        for (int l = 0; l < lanes; l++)
            order[l] = l < lanes / 2 ? 2 * l : 2 * l + 1;
        KVal *low = k_load(b, buf, address, lanes);
        return k_shuffle(b, low, k_load_at(b, buf, address, lanes - 1, lanes), order, lanes);
    }
    if (reach <= lanes) {
        KVal *low = k_load_tail(b, buf, address, lanes, reach);
        return k_even(b, low, low);
    }
    KVal *low = k_load(b, buf, address, lanes);
    return k_even(b, low, k_load_tail(b, buf, k_addi(b, address, lanes), lanes, reach - lanes));
}

static KVal *load_from(KBuilder *b, KBuf *buf, const IndexMap *map, const LowerPoint *point) {
    KVal *address = lower_address(b, map, point->index);
    int64_t stride = lane_stride(map, point);
    if (stride == 0) return k_load(b, buf, address, 1);
    if (stride == 2) return lower_load_even(b, buf, address, point->lanes, point->active);
    return k_load_strided(b, buf, address, stride, point->lanes, point->active);
}

KVal *lower_load(KBuilder *b, const Node *node, const IndexMap *map, const LowerPoint *point) {
    return load_from(b, k_input(b, node), map, point);
}

KVal *lower_load_back(KBuilder *b, const Node *output, const IndexMap *map,
                      const LowerPoint *point) {
    return load_from(b, k_output(b, output), map, point);
}

void lower_store_map(KBuilder *b, const Node *output, const IndexMap *map, const LowerPoint *point,
                     KVal *value) {
    KBuf *buf = k_output(b, output);
    KVal *address = lower_address(b, map, point->index);
    value = k_splat(b, value, point->lanes);
    if (point->lanes == 1)
        k_store(b, buf, address, value);
    else
        k_store_strided(b, buf, address, lane_stride(map, point), value, point->active);
}

void lower_store(KBuilder *b, const Node *output, const LowerPoint *point, KVal *value) {
    IndexMap map = index_map_identity(&output->type);
    lower_store_map(b, output, &map, point, value);
}

KVal *lower_number(KBuilder *b, DType dtype, int lanes, double value) {
    return k_number(b, kkind_of(dtype), lanes, value);
}

KVal *lower_lane_numbers(KBuilder *b, KKind kind, int lanes) {
    int64_t numbers[K_MAX_LANES];
    for (int l = 0; l < K_MAX_LANES; l++)
        numbers[l] = l;
    if (lanes == 1) return k_integer(b, kind, 1, 0);
    /* One table a kernel, whatever the lanes. */
    KBuf *table = k_table(b, DT_I64, K_MAX_LANES, numbers);
    return k_convert(b, k_load(b, table, k_index(b, 0), lanes), kind);
}

void lower_transpose(KBuilder *b, KVal **v, int lanes) {
    int low[K_MAX_LANES], high[K_MAX_LANES];
    for (int l = 0; l < lanes; l++) {
        low[l] = l / 2 + (l % 2 ? lanes : 0);
        high[l] = low[l] + lanes / 2;
    }
    for (int step = 1; step < lanes; step *= 2) {
        KVal *next[K_MAX_LANES];
        for (int i = 0; i < lanes / 2; i++) {
            next[2 * i] = k_shuffle(b, v[i], v[i + lanes / 2], low, lanes);
            next[2 * i + 1] = k_shuffle(b, v[i], v[i + lanes / 2], high, lanes);
        }
        for (int i = 0; i < lanes; i++)
            v[i] = next[i];
    }
}

/* One element of a constant's data. */
static KVal *constant_element(KBuilder *b, const Node *node, int64_t at) {
    const char *bytes = node_attr(node, ATTR_data)->data.bytes;
    DType dtype = node->type.dtype;
    bytes += (size_t)at * dtype_size(dtype);
    int32_t i32;
    int64_t i64;
    switch (dtype) {
    case DT_BOOL:
    case DT_U8:
        return k_integer(b, K_I32, 1, *(const unsigned char *)bytes);
    case DT_I32:
        memcpy(&i32, bytes, sizeof i32);
        return k_integer(b, K_I32, 1, i32);
    case DT_I64:
        memcpy(&i64, bytes, sizeof i64);
        return k_integer(b, K_I64, 1, i64);
    default:
        return k_number(b, kkind_of(dtype), 1, dtype_load_float(dtype, bytes));
    }
}

static KVal *iota_value(KBuilder *b, const FlatValue *value, const LowerPoint *point) {
    KVal *first = lower_address(b, &value->map, point->index);
    int64_t stride = lane_stride(&value->map, point);
    if (stride) {
        KVal *lanes = lower_lane_numbers(b, K_I64, point->lanes);
        first = k_add(b, first, k_mul(b, lanes, k_integer(b, K_I64, point->lanes, stride)));
    }
    return formula_to_dtype(b, first, value->node->type.dtype);
}

static KVal *held_value(const Node *node, const LowerHeld *held, int count) {
    for (int i = 0; i < count; i++)
        if (held[i].node == node) return held[i].value;
    NNC_BUG("the lowering holds no value of %%%u", node->id);
}

void lower_values(KBuilder *b, const Flat *flat, const LowerPoint *point, const LowerHeld *held,
                  int held_count, KVal **roots) {
    KVal **values = ARENA_ARRAY(b->arena, KVal *, (size_t)flat->count + 1);
    for (int i = 0; i < flat->count; i++) {
        const FlatValue *value = &flat->values[i];
        switch (value->kind) {
        case FLAT_LOAD:
            values[i] = lower_load(b, value->node, &value->map, point);
            break;
        case FLAT_CONST:
            if (index_map_is_uniform(&value->map))
                values[i] = constant_element(b, value->node, value->map.offset);
            else
                values[i] = lower_load(b, value->node, &value->map, point);
            break;
        case FLAT_IOTA:
            values[i] = iota_value(b, value, point);
            break;
        case FLAT_HELD:
            values[i] = held_value(value->node, held, held_count);
            break;
        case FLAT_OP: {
            KVal *operands[3];
            for (int k = 0; k < value->node->input_count; k++)
                operands[k] = values[value->operand[k]];
            values[i] = formula_apply(b, value->node, operands);
            break;
        }
        }
    }
    for (int r = 0; r < flat->root_count; r++)
        roots[r] = values[flat->roots[r]];
}

KVal *lower_op(KBuilder *b, const Node *node, KVal *const *operands) {
    return formula_apply(b, node, operands);
}

int lower_lanes(const Target *target, const Flat *flat) {
    int lanes = target_lanes(target, DT_F32);
    for (int i = 0; i < flat->count; i++) {
        const FlatValue *value = &flat->values[i];
        if (value->kind == FLAT_OP && formula_needs_scalars(value->node)) return 1;
        int own = target_lanes(target, value->node->type.dtype);
        if (own < lanes) lanes = own;
    }
    return lanes;
}

double lower_flat_flops(const Flat *flat) {
    double count = 0;
    for (int i = 0; i < flat->count; i++)
        if (flat->values[i].kind == FLAT_OP) count += 1;
    return count;
}
