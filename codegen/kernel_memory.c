/* The kernel builder's loads and stores. */
#include "codegen/kernel_internal.h"
#include "support/checked.h"

static void split_offset(KVal **index, int64_t *offset) {
    int64_t c;
    if ((*index)->op == KOP_ADD && k_is_const((*index)->b, &c)) {
        *index = (*index)->a;
        *offset += c;
    }
}

static KVal *new_load(KBuilder *b, KOp op, KBuf *buf, KVal *index, int64_t offset, int lanes) {
    KVal *value = kernel_new_value(b, op, kkind_stored(buf->dtype), lanes, b->block);
    split_offset(&index, &offset);
    value->buf = buf;
    value->a = index;
    value->imm = offset;
    value->stride = 1;
    value->active = lanes;
    if (lanes == 1 && buf->dtype == DT_BOOL) kval_set_range(value, 0, 1);
    if (lanes == 1 && buf->dtype == DT_U8) kval_set_range(value, 0, 255);
    if (lanes == 1 && dtype_is_half(buf->dtype)) kval_set_range(value, 0, UINT16_MAX);
    return value;
}

/* What a load has loaded, as the register that it is used in. */
static KVal *loaded(KBuilder *b, KVal *load) {
    DType dtype = load->buf->dtype;
    return dtype_is_half(dtype) ? kernel_widen_half(b, dtype, load) : load;
}

KVal *k_load_at(KBuilder *b, KBuf *buf, KVal *index, int64_t offset, int lanes) {
    return loaded(b, new_load(b, KOP_LOAD, buf, index, offset, lanes));
}

KVal *k_load(KBuilder *b, KBuf *buf, KVal *index, int lanes) {
    return k_load_at(b, buf, index, 0, lanes);
}

KVal *k_load_splat(KBuilder *b, KBuf *buf, KVal *index, int lanes) {
    return k_splat(b, k_load(b, buf, index, 1), lanes);
}

KVal *k_load_tail(KBuilder *b, KBuf *buf, KVal *index, int lanes, int active) {
    if (active == lanes) return k_load(b, buf, index, lanes);
    KVal *value = new_load(b, KOP_LOAD_TAIL, buf, index, 0, lanes);
    value->active = active;
    return loaded(b, value);
}

KVal *k_load_strided(KBuilder *b, KBuf *buf, KVal *index, int64_t stride, int lanes, int active) {
    if (stride == 1 || lanes == 1) return k_load_tail(b, buf, index, lanes, active);
    if (stride == 0) return k_load_splat(b, buf, index, lanes);
    KVal *value = new_load(b, KOP_LOAD_STRIDED, buf, index, 0, lanes);
    value->stride = stride;
    value->active = active;
    return loaded(b, value);
}

KVal *k_gather(KBuilder *b, KBuf *buf, KVal *indexes) {
    if (indexes->lanes == 1) return k_load(b, buf, indexes, 1);
    NNC_CHECK(indexes->kind == K_I64, "gather needs I64 indexes");
    return loaded(b, new_load(b, KOP_GATHER, buf, indexes, 0, indexes->lanes));
}

void k_prefetch(KBuilder *b, KBuf *buf, KVal *index) {
    KStmt *stmt = kernel_new_stmt(b, KSTMT_PREFETCH);
    split_offset(&index, &stmt->imm);
    stmt->buf = buf;
    stmt->index = index;
    kernel_append(b->block, stmt);
}

static KStmt *new_store(KBuilder *b, KBuf *buf, KVal *index, int64_t offset, KVal *value) {
    NNC_CHECK(value->kind == kkind_of(buf->dtype), "kernel %s: storing %s into %s", b->kernel->name,
              kkind_name(value->kind), dtype_name(buf->dtype));
    if (dtype_is_half(buf->dtype)) value = kernel_narrow_half(b, buf->dtype, value);
    KStmt *stmt = kernel_new_stmt(b, KSTMT_STORE);
    split_offset(&index, &offset);
    stmt->buf = buf;
    stmt->index = index;
    stmt->imm = offset;
    stmt->value = value;
    stmt->stride = 1;
    stmt->active = value->lanes;
    kernel_append(b->block, stmt);
    return stmt;
}

void k_store_at(KBuilder *b, KBuf *buf, KVal *index, int64_t offset, KVal *value) {
    new_store(b, buf, index, offset, value);
}

void k_store(KBuilder *b, KBuf *buf, KVal *index, KVal *value) {
    new_store(b, buf, index, 0, value);
}

void k_store_tail(KBuilder *b, KBuf *buf, KVal *index, KVal *value, int active) {
    new_store(b, buf, index, 0, value)->active = active;
}

void k_store_strided(KBuilder *b, KBuf *buf, KVal *index, int64_t stride, KVal *value, int active) {
    KStmt *stmt = new_store(b, buf, index, 0, value);
    stmt->stride = stride;
    stmt->active = active;
}

static KStmt *new_tile(KBuilder *b, KStmtKind kind, int tile) {
    NNC_CHECK(tile >= 0 && tile < K_TILES, "kernel %s: tile %d", b->kernel->name, tile);
    KStmt *stmt = kernel_new_stmt(b, kind);
    stmt->tile[0] = (uint8_t)tile;
    b->kernel->tiles = true;
    kernel_append(b->block, stmt);
    return stmt;
}

static void new_tile_access(KBuilder *b, KStmtKind kind, int tile, KBuf *buf, KVal *index,
                            int64_t stride) {
    KStmt *stmt = new_tile(b, kind, tile);
    split_offset(&index, &stmt->imm);
    stmt->buf = buf;
    stmt->index = index;
    stmt->stride = stride;
}

void k_tile_zero(KBuilder *b, int tile) {
    new_tile(b, KSTMT_TILE_ZERO, tile);
}

void k_tile_load(KBuilder *b, int tile, KBuf *buf, KVal *index, int64_t stride) {
    new_tile_access(b, KSTMT_TILE_LOAD, tile, buf, index, stride);
}

void k_tile_store(KBuilder *b, int tile, KBuf *buf, KVal *index, int64_t stride) {
    new_tile_access(b, KSTMT_TILE_STORE, tile, buf, index, stride);
}

void k_tile_dot(KBuilder *b, int sum, int x, int y) {
    KStmt *stmt = new_tile(b, KSTMT_TILE_DOT, sum);
    stmt->tile[1] = (uint8_t)x;
    stmt->tile[2] = (uint8_t)y;
}

KVal *k_assume(KBuilder *b, KVal *index, int64_t lo, int64_t hi) {
    if (index->lo >= lo && index->hi <= hi) return index;
    KVal *value = kernel_new_value(b, KOP_ASSUME, index->kind, index->lanes, b->block);
    value->a = index;
    kval_set_range(value, lo, hi);
    return value;
}
