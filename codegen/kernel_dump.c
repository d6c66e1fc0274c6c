/* Kernels as text: one statement a line, for --dump and golden files. */
#include "codegen/emit.h"
#include "codegen/kernel_internal.h"

static const char *const op_names[] = {
#define X(name, operands) #name,
    K_OP_LIST(X)
#undef X
};

const char *kop_name(KOp op) {
    return op_names[op];
}

const char *kkind_name(KKind kind) {
    static const char *const names[] = {"i32", "i64", "f32", "f64", "m32", "m64"};
    return names[kind];
}

const char *klibm_name(int64_t function) {
    static const char *const names[] = {
#define X(name, function, operands) #function,
        K_LIBM_LIST(X)
#undef X
    };
    return names[function];
}

static void dump_value(Emitter *e, const KVal *value) {
    if (value->op != KOP_CONST)
        emit_text(e, "v%d", value->id);
    else if (kkind_is_float(value->kind))
        emit_number(e, DT_F64, value->f);
    else
        emit_text(e, "%lld", (long long)value->imm);
}

static void dump_access(Emitter *e, const KBuf *buf, const KVal *index, int64_t offset,
                        int64_t stride, int active) {
    emit_text(e, "b%d[", buf->id);
    dump_value(e, index);
    if (offset) emit_text(e, offset > 0 ? "+%lld" : "%lld", (long long)offset);
    if (stride != 1) emit_text(e, " by %lld", (long long)stride);
    emit_text(e, "] x%d", active);
}

static void dump_let(Emitter *e, const KVal *value) {
    emit_text(e, "v%d:%s", value->id, kkind_name(value->kind));
    if (value->lanes > 1) emit_text(e, "x%d", value->lanes);
    emit_text(e, " = ");
    for (const char *c = op_names[value->op]; *c; c++)
        emit_text(e, "%c", *c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    emit_text(e, " ");
    if (value->buf) {
        dump_access(e, value->buf, value->a, value->imm, value->stride, value->active);
        return;
    }
    if (value->op == KOP_CALL) emit_text(e, "%s ", klibm_name(value->imm));
    if (value->op == KOP_EXTRACT) emit_text(e, "%lld of ", (long long)value->imm);
    if (value->op == KOP_PEER) emit_text(e, "%lld from ", (long long)value->imm);
    const KVal *operands[] = {value->a, value->b, value->c};
    for (int i = 0; i < 3 && operands[i]; i++) {
        if (i) emit_text(e, ", ");
        dump_value(e, operands[i]);
    }
    if (value->op == KOP_SHUFFLE) {
        emit_text(e, " [");
        for (int i = 0; i < value->lanes; i++)
            emit_text(e, "%s%d", i ? "," : "", value->shuffle[i]);
        emit_text(e, "]");
    }
    if (value->op == KOP_ASSUME)
        emit_text(e, " in [%lld, %lld]", (long long)value->lo, (long long)value->hi);
}

static void dump_block(Emitter *e, const KBlock *block);

static void dump_mma(Emitter *e, const KStmt *s) {
    emit_text(e, s->imm == K_MMA_TF32 ? "mma tf32 " : "mma bf16 ");
    dump_access(e, s->buf, s->index, 0, 1, K_MMA_SUM);
    emit_text(e, " += ");
    dump_access(e, s->from[0], s->at[0], 0, 1, K_MMA_A);
    emit_text(e, " * ");
    dump_access(e, s->from[1], s->at[1], 0, 1, K_MMA_B);
}

static void dump_tile(Emitter *e, const KStmt *s) {
    bool store = s->kind == KSTMT_TILE_STORE;
    if (store)
        emit_text(e, "store ");
    else
        emit_text(e, "tile %d %s ", s->tile[0], s->kind == KSTMT_TILE_DOT ? "+=" : "=");
    if (s->buf) dump_access(e, s->buf, s->index, s->imm, s->stride, K_TILE_ROWS);
    if (s->kind == KSTMT_TILE_ZERO) emit_text(e, "0");
    if (s->kind == KSTMT_TILE_DOT) emit_text(e, "tile %d * tile %d", s->tile[1], s->tile[2]);
    if (store) emit_text(e, " = tile %d", s->tile[0]);
}

static void dump_stmt(Emitter *e, const KStmt *s) {
    switch (s->kind) {
    case KSTMT_LET:
        dump_let(e, s->value);
        break;
    case KSTMT_SET:
        emit_text(e, "set v%d = ", s->var->id);
        dump_value(e, s->value);
        break;
    case KSTMT_STORE:
        emit_text(e, "store ");
        dump_access(e, s->buf, s->index, s->imm, s->stride, s->active);
        emit_text(e, " = ");
        dump_value(e, s->value);
        break;
    case KSTMT_FOR:
        emit_text(e, "for v%d = ", s->var->id);
        dump_value(e, s->lo);
        emit_text(e, " to ");
        dump_value(e, s->hi);
        if (s->imm != 1) emit_text(e, " step %lld", (long long)s->imm);
        if (s->flags & K_PARALLEL) emit_text(e, " parallel");
        if (s->flags & K_UNROLL) emit_text(e, " unroll");
        if (s->flags & K_ROLL) emit_text(e, " roll");
        break;
    case KSTMT_IF:
        emit_text(e, "if ");
        dump_value(e, s->value);
        break;
    case KSTMT_FAULT:
        emit_text(e, "fault if ");
        dump_value(e, s->value);
        break;
    case KSTMT_COMMENT:
        emit_text(e, "# %s", s->text);
        break;
    case KSTMT_PREFETCH:
        emit_text(e, "prefetch ");
        dump_access(e, s->buf, s->index, s->imm, 1, 1);
        break;
    case KSTMT_FENCE:
        emit_text(e, "fence");
        break;
    case KSTMT_BARRIER:
        emit_text(e, "barrier");
        break;
    case KSTMT_COPY:
        emit_text(e, "copy ");
        dump_access(e, s->buf, s->index, 0, 1, s->active);
        emit_text(e, " = ");
        dump_access(e, s->from[0], s->at[0], 0, 1, s->active);
        if (s->value) emit_text(e, " if ");
        if (s->value) dump_value(e, s->value);
        break;
    case KSTMT_COMMIT:
        emit_text(e, "commit");
        break;
    case KSTMT_WAIT:
        emit_text(e, "wait %lld", (long long)s->imm);
        break;
    case KSTMT_MMA:
        dump_mma(e, s);
        break;
    case KSTMT_TILE_ZERO:
    case KSTMT_TILE_LOAD:
    case KSTMT_TILE_STORE:
    case KSTMT_TILE_DOT:
        dump_tile(e, s);
        break;
    }
    emit_text(e, "\n");
    if (s->body) dump_block(e, s->body);
    if (s->other) {
        emit_text(e, "else\n");
        dump_block(e, s->other);
    }
}

static void dump_block(Emitter *e, const KBlock *block) {
    e->indent++;
    for (const KStmt *s = block->first; s; s = s->next)
        dump_stmt(e, s);
    e->indent--;
}

static void dump_table(Emitter *e, const KBuf *buf) {
    const unsigned char *bytes = buf->table;
    size_t size = (size_t)buf->count * dtype_size(buf->dtype);
    emit_text(e, " = ");
    for (size_t i = 0; i < size; i++)
        emit_text(e, "%c%c", "0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15]);
}

void kernel_dump_body(Buf *out, const Kernel *kernel) {
    Emitter emitter = {.out = out};
    dump_block(&emitter, kernel->body);
}

void kernel_dump(Buf *out, const Kernel *kernel) {
    static const char *const roles[] = {"in", "out", "scratch", "local", "table", "shared"};
    Emitter emitter = {.out = out}, *e = &emitter;
    emit_text(e, "kernel %s (%s)", kernel->name, kernel->target->name);
    if (kernel->blocks)
        emit_text(e, " %lld blocks of %d", (long long)kernel->blocks, kernel->threads);
    emit_text(e, "\n");
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        emit_text(e, "  b%d: %s %s[%lld]", buf->id, roles[buf->role], dtype_name(buf->dtype),
                  (long long)buf->count);
        if (buf->role == KBUF_TABLE) dump_table(e, buf);
        if (buf->comment) emit_text(e, " # %s", buf->comment);
        emit_text(e, "\n");
    }
    kernel_dump_body(out, kernel);
}
