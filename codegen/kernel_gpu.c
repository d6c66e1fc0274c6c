/* The kernel builder's threads of a GPU, and what they do together. */
#include "codegen/kernel_internal.h"
#include "support/checked.h"

void k_grid(KBuilder *b, int64_t blocks, int threads) {
    bool whole = threads == 1 || (threads > 0 && threads % K_WARP == 0);
    NNC_CHECK(blocks > 0 && whole && threads <= K_MAX_THREADS,
              "kernel %s: %lld blocks of %d threads", b->kernel->name, (long long)blocks, threads);
    b->kernel->blocks = blocks;
    b->kernel->threads = threads;
}

static KVal *grid_number(KBuilder *b, KOp op, int64_t count) {
    NNC_CHECK(count > 0, "kernel %s is not for a GPU", b->kernel->name);
    if (count == 1) return k_index(b, 0);
    KVal *number = kernel_pure(b, &(KVal){.op = op, .kind = K_I64, .lanes = 1});
    kval_set_range(number, 0, count - 1);
    return number;
}

KVal *k_block(KBuilder *b) {
    return grid_number(b, KOP_BLOCK, b->kernel->blocks);
}

KVal *k_thread(KBuilder *b) {
    return grid_number(b, KOP_THREAD, b->kernel->threads);
}

KVal *k_peer(KBuilder *b, KVal *x, int mask) {
    NNC_CHECK(x->lanes == 1 && mask > 0 && mask < K_WARP, "kernel %s: k_peer", b->kernel->name);
    KVal *peer = kernel_new_value(b, KOP_PEER, x->kind, 1, b->block);
    peer->a = x;
    peer->imm = mask;
    b->kernel->meets = true;
    return peer;
}

void k_barrier(KBuilder *b) {
    kernel_append(b->block, kernel_new_stmt(b, KSTMT_BARRIER));
    b->kernel->meets = true;
}

KVal *k_any(KBuilder *b, KVal *mask) {
    NNC_CHECK(mask->lanes == 1 && kkind_is_mask(mask->kind), "kernel %s: k_any", b->kernel->name);
    KVal *any = kernel_new_value(b, KOP_ANY, mask->kind, 1, b->block);
    any->a = mask;
    b->kernel->meets = true;
    return any;
}

void k_copy_async(KBuilder *b, KBuf *to, KVal *index, KBuf *from, KVal *at, int count,
                  KVal *exists) {
    size_t bytes = (size_t)count * dtype_size(to->dtype);
    NNC_CHECK(to->role == KBUF_SHARED && to->dtype == from->dtype &&
                  (bytes == 4 || bytes == 8 || bytes == 16),
              "kernel %s: k_copy_async of %zu bytes", b->kernel->name, bytes);
    KStmt *stmt = kernel_new_stmt(b, KSTMT_COPY);
    stmt->buf = to;
    stmt->index = index;
    stmt->from[0] = from;
    stmt->at[0] = at;
    stmt->active = count;
    stmt->value = exists;
    kernel_append(b->block, stmt);
}

void k_copy_commit(KBuilder *b) {
    kernel_append(b->block, kernel_new_stmt(b, KSTMT_COMMIT));
}

void k_copy_wait(KBuilder *b, int groups) {
    KStmt *stmt = kernel_new_stmt(b, KSTMT_WAIT);
    stmt->imm = groups;
    kernel_append(b->block, stmt);
}

KVal *k_matrix_units(KBuilder *b) {
    return kernel_pure(b, &(KVal){.op = KOP_MATRIX_UNITS, .kind = K_M32, .lanes = 1});
}

KVal *k_tf32(KBuilder *b, KVal *x) {
    NNC_CHECK(x->kind == K_F32 && x->lanes == 1, "kernel %s: k_tf32", b->kernel->name);
    return kernel_pure(b, &(KVal){.op = KOP_TF32, .kind = K_F32, .lanes = 1, .a = x});
}

void k_mma(KBuilder *b, KMma kind, KBuf *sum, KVal *index, KBuf *x, KVal *x_at, KBuf *y,
           KVal *y_at) {
    DType dtype = kind == K_MMA_TF32 ? DT_F32 : DT_I32;
    NNC_CHECK(sum->dtype == DT_F32 && x->dtype == dtype && y->dtype == dtype, "kernel %s: k_mma",
              b->kernel->name);
    KStmt *stmt = kernel_new_stmt(b, KSTMT_MMA);
    stmt->buf = sum;
    stmt->index = index;
    stmt->from[0] = x;
    stmt->at[0] = x_at;
    stmt->from[1] = y;
    stmt->at[1] = y_at;
    stmt->imm = kind;
    kernel_append(b->block, stmt);
    b->kernel->meets = true;
}
