/* The kernel builder: kernels, buffers, constants, statements and control.
 *
 * A FOR or IF statement is appended to its parent block when it is closed, so that pure values
 * computed for its body can still be placed before it (see kernel_pure). */
#include "codegen/kernel_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/checked.h"

KKind kkind_of(DType dtype) {
    switch (dtype) {
    case DT_I64:
        return K_I64;
    case DT_F16:
    case DT_BF16:
    case DT_F32:
        return K_F32;
    case DT_F64:
        return K_F64;
    default:
        return K_I32;
    }
}

KKind kkind_stored(DType dtype) {
    return dtype_is_half(dtype) ? K_I32 : kkind_of(dtype);
}

KKind kkind_mask_of(KKind kind) {
    return kkind_size(kind) == 8 ? K_M64 : K_M32;
}

static KBlock *new_block(KBuilder *b, KStmt *owner) {
    KBlock *block = ARENA_NEW(b->arena, KBlock);
    block->parent = b->block;
    block->depth = b->block ? b->block->depth + 1 : 0;
    block->owner = owner;
    return block;
}

KBuilder kernel_begin(Arena *arena, const Target *target, const char *name, Span span) {
    KBuilder b = {.arena = arena, .target = target};
    b.kernel = ARENA_NEW(arena, Kernel);
    b.kernel->name = name;
    b.kernel->span = span;
    b.kernel->target = target;
    b.block = b.kernel->body = new_block(&b, NULL);
    return b;
}

Kernel *kernel_end(KBuilder *b) {
    NNC_CHECK(b->depth == 0, "kernel %s: %d scopes left open", b->kernel->name, b->depth);
    kernel_drop_dead(b->kernel, b->arena);
    kernel_drop_buffers(b->kernel, b->arena);
    b->kernel->target = target_least(b->target, b->kernel->bf16, b->kernel->tiles);
    /* The list of buffers lives as long as the kernel: with its arena. */
    size_t count = b->kernel->buffers.count;
    KBuf **items = arena_copy(b->arena, b->kernel->buffers.items, count, sizeof *items);
    VEC_FREE(b->kernel->buffers);
    b->kernel->buffers.items = items;
    b->kernel->buffers.count = b->kernel->buffers.capacity = count;
#ifndef NDEBUG
    Buf error = {0};
    NNC_CHECK(kernel_verify(b->kernel, &error), "kernel %s: %s", b->kernel->name, buf_text(&error));
    buf_free(&error);
#endif
    return b->kernel;
}

static const char *copy_text(Arena *arena, const char *text) {
    return text ? arena_strdup(arena, text) : NULL;
}

static const KernelChoice *copy_choices(const Kernel *kernel, Arena *arena) {
    KernelChoice *copy =
        arena_copy(arena, kernel->choices, (size_t)kernel->choice_count, sizeof *copy);
    for (int i = 0; i < kernel->choice_count; i++) {
        const KernelChoice *from = &kernel->choices[i];
        const char **others = ARENA_ARRAY(arena, const char *, (size_t)from->other_count);
        for (int k = 0; k < from->other_count; k++)
            others[k] = copy_text(arena, from->others[k]);
        copy[i].key = copy_text(arena, from->key);
        copy[i].schedule = copy_text(arena, from->schedule);
        copy[i].wrong = copy_text(arena, from->wrong);
        copy[i].others = others;
    }
    return copy;
}

Kernel *kernel_outline(const Kernel *kernel, Arena *arena) {
    Kernel *outline = arena_copy(arena, kernel, 1, sizeof *kernel);
    size_t count = kernel->buffers.count;
    outline->name = copy_text(arena, kernel->name);
    outline->comment = copy_text(arena, kernel->comment);
    outline->schedule = copy_text(arena, kernel->schedule);
    outline->choices = copy_choices(kernel, arena);
    outline->body = NULL;
    outline->buffers.items = ARENA_ARRAY(arena, KBuf *, count);
    KBuf *buffers = ARENA_ARRAY(arena, KBuf, count);
    for (size_t i = 0; i < count; i++) {
        KBuf *buf = outline->buffers.items[i] = &buffers[i];
        *buf = *kernel->buffers.items[i];
        buf->comment = copy_text(arena, buf->comment);
        buf->table = NULL;
    }
    return outline;
}

Kernel *kernel_twin(const Kernel *kernel, const char *name, Span span, Arena *arena) {
    Kernel *twin = kernel_outline(kernel, arena);
    twin->name = name;
    twin->span = span;
    twin->twin = kernel_code(kernel);
    return twin;
}

const Kernel *kernel_code(const Kernel *kernel) {
    return kernel->twin ? kernel->twin : kernel;
}

KStmt *kernel_new_stmt(KBuilder *b, KStmtKind kind) {
    KStmt *stmt = arena_take(b->arena, sizeof *stmt);
    *stmt = (KStmt){.kind = kind};
    return stmt;
}

void kernel_append(KBlock *block, KStmt *stmt) {
    if (block->last)
        block->last->next = stmt;
    else
        block->first = stmt;
    block->last = stmt;
}

KVal *kernel_new_value(KBuilder *b, KOp op, KKind kind, int lanes, KBlock *block) {
    NNC_CHECK(lanes >= 1 && lanes <= K_MAX_LANES, "kernel %s: %d lanes", b->kernel->name, lanes);
    KVal *value = arena_take(b->arena, sizeof *value);
    *value = (KVal){.op = op,
                    .kind = kind,
                    .lanes = lanes,
                    .id = b->kernel->value_count++,
                    .lo = INT64_MIN,
                    .hi = INT64_MAX,
                    .block = block};
    if (op != KOP_LOOP) {
        KStmt *stmt = kernel_new_stmt(b, KSTMT_LET);
        stmt->value = value;
        kernel_append(block, stmt);
    }
    return value;
}

static KBuf *new_buffer(KBuilder *b, KBufRole role, DType dtype, int64_t count) {
    KBuf *buf = ARENA_NEW(b->arena, KBuf);
    *buf =
        (KBuf){.id = (int)b->kernel->buffers.count, .role = role, .dtype = dtype, .count = count};
    VEC_PUSH(b->kernel->buffers, buf);
    return buf;
}

static KBuf *node_buffer(KBuilder *b, KBufRole role, const Node *node) {
    for (size_t i = 0; i < b->kernel->buffers.count; i++) {
        KBuf *buf = b->kernel->buffers.items[i];
        if (buf->node == node && buf->role == role) return buf;
    }
    int64_t base = b->group ? group_base(b->group, node) : 0;
    KBuf *buf = new_buffer(b, role, node->type.dtype, type_numel(&node->type) - base);
    buf->node = node;
    buf->base = base;
    Buf text = {0};
    if (node->name) buf_printf(&text, "%s ", node->name);
    type_print(&text, &node->type);
    buf->comment = arena_strdup(b->arena, buf_text(&text));
    buf_free(&text);
    return buf;
}

KBuf *k_input(KBuilder *b, const Node *node) {
    return node_buffer(b, KBUF_IN, node);
}
KBuf *k_output(KBuilder *b, const Node *node) {
    return node_buffer(b, KBUF_OUT, node);
}

KBuf *k_scratch(KBuilder *b, DType dtype, int64_t count, const char *comment) {
    KBuf *buf = new_buffer(b, KBUF_SCRATCH, dtype, count);
    buf->comment = comment;
    return buf;
}

KBuf *k_local(KBuilder *b, DType dtype, int64_t count, const char *comment) {
    KBuf *buf = new_buffer(b, KBUF_LOCAL, dtype, count);
    buf->comment = comment;
    return buf;
}

KBuf *k_table(KBuilder *b, DType dtype, int64_t count, const void *elements) {
    size_t bytes = (size_t)count * dtype_size(dtype);
    for (size_t i = 0; i < b->kernel->buffers.count; i++) {
        KBuf *buf = b->kernel->buffers.items[i];
        if (buf->role == KBUF_TABLE && buf->dtype == dtype && buf->count == count &&
            memcmp(buf->table, elements, bytes) == 0)
            return buf;
    }
    KBuf *buf = new_buffer(b, KBUF_TABLE, dtype, count);
    buf->table = arena_copy(b->arena, elements, (size_t)count, dtype_size(dtype));
    return buf;
}

KBuf *k_shared(KBuilder *b, DType dtype, int64_t count, const char *comment) {
    KBuf *buf = new_buffer(b, KBUF_SHARED, dtype, count);
    buf->comment = comment;
    return buf;
}

KBuf *k_common(KBuilder *b, DType dtype, int64_t count, const char *comment) {
    KBuf *buf = k_scratch(b, dtype, count, comment);
    buf->shared = b->parts;
    return buf;
}

void k_meet(KBuilder *b) {
    if (b->parts) k_barrier(b);
}

KVal *k_integer(KBuilder *b, KKind kind, int lanes, int64_t value) {
    if (kkind_is_float(kind)) return k_number(b, kind, lanes, (double)value);
    if (kkind_is_mask(kind)) value = value != 0;
    if (kind == K_I32) value = (int32_t)(uint64_t)value;
    return kernel_pure(b, &(KVal){.op = KOP_CONST, .kind = kind, .lanes = lanes, .imm = value});
}

KVal *k_index(KBuilder *b, int64_t value) {
    if (value < 0 || value >= K_FREQUENT) return k_integer(b, K_I64, 1, value);
    if (!b->index[value]) b->index[value] = k_integer(b, K_I64, 1, value);
    return b->index[value];
}

KVal *k_number(KBuilder *b, KKind kind, int lanes, double value) {
    if (!kkind_is_float(kind)) return k_integer(b, kind, lanes, (int64_t)value);
    if (kind == K_F32) value = (double)(float)value;
    return kernel_pure(b, &(KVal){.op = KOP_CONST, .kind = kind, .lanes = lanes, .f = value});
}

KVal *k_var(KBuilder *b, KVal *init) {
    KVal *var = kernel_new_value(b, KOP_VAR, init->kind, init->lanes, b->block);
    var->a = init;
    return var;
}

void k_set(KBuilder *b, KVal *var, KVal *value) {
    NNC_CHECK(var->op == KOP_VAR, "k_set of a value that is no register");
    KStmt *stmt = kernel_new_stmt(b, KSTMT_SET);
    stmt->var = var;
    stmt->value = k_splat(b, value, var->lanes);
    kernel_append(b->block, stmt);
}

KVal *k_copy(KBuilder *b, KVal *var) {
    KVal *copy = kernel_new_value(b, KOP_COPY, var->kind, var->lanes, b->block);
    copy->a = var;
    return copy;
}

static void open_scope(KBuilder *b, bool is_virtual) {
    NNC_CHECK(b->depth < 64, "kernel %s: nested too deeply", b->kernel->name);
    b->virtual_loop[b->depth++] = is_virtual;
}

KVal *k_for_values(KBuilder *b, KVal *lo, KVal *hi, int64_t step, uint32_t flags) {
    int64_t first, end;
    NNC_CHECK(step > 0, "kernel %s: a loop's step is %lld", b->kernel->name, (long long)step);
    bool once =
        k_is_const(lo, &first) && k_is_const(hi, &end) && first < end && first + step >= end;
    bool part = b->parts && (flags & K_PARALLEL);
    if (once && !part) {
        open_scope(b, true);
        return lo;
    }
    KStmt *loop = kernel_new_stmt(b, KSTMT_FOR);
    loop->lo = lo;
    loop->hi = hi;
    loop->imm = step;
    loop->flags = (uint8_t)flags;
    loop->body = new_block(b, loop);
    open_scope(b, false);
    b->block = loop->body;
    KVal *counter = kernel_new_value(b, KOP_LOOP, K_I64, 1, b->block);
    if (lo->lo != INT64_MIN && hi->hi != INT64_MAX) {
        int64_t last = hi->hi - 1;
        /* From a constant start the counter only meets multiples of the step. */
        if (k_is_const(lo, &first) && last > first) last = first + (last - first) / step * step;
        kval_set_range(counter, lo->lo, last > lo->lo ? last : lo->lo);
    }
    loop->var = counter;
    return once ? lo : counter;
}

KVal *k_for(KBuilder *b, int64_t lo, int64_t hi, int64_t step, uint32_t flags) {
    return k_for_values(b, k_index(b, lo), k_index(b, hi), step, flags);
}

void k_if(KBuilder *b, KVal *mask) {
    NNC_CHECK(kkind_is_mask(mask->kind) && mask->lanes == 1, "k_if needs a scalar mask");
    KStmt *stmt = kernel_new_stmt(b, KSTMT_IF);
    stmt->value = mask;
    stmt->body = new_block(b, stmt);
    open_scope(b, false);
    b->block = stmt->body;
}

void k_else(KBuilder *b) {
    KStmt *stmt = b->block->owner;
    NNC_CHECK(stmt && stmt->kind == KSTMT_IF && !stmt->other, "k_else without a k_if");
    b->block = b->block->parent;
    stmt->other = new_block(b, stmt);
    b->block = stmt->other;
}

void k_end(KBuilder *b) {
    NNC_CHECK(b->depth > 0, "k_end without a scope");
    if (b->virtual_loop[--b->depth]) return;
    KStmt *owner = b->block->owner;
    b->block = b->block->parent;
    int64_t lo, hi;
    bool never = owner->kind == KSTMT_FOR && k_is_const(owner->lo, &lo) &&
                 k_is_const(owner->hi, &hi) && lo >= hi;
    if (!never) kernel_append(b->block, owner);
}

void k_fault_if(KBuilder *b, KVal *mask) {
    KStmt *stmt = kernel_new_stmt(b, KSTMT_FAULT);
    stmt->value = mask;
    kernel_append(b->block, stmt);
    b->kernel->faults = true;
}

void k_fence(KBuilder *b) {
    kernel_append(b->block, kernel_new_stmt(b, KSTMT_FENCE));
}

void k_comment(KBuilder *b, const char *format, ...) {
    Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    KStmt *stmt = kernel_new_stmt(b, KSTMT_COMMENT);
    stmt->text = arena_strdup(b->arena, buf_text(&text));
    kernel_append(b->block, stmt);
    buf_free(&text);
}
