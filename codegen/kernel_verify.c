/* The kernel verifier.
 *
 * Checked: operands are defined above their use in an open block and have the kinds and lanes that
 * the operation asks for; every load and store lies within its buffer for all values that the
 * index's interval allows; threads of a block come to barriers and meetings of a warp together. */
#include <stdarg.h>
#include <stdlib.h>

#include "codegen/kernel_internal.h"
#include "support/checked.h"

typedef struct Verifier {
    const Kernel *kernel;
    const KBlock *block;
    bool *defined; /* by value id */
    bool *varies;  /* by value id: may differ between the threads of a block */
    int diverged;  /* blocks around that only some threads may enter */
    Buf *error;
    bool failed;
} Verifier;

__attribute__((format(printf, 2, 3))) static void fail(Verifier *v, const char *format, ...) {
    if (v->failed) return;
    v->failed = true;
    va_list args;
    va_start(args, format);
    buf_vprintf(v->error, format, args);
    va_end(args);
}

static void check_operand(Verifier *v, const KVal *value) {
    if (!value || value->op == KOP_CONST) return;
    if (value->id < 0 || value->id >= v->kernel->value_count || !v->defined[value->id]) {
        fail(v, "v%d is used before it is computed", value->id);
        return;
    }
    const KBlock *at = v->block;
    while (at && at != value->block)
        at = at->parent;
    if (!at) fail(v, "v%d is used outside of its block", value->id);
}

/* Elements [index + offset, ... + span] must lie in the buffer. */
static void check_access(Verifier *v, const KBuf *buf, const KVal *index, int64_t offset,
                         int64_t stride, int active) {
    check_operand(v, index);
    if (v->failed) return;
    if (index->kind != K_I64) {
        fail(v, "buffer %d is indexed by a value of kind %s", buf->id, kkind_name(index->kind));
        return;
    }
    int64_t reach = stride * (active - 1), lo = index->lo, hi = index->hi;
    bool ok = add_i64(lo, offset + (reach < 0 ? reach : 0), &lo) &&
              add_i64(hi, offset + (reach > 0 ? reach : 0), &hi) && lo >= 0 && hi < buf->count;
    if (!ok)
        fail(v, "index v%d%+lld of buffer %d (%s, %lld elements) is in [%lld, %lld]", index->id,
             (long long)offset, buf->id, buf->comment ? buf->comment : "", (long long)buf->count,
             (long long)lo, (long long)hi);
}

static void check_types(Verifier *v, const KVal *value) {
    const KVal *x = value->a, *y = value->b;
    bool ok = true;
    switch (value->op) {
    case KOP_SPLAT:
        ok = x->lanes == 1 && x->kind == value->kind;
        break;
    case KOP_EXTRACT:
        ok = value->imm >= 0 && value->imm < x->lanes && value->lanes == 1;
        break;
    case KOP_SUM:
        ok = value->kind == x->kind && value->lanes == 1 && !kkind_is_mask(x->kind);
        break;
    case KOP_SHUFFLE:
        for (int i = 0; i < value->lanes; i++)
            ok = ok && value->shuffle[i] >= 0 && value->shuffle[i] < 2 * x->lanes;
        break;
    case KOP_CONVERT:
    case KOP_BITCAST:
    case KOP_MASK_INT:
        ok = x->lanes == value->lanes;
        break;
    case KOP_LT:
    case KOP_LE:
    case KOP_EQ:
    case KOP_NE:
        ok = x->kind == y->kind && x->lanes == y->lanes && !kkind_is_mask(x->kind) &&
             value->lanes == x->lanes;
        break;
    case KOP_SELECT:
        ok = x->kind == kkind_mask_of(value->kind) && x->lanes == value->lanes &&
             y->kind == value->kind && value->c->kind == value->kind;
        break;
    case KOP_SCALE:
        ok = value->kind == K_F32 && value->lanes == 16 && x->kind == K_F32 && y->kind == K_F32 &&
             x->lanes == 16 && y->lanes == 16;
        break;
    case KOP_SQRT:
    case KOP_FLOOR:
    case KOP_CEIL:
    case KOP_RINT:
    case KOP_TRUNC:
    case KOP_FMA:
    case KOP_CALL:
        ok = kkind_is_float(value->kind) && x->kind == value->kind;
        break;
    case KOP_BF16_PAIR:
        ok = x->kind == K_F32 && y->kind == K_F32 && x->lanes == y->lanes &&
             (x->lanes > 1 || v->kernel->blocks) && value->kind == K_I32 &&
             value->lanes == x->lanes;
        break;
    case KOP_BF16_DOT:
        ok = x->kind == K_I32 && y->kind == K_I32 && value->c->kind == K_F32 && x->lanes > 1 &&
             x->lanes == y->lanes && x->lanes == value->c->lanes && value->lanes == x->lanes;
        break;
    case KOP_SHL:
    case KOP_SHR:
    case KOP_USHR:
    case KOP_UMULHI:
    case KOP_REM:
        ok = (value->kind == K_I32 || value->kind == K_I64) && x->kind == y->kind &&
             (value->op != KOP_UMULHI || value->kind == K_I32);
        break;
    case KOP_AND:
    case KOP_OR:
    case KOP_XOR:
    case KOP_NOT:
        ok = !kkind_is_float(value->kind) && x->kind == value->kind;
        break;
    default:
        if (y && value->op != KOP_GATHER)
            ok = x->kind == value->kind && y->kind == value->kind && y->lanes == value->lanes &&
                 !kkind_is_mask(value->kind);
    }
    if (!ok) fail(v, "v%d: %s has operands of the wrong type", value->id, kop_name(value->op));
}

/* Registers are taken to differ, and what threads write. */
static bool varies(const Verifier *v, const KVal *value) {
    if (value->op == KOP_ANY) return false;
    if (value->op == KOP_THREAD || value->op == KOP_VAR || value->op == KOP_PEER) return true;
    if (value->buf && value->buf->role != KBUF_IN && value->buf->role != KBUF_TABLE) return true;
    const KVal *operands[] = {value->a, value->b, value->c};
    for (int i = 0; i < 3; i++)
        if (operands[i] && operands[i]->id >= 0 && v->varies[operands[i]->id]) return true;
    return false;
}

static void check_device(Verifier *v, const char *what) {
    if (!v->kernel->blocks) fail(v, "%s without a GPU", what);
}

/* Where all threads of a block meet, or of a warp. */
static void check_meeting(Verifier *v) {
    if (v->diverged > 0) fail(v, "threads meet where not all of them may come");
    if (v->kernel->faults && v->kernel->blocks) fail(v, "threads meet that a fault may have ended");
}

/* A block that is entered, or repeated, as those values say. */
static void check_block(Verifier *v, const KBlock *block);
static void check_guarded(Verifier *v, const KBlock *block, const KVal *x, const KVal *y) {
    const KVal *guards[] = {x, y};
    bool diverges = false;
    for (int i = 0; i < 2; i++)
        diverges |= guards[i] && guards[i]->id >= 0 && v->varies[guards[i]->id];
    v->diverged += diverges;
    check_block(v, block);
    v->diverged -= diverges;
}

static void check_let(Verifier *v, const KVal *value) {
    check_operand(v, value->a);
    check_operand(v, value->b);
    check_operand(v, value->c);
    if (v->failed) return;
    v->varies[value->id] = varies(v, value);
    switch (value->op) {
    case KOP_BLOCK:
    case KOP_THREAD:
    case KOP_MATRIX_UNITS:
    case KOP_TF32:
    case KOP_PEER:
    case KOP_ANY:
        check_device(v, kop_name(value->op));
        if (value->op == KOP_PEER || value->op == KOP_ANY) check_meeting(v);
        break;
    case KOP_LOAD:
    case KOP_LOAD_TAIL:
    case KOP_LOAD_STRIDED:
        check_access(v, value->buf, value->a, value->imm, value->stride, value->active);
        if (value->buf->role == KBUF_OUT && value->buf->count == 0)
            fail(v, "load from an empty buffer");
        break;
    case KOP_GATHER:
        check_access(v, value->buf, value->a, value->imm, 0, 1);
        break;
    default:
        check_types(v, value);
    }
    v->defined[value->id] = true;
}

static void check_copy(Verifier *v, const KStmt *s) {
    check_device(v, "a copy");
    check_operand(v, s->value);
    check_access(v, s->buf, s->index, 0, 1, s->active);
    check_access(v, s->from[0], s->at[0], 0, 1, s->active);
}

static void check_mma(Verifier *v, const KStmt *s) {
    check_device(v, "a product of matrices");
    check_access(v, s->buf, s->index, 0, 1, K_MMA_SUM);
    check_access(v, s->from[0], s->at[0], 0, 1, K_MMA_A);
    check_access(v, s->from[1], s->at[1], 0, 1, K_MMA_B);
    check_meeting(v);
}

static void check_store(Verifier *v, const KStmt *s) {
    check_operand(v, s->value);
    if (s->buf->role == KBUF_IN || s->buf->role == KBUF_TABLE)
        fail(v, "store into the constant buffer %d", s->buf->id);
    if (s->active < 1 || s->active > s->value->lanes) fail(v, "store of %d lanes", s->active);
    if (!v->failed) check_access(v, s->buf, s->index, s->imm, s->stride, s->active);
}

/* The first and the last row of a tile in memory. */
static void check_tile(Verifier *v, const KStmt *s) {
    bool store = s->kind == KSTMT_TILE_STORE;
    if (!v->kernel->target->tiles) fail(v, "a tile without a matrix unit");
    if (dtype_size(s->buf->dtype) != 4) fail(v, "a tile in %s", dtype_name(s->buf->dtype));
    if (store && (s->buf->role == KBUF_IN || s->buf->role == KBUF_TABLE))
        fail(v, "store into the constant buffer %d", s->buf->id);
    for (int row = 0; row < K_TILE_ROWS && !v->failed; row += K_TILE_ROWS - 1)
        check_access(v, s->buf, s->index, s->imm + row * s->stride, 1, K_TILE_ROWS);
}

static void check_block(Verifier *v, const KBlock *block) {
    const KBlock *outer = v->block;
    v->block = block;
    for (const KStmt *s = block->first; s && !v->failed; s = s->next) {
        switch (s->kind) {
        case KSTMT_LET:
            check_let(v, s->value);
            break;
        case KSTMT_SET:
            check_operand(v, s->var);
            check_operand(v, s->value);
            if (s->var->kind != s->value->kind || s->var->lanes != s->value->lanes)
                fail(v, "v%d is set to a value of another type", s->var->id);
            break;
        case KSTMT_STORE:
            check_store(v, s);
            break;
        case KSTMT_FOR:
            check_operand(v, s->lo);
            check_operand(v, s->hi);
            v->defined[s->var->id] = true;
            v->varies[s->var->id] = (s->lo->id >= 0 && v->varies[s->lo->id]) ||
                                    (s->hi->id >= 0 && v->varies[s->hi->id]);
            check_guarded(v, s->body, s->lo, s->hi);
            break;
        case KSTMT_IF:
            check_operand(v, s->value);
            check_guarded(v, s->body, s->value, NULL);
            if (s->other) check_guarded(v, s->other, s->value, NULL);
            break;
        case KSTMT_PREFETCH:
            check_operand(v, s->index);
            break;
        case KSTMT_BARRIER:
            check_meeting(v);
            break;
        case KSTMT_TILE_LOAD:
        case KSTMT_TILE_STORE:
            check_tile(v, s);
            break;
        case KSTMT_TILE_ZERO:
        case KSTMT_TILE_DOT:
            if (!v->kernel->target->tiles) fail(v, "a tile without a matrix unit");
            break;
        case KSTMT_FAULT:
            check_operand(v, s->value);
            if (!kkind_is_mask(s->value->kind) || s->value->lanes != 1)
                fail(v, "a fault needs a scalar mask");
            break;
        case KSTMT_COPY:
            check_copy(v, s);
            break;
        case KSTMT_MMA:
            check_mma(v, s);
            break;
        case KSTMT_COMMIT:
        case KSTMT_WAIT:
            check_device(v, "a copy");
            break;
        case KSTMT_COMMENT:
        case KSTMT_FENCE:
            break;
        }
    }
    v->block = outer;
}

/* A block has so much without being asked for it when it is launched. */
static void check_shared(Verifier *v) {
    size_t bytes = 0;
    for (size_t i = 0; i < v->kernel->buffers.count; i++) {
        const KBuf *buf = v->kernel->buffers.items[i];
        if (buf->role == KBUF_SHARED) bytes += (size_t)buf->count * dtype_size(buf->dtype);
    }
    if (bytes > K_MAX_SHARED) fail(v, "%zu bytes of shared memory", bytes);
}

bool kernel_verify(const Kernel *kernel, Buf *error) {
    Verifier v = {.kernel = kernel, .error = error};
    v.defined = xcalloc((size_t)kernel->value_count + 1, sizeof *v.defined);
    v.varies = xcalloc((size_t)kernel->value_count + 1, sizeof *v.varies);
    check_shared(&v);
    check_block(&v, kernel->body);
    free(v.defined);
    free(v.varies);
    return !v.failed;
}
