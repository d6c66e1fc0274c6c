/* Statements and functions of the printed C.
 *
 *   // x0 f32[64], y1 f32[64]                      (as a block comment)
 *   static void kernel_relu(const float *restrict x0, float *restrict y1) {
 *       for (int64_t i0 = 0; i0 < 64; i0 += 16) {
 *           *(f32x16u *)(y1 + i0) = MAX_F32X16(v2, v3);
 *       }
 *   } */
#include "codegen/c/print.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/c/print_internal.h"
#include "support/checked.h"

static void end_statement(Emitter *e) {
    emit_literal(e, ";");
    emit_newline(e);
}

static void print_tail_name(Printer *p, KKind kind, int lanes, bool store) {
    if (tail_variant(p->kernel->target, kind, lanes, store) == MACRO_X86)
        emit_literal(p->e, "X86_");
    if (store)
        emit_literal(p->e, "STORE_TAIL_");
    else
        emit_literal(p->e, "LOAD_TAIL_");
    print_macro_suffix(p->e, kind, lanes);
}

/* const f32x16 v7 = LOAD_TAIL_F32X16(x0 + 48, 7); */
static void print_load_tail(Printer *p, const KVal *v) {
    Emitter *e = p->e;
    if (!dtype_is_narrow(v->buf->dtype)) {
        emit_literal(e, "const ");
        print_type(e, v->kind, v->lanes);
        emit_literal(e, " ");
        emit_numbered(e, 'v', v->id);
        emit_literal(e, " = ");
        print_tail_name(p, v->kind, v->lanes, false);
        emit_literal(e, "(");
        print_address(p, v->buf, v->a, v->imm);
        emit_literal(e, ", ");
        emit_decimal(e, v->active);
        emit_literal(e, ")");
        end_statement(e);
        return;
    }
    print_memory_type(e, v->buf->dtype, v->lanes);
    emit_text(e, " m%d = {0};\n", v->id);
    emit_text(e, "memcpy(&m%d, ", v->id);
    print_address(p, v->buf, v->a, v->imm);
    emit_text(e, ", %d);\n", v->active * (int)dtype_size(v->buf->dtype));
    emit_literal(e, "const ");
    print_type(e, v->kind, v->lanes);
    emit_text(e, " v%d = __builtin_convertvector(m%d, ", v->id, v->id);
    print_type(e, v->kind, v->lanes);
    emit_text(e, ");\n");
}

static void print_let(Printer *p, const KVal *v) {
    if (p->inlined[v->id]) return;
    if (v->op == KOP_LOAD_TAIL) {
        use_value(p, v);
        print_load_tail(p, v);
        return;
    }
    emit_literal(p->e, "const ");
    print_type(p->e, is_short(p->kernel, v) ? K_I32 : v->kind, v->lanes);
    emit_literal(p->e, " ");
    emit_numbered(p->e, 'v', v->id);
    emit_literal(p->e, " = ");
    print_computation(p, v, PREC_ANY);
    end_statement(p->e);
}

static bool is_register(const KStmt *s) {
    return s && s->kind == KSTMT_LET && s->value->op == KOP_VAR;
}

/* float r1 = 0.0f, r2 = 0.0f;
 * Registers that start alike, a tile's sums, share declarations; returns the last one's statement.
 */
static const KStmt *print_registers(Printer *p, const KStmt *s) {
    enum { IN_LINE = 8 };
    Emitter *e = p->e;
    const KVal *first = s->value;
    use_value(p, first);
    print_type(e, first->kind, first->lanes);
    for (int i = 1;; i++, s = s->next) {
        emit_piece(e, i > 1 ? ", " : " ", i > 1 ? 2 : 1);
        emit_numbered(e, 'r', s->value->id);
        emit_literal(e, " = ");
        if (first->lanes > 1 && value_is_zero(first->a))
            emit_literal(e, "{0}");
        else
            print_value(p, first->a, PREC_ANY);
        bool more =
            first->a->op == KOP_CONST && is_register(s->next) && s->next->value->a == first->a;
        if (i == IN_LINE || !more) break;
    }
    end_statement(e);
    return s;
}

static void print_set(Printer *p, const KStmt *s) {
    print_value(p, s->var, PREC_ATOM);
    emit_literal(p->e, " = ");
    print_value(p, s->value, PREC_ANY);
    end_statement(p->e);
}

static void print_narrowing(Emitter *e, DType dtype) {
    emit_text(e, "(%s)", dtype_c_type(dtype));
}

static void print_store_lanes(Printer *p, const KStmt *s) {
    for (int l = 0; l < s->active; l++) {
        print_buffer_name(p->e, s->buf);
        emit_literal(p->e, "[");
        print_index(p, s->index, s->imm + l * s->stride);
        emit_literal(p->e, "] = ");
        if (dtype_is_narrow(s->buf->dtype)) print_narrowing(p->e, s->buf->dtype);
        print_value(p, s->value, PREC_ATOM);
        emit_literal(p->e, "[");
        emit_decimal(p->e, l);
        emit_literal(p->e, "]");
        end_statement(p->e);
    }
}

static void print_store_tail(Printer *p, const KStmt *s) {
    Emitter *e = p->e;
    if (!dtype_is_narrow(s->buf->dtype)) {
        print_tail_name(p, s->value->kind, s->value->lanes, true);
        emit_literal(e, "(");
        print_address(p, s->buf, s->index, s->imm);
        emit_literal(e, ", ");
        emit_decimal(e, s->active);
        emit_literal(e, ", ");
        print_value(p, s->value, PREC_ANY);
        emit_literal(e, ")");
        end_statement(e);
        return;
    }
    emit_line(e, "{");
    emit_literal(e, "const ");
    print_memory_type(e, s->buf->dtype, s->value->lanes);
    emit_literal(e, " tail = __builtin_convertvector(");
    print_value(p, s->value, PREC_ANY);
    emit_literal(e, ", ");
    print_memory_type(e, s->buf->dtype, s->value->lanes);
    emit_text(e, ");\n");
    emit_literal(e, "memcpy(");
    print_address(p, s->buf, s->index, s->imm);
    emit_text(e, ", &tail, %d);\n", s->active * (int)dtype_size(s->buf->dtype));
    emit_line(e, "}");
}

static void print_store(Printer *p, const KStmt *s) {
    Emitter *e = p->e;
    use_store(p, s);
    int lanes = s->value->lanes;
    bool narrow = dtype_is_narrow(s->buf->dtype);
    if (lanes > 1 && s->stride != 1) {
        print_store_lanes(p, s);
    } else if (lanes > 1 && s->active != lanes) {
        print_store_tail(p, s);
    } else if (lanes > 1) {
        emit_literal(e, "*(");
        print_memory_type(e, s->buf->dtype, lanes);
        emit_literal(e, " *)(");
        print_address(p, s->buf, s->index, s->imm);
        emit_literal(e, ") = ");
        if (narrow) emit_literal(e, "__builtin_convertvector(");
        print_value(p, s->value, PREC_ANY);
        if (narrow) {
            emit_literal(e, ", ");
            print_memory_type(e, s->buf->dtype, lanes);
            emit_literal(e, ")");
        }
        end_statement(e);
    } else {
        print_buffer_name(p->e, s->buf);
        emit_literal(e, "[");
        print_index(p, s->index, s->imm);
        emit_literal(e, "] = ");
        if (narrow) print_narrowing(e, s->buf->dtype);
        print_value(p, s->value, narrow ? PREC_UNARY : PREC_ANY);
        end_statement(e);
    }
}

static void print_block(Printer *p, const KBlock *block);

/* i = 16 + nn_from(part, 9) * 4 */
static void print_bound(Printer *p, const KStmt *s, const char *function) {
    Emitter *e = p->e;
    int64_t lo;
    if (k_is_const(s->lo, &lo) && lo != 0) emit_text(e, "%lld + ", (long long)lo);
    emit_text(e, "%s(part, %lld)", function, (long long)kernel_trips(s));
    if (s->imm != 1) emit_text(e, " * %lld", (long long)s->imm);
}

/* A thread's part of the iterations; a single one is the first thread's. */
static void print_part(Printer *p, const KStmt *s) {
    Emitter *e = p->e;
    p->in_part = true;
    if (kernel_trips(s) == 1) {
        emit_line(e, "if (part.index == 0) {");
    } else {
        emit_text(e, "for (int64_t i%d = ", s->var->id);
        print_bound(p, s, "nn_from");
        emit_text(e, "; i%d < ", s->var->id);
        print_bound(p, s, "nn_to");
        emit_text(e, "; i%d += %lld) {\n", s->var->id, (long long)s->imm);
        e->indent++;
    }
    print_block(p, s->body);
    emit_line(e, "}");
    p->in_part = false;
}

static void print_for(Printer *p, const KStmt *s) {
    Emitter *e = p->e;
    if (p->kernel->split && (s->flags & K_PARALLEL) && !p->in_part) {
        print_part(p, s);
        return;
    }
    if (s->flags & K_UNROLL) {
        use_unroll(p);
        emit_line(e, "UNROLL_LOOP");
    }
    if (s->flags & K_ROLL) emit_line(e, "ROLL_LOOP");
    emit_literal(e, "for (");
    print_type(e, is_short(p->kernel, s->var) && s->var->hi + s->imm <= INT32_MAX ? K_I32 : K_I64,
               1);
    emit_literal(e, " ");
    emit_numbered(e, 'i', s->var->id);
    emit_literal(e, " = ");
    print_value(p, s->lo, PREC_ANY);
    emit_literal(e, "; ");
    emit_numbered(e, 'i', s->var->id);
    emit_literal(e, " < ");
    print_value(p, s->hi, PREC_ADD);
    emit_literal(e, "; ");
    emit_numbered(e, 'i', s->var->id);
    if (s->imm == 1) {
        emit_literal(e, "++");
    } else {
        emit_literal(e, " += ");
        emit_decimal(e, s->imm);
    }
    emit_line(e, ") {");
    print_block(p, s->body);
    emit_line(e, "}");
}

static void print_if(Printer *p, const KStmt *s) {
    emit_literal(p->e, "if (");
    print_value(p, s->value, PREC_ANY);
    emit_line(p->e, ") {");
    print_block(p, s->body);
    if (s->other && s->other->first) {
        emit_line(p->e, "} else {");
        print_block(p, s->other);
    }
    emit_line(p->e, "}");
}

/* A GPU's thread leaves a note. */
static void print_fault(Printer *p, const KStmt *s) {
    emit_literal(p->e, "if (");
    print_value(p, s->value, PREC_ANY);
    if (p->kernel->blocks) {
        emit_line(p->e, ") {");
        emit_line(p->e, "*fault = 1;");
        emit_line(p->e, "return;");
        emit_line(p->e, "}");
    } else {
        emit_text(p->e, ") return 1;\n");
    }
}

static void print_prefetch(Printer *p, const KStmt *s) {
    use_prefetch(p);
    emit_literal(p->e, "PREFETCH(");
    print_buffer_name(p->e, s->buf);
    emit_literal(p->e, ", ");
    print_index(p, s->index, s->imm);
    emit_literal(p->e, ")");
    end_statement(p->e);
}

/* copy_async_16(s0 + v4, x1 + v5, v6); */
static void print_copy(Printer *p, const KStmt *s) {
    int bytes = s->active * (int)dtype_size(s->buf->dtype);
    use_copy(p, bytes);
    emit_text(p->e, "copy_async_%d(", bytes);
    print_address(p, s->buf, s->index, 0);
    emit_literal(p->e, ", ");
    print_address(p, s->from[0], s->at[0], 0);
    emit_literal(p->e, ", ");
    if (s->value)
        print_value(p, s->value, PREC_ANY);
    else
        emit_literal(p->e, "1");
    emit_literal(p->e, ")");
    end_statement(p->e);
}

static void print_mma(Printer *p, const KStmt *s) {
    use_mma(p, (KMma)s->imm);
    emit_text(p->e, "mma_%s(", s->imm == K_MMA_TF32 ? "tf32" : "bf16");
    print_address(p, s->buf, s->index, 0);
    for (int i = 0; i < 2; i++) {
        emit_literal(p->e, ", ");
        print_address(p, s->from[i], s->at[i], 0);
    }
    emit_literal(p->e, ")");
    end_statement(p->e);
}

/* TILE_LOAD(4, s0 + i2, 128); */
static void print_tile(Printer *p, const KStmt *s) {
    use_fence(p);
    emit_text(p->e, "TILE_%s(%d, ", s->kind == KSTMT_TILE_LOAD ? "LOAD" : "STORE", s->tile[0]);
    print_address(p, s->buf, s->index, s->imm);
    emit_text(p->e, ", %lld)", (long long)s->stride * 4);
    end_statement(p->e);
}

static void print_block(Printer *p, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        switch (s->kind) {
        case KSTMT_LET:
            if (is_register(s))
                s = print_registers(p, s);
            else
                print_let(p, s->value);
            break;
        case KSTMT_SET:
            print_set(p, s);
            break;
        case KSTMT_STORE:
            print_store(p, s);
            break;
        case KSTMT_FOR:
            print_for(p, s);
            break;
        case KSTMT_IF:
            print_if(p, s);
            break;
        case KSTMT_FAULT:
            print_fault(p, s);
            break;
        case KSTMT_COMMENT:
            emit_comment(p->e, s->text);
            break;
        case KSTMT_PREFETCH:
            print_prefetch(p, s);
            break;
        case KSTMT_FENCE:
            use_fence(p);
            emit_literal(p->e, "KEEP_ORDER");
            end_statement(p->e);
            break;
        case KSTMT_BARRIER:
            if (p->kernel->blocks) emit_line(p->e, "barrier();");
            if (p->kernel->split) emit_line(p->e, "if (part.count > 1) nn_meet(team);");
            break;
        case KSTMT_COPY:
            print_copy(p, s);
            break;
        case KSTMT_COMMIT:
            emit_line(p->e, "copy_commit();");
            break;
        case KSTMT_WAIT:
            emit_line(p->e, "copy_wait(%lld);", (long long)s->imm);
            break;
        case KSTMT_MMA:
            print_mma(p, s);
            break;
        case KSTMT_TILE_ZERO:
            emit_line(p->e, "_tile_zero(%d);", s->tile[0]);
            break;
        case KSTMT_TILE_LOAD:
        case KSTMT_TILE_STORE:
            print_tile(p, s);
            break;
        case KSTMT_TILE_DOT:
            emit_line(p->e, "_tile_dpbf16ps(%d, %d, %d);", s->tile[0], s->tile[1], s->tile[2]);
            break;
        }
    }
}

static void print_table(Printer *p, const KBuf *buf) {
    Emitter *e = p->e;
    emit_text(e, "static const %s ", dtype_c_type(buf->dtype));
    print_buffer_name(p->e, buf);
    emit_line(e, "[%lld] = {", (long long)buf->count);
    for (int64_t i = 0; i < buf->count; i++) {
        emit_element(e, buf->dtype, buf->table, i);
        emit_text(e, i % 8 == 7 || i + 1 == buf->count ? ",\n" : ", ");
    }
    emit_line(e, "};");
}

static void print_arrays(Printer *p) {
    for (size_t i = 0; i < p->kernel->buffers.count; i++) {
        const KBuf *buf = p->kernel->buffers.items[i];
        if (buf->role == KBUF_TABLE) print_table(p, buf);
        if (buf->role != KBUF_LOCAL && buf->role != KBUF_SHARED) continue;
        if (buf->comment) emit_comment(p->e, buf->comment);
        const char *where = buf->role == KBUF_SHARED ? "_Alignas(16) __shared__ "
                            : p->kernel->blocks == 0 ? "_Alignas(64) "
                                                     : "";
        emit_text(p->e, "%s%s ", where, dtype_c_type(buf->dtype));
        print_buffer_name(p->e, buf);
        emit_line(p->e, "[%lld];", (long long)buf->count);
    }
}

static void print_parameters(Emitter *e, const Kernel *kernel) {
    bool first = true;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        bool parameter = buf->role == KBUF_IN || buf->role == KBUF_OUT || buf->role == KBUF_SCRATCH;
        if (!parameter) continue;
        if (!first) emit_literal(e, ", ");
        if (buf->role == KBUF_IN) emit_literal(e, "const ");
        const char *type = dtype_c_type(buf->dtype);
        emit_piece(e, type, strlen(type));
        emit_literal(e, " *");
        bool alone = !buf->aliased && !(buf->shared && kernel->split);
        if (alone && !kernel->blocks) emit_literal(e, "restrict ");
        if (alone && kernel->blocks) emit_literal(e, "__restrict__ ");
        print_buffer_name(e, buf);
        first = false;
    }
    if (kernel->split && kernel->meets) emit_literal(e, ", NnTeam *team");
    if (kernel->split) emit_literal(e, ", NnPart part");
    if (kernel->blocks && kernel->faults) emit_literal(e, ", int *fault");
    if (first) emit_literal(e, "void");
}

void print_definition(Emitter *e, const Kernel *kernel, const char *suffix) {
    emit_ident(e, kernel->name);
    emit_text(e, "%s(", suffix);
    print_parameters(e, kernel);
    emit_text(e, ") {\n");
    buf_add(e->out, kernel->text->body, kernel->text->body_size);
    emit_text(e, "}\n");
}

static void print_heading(Printer *p, const Sources *sources) {
    const Kernel *kernel = p->kernel;
    Buf text = {0};
    if (kernel->comment) buf_printf(&text, "%s; ", kernel->comment);
    bool first = true;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (buf->role != KBUF_IN && buf->role != KBUF_OUT) continue;
        buf_printf(&text, "%s%c%d: %s", first ? "" : ", ", buf->role == KBUF_IN ? 'x' : 'y',
                   buf->id, buf->comment ? buf->comment : "");
        first = false;
    }
    if (sources && kernel->span.file) {
        Position at = sources_position(sources, kernel->span);
        buf_printf(&text, "; %s:%u", sources_get(sources, kernel->span.file)->path, at.line);
    }
    if (kernel->schedule) buf_printf(&text, "; %s", kernel->schedule);
    if (text.size) emit_comment(p->e, buf_text(&text));
    buf_free(&text);
}

const KernelText *print_kernel_text(const Kernel *kernel, const Sources *sources, Uses *uses,
                                    Buf *scratch, Arena *arena) {
    bool *inlined = print_plan(kernel);
    Emitter e = {.out = scratch};
    Printer p = {.e = &e, .kernel = kernel, .inlined = inlined, .uses = uses};
    KernelText *text = ARENA_NEW(arena, KernelText);
    use_target(&p);
    buf_clear(scratch);
    print_heading(&p, sources);
    text->heading_size = scratch->size;
    e.indent = 1;
    for (size_t i = 0; i < kernel->buffers.count; i++)
        if (kernel->buffers.items[i]->count == 0) {
            emit_literal(&e, "(void)");
            print_buffer_name(&e, kernel->buffers.items[i]);
            emit_text(&e, ";\n");
        }
    print_arrays(&p);
    if (kernel->tiles) emit_line(&e, "_tile_loadconfig(tile_config);");
    print_block(&p, kernel->body);
    if (kernel->tiles) emit_line(&e, "_tile_release();");
    if (kernel->faults && !kernel->blocks) emit_line(&e, "return 0;");
    text->heading = arena_strndup(arena, buf_text(scratch), scratch->size);
    text->body = text->heading + text->heading_size;
    text->body_size = scratch->size - text->heading_size;
    free(inlined);
    return text;
}

void print_kernel(Emitter *e, const Kernel *kernel, const char *suffix) {
    const KernelText *text = kernel->text;
    NNC_CHECK(!kernel->blocks, "kernel %s is for a GPU", kernel->name);
    buf_add(e->out, text->heading, text->heading_size);
    if (kernel->target->vector_bytes > 16) {
        emit_literal(e, "TARGET_");
        for (const char *c = kernel->target->name; *c; c++)
            buf_putc(e->out, (char)toupper((unsigned char)*c));
        emit_newline(e);
    }
    emit_text(e, "static %s ", kernel->faults ? "int" : "void");
    print_definition(e, kernel, suffix);
}
