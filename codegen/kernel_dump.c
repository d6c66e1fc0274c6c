/* Kernels as text: one statement a line, for --dump and golden files. */
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

static const char *libm_name(int64_t function) {
    static const char *const names[] = {
#define X(name, function, operands) #function,
        K_LIBM_LIST(X)
#undef X
    };
    return names[function];
}

static void dump_value(Buf *out, const KVal *value) {
    if (value->op != KOP_CONST)
        buf_printf(out, "v%d", value->id);
    else if (kkind_is_float(value->kind))
        buf_put_double(out, value->f);
    else
        buf_printf(out, "%lld", (long long)value->imm);
}

static void dump_access(Buf *out, const KBuf *buf, const KVal *index, int64_t offset,
                        int64_t stride, int active) {
    buf_printf(out, "b%d[", buf->id);
    dump_value(out, index);
    if (offset) buf_printf(out, "%+lld", (long long)offset);
    if (stride != 1) buf_printf(out, " by %lld", (long long)stride);
    buf_printf(out, "] x%d", active);
}

static void dump_let(Buf *out, const KVal *value) {
    buf_printf(out, "v%d:%s", value->id, kkind_name(value->kind));
    if (value->lanes > 1) buf_printf(out, "x%d", value->lanes);
    buf_puts(out, " = ");
    for (const char *c = op_names[value->op]; *c; c++)
        buf_putc(out, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
    buf_putc(out, ' ');
    if (value->buf) {
        dump_access(out, value->buf, value->a, value->imm, value->stride, value->active);
        return;
    }
    if (value->op == KOP_CALL) buf_printf(out, "%s ", libm_name(value->imm));
    if (value->op == KOP_EXTRACT) buf_printf(out, "%lld of ", (long long)value->imm);
    const KVal *operands[] = {value->a, value->b, value->c};
    for (int i = 0; i < 3 && operands[i]; i++) {
        if (i) buf_puts(out, ", ");
        dump_value(out, operands[i]);
    }
    if (value->op == KOP_SHUFFLE) {
        buf_puts(out, " [");
        for (int i = 0; i < value->lanes; i++)
            buf_printf(out, "%s%d", i ? "," : "", value->shuffle[i]);
        buf_putc(out, ']');
    }
    if (value->op == KOP_ASSUME)
        buf_printf(out, " in [%lld, %lld]", (long long)value->lo, (long long)value->hi);
}

static void dump_block(Buf *out, const KBlock *block, int indent);

static void dump_stmt(Buf *out, const KStmt *s, int indent) {
    switch (s->kind) {
    case KSTMT_LET:
        dump_let(out, s->value);
        break;
    case KSTMT_SET:
        buf_printf(out, "set v%d = ", s->var->id);
        dump_value(out, s->value);
        break;
    case KSTMT_STORE:
        buf_puts(out, "store ");
        dump_access(out, s->buf, s->index, s->imm, s->stride, s->active);
        buf_puts(out, " = ");
        dump_value(out, s->value);
        break;
    case KSTMT_FOR:
        buf_printf(out, "for v%d = ", s->var->id);
        dump_value(out, s->lo);
        buf_puts(out, " to ");
        dump_value(out, s->hi);
        if (s->imm != 1) buf_printf(out, " step %lld", (long long)s->imm);
        if (s->flags & K_PARALLEL) buf_puts(out, " parallel");
        if (s->flags & K_UNROLL) buf_puts(out, " unroll");
        break;
    case KSTMT_IF:
        buf_puts(out, "if ");
        dump_value(out, s->value);
        break;
    case KSTMT_FAULT:
        buf_puts(out, "fault if ");
        dump_value(out, s->value);
        break;
    case KSTMT_COMMENT:
        buf_printf(out, "# %s", s->text);
        break;
    case KSTMT_FENCE:
        buf_puts(out, "fence");
        break;
    }
    buf_putc(out, '\n');
    if (s->body) dump_block(out, s->body, indent + 1);
    if (s->other) {
        buf_printf(out, "%*selse\n", 2 * indent, "");
        dump_block(out, s->other, indent + 1);
    }
}

static void dump_block(Buf *out, const KBlock *block, int indent) {
    for (const KStmt *s = block->first; s; s = s->next) {
        buf_printf(out, "%*s", 2 * indent, "");
        dump_stmt(out, s, indent);
    }
}

void kernel_dump(Buf *out, const Kernel *kernel) {
    static const char *const roles[] = {"in", "out", "scratch", "local", "table"};
    buf_printf(out, "kernel %s (%s)\n", kernel->name, kernel->target->name);
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        buf_printf(out, "  b%d: %s %s[%lld]", buf->id, roles[buf->role], dtype_name(buf->dtype),
                   (long long)buf->count);
        if (buf->comment) buf_printf(out, " # %s", buf->comment);
        buf_putc(out, '\n');
    }
    dump_block(out, kernel->body, 1);
}
