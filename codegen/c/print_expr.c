/* Expressions of the printed C: every kernel operation's spelling.
 *
 * Scalars are plain C11. Vectors are GNU vector extensions; what those lack (fused multiply-add,
 * minimum, square root...) are macros of the prelude. Integer arithmetic that may wrap goes through
 * unsigned types; index arithmetic is known not to. Scalar masks are int, 0 or 1; vector masks are
 * integer vectors of 0 and -1. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/c/print_internal.h"
#include "support/checked.h"

static const char *scalar_type(KKind kind) {
    static const char *const names[] = {"int32_t", "int64_t", "float", "double", "int", "int"};
    return names[kind];
}

static const char *lane_name(KKind kind) {
    static const char *const names[] = {"i32", "i64", "f32", "f64", "i32", "i64"};
    return names[kind];
}

void print_type(Emitter *e, KKind kind, int lanes) {
    const char *name = lanes == 1 ? scalar_type(kind) : lane_name(kind);
    emit_piece(e, name, strlen(name));
    if (lanes > 1) emit_numbered(e, 'x', lanes);
}

void print_macro_suffix(Emitter *e, KKind kind, int lanes) {
    static const char *const names[] = {"I32", "I64", "F32", "F64", "I32", "I64"};
    emit_piece(e, names[kind], 3);
    emit_numbered(e, 'X', lanes);
}

void print_memory_type(Emitter *e, DType dtype, int lanes) {
    const char *name = dtype == DT_BOOL ? "u8" : dtype_name(dtype);
    emit_piece(e, name, strlen(name));
    emit_numbered(e, 'x', lanes);
    emit_literal(e, "u");
}

const char *macro_name(KOp op) {
    switch (op) {
    case KOP_SPLAT:
        return "SPLAT";
    case KOP_FMA:
        return "FMA";
    case KOP_BF16_PAIR:
        return "BF16_PAIR";
    case KOP_BF16_DOT:
        return "BF16_DOT";
    case KOP_MIN:
        return "MIN";
    case KOP_MAX:
        return "MAX";
    case KOP_SCALE:
        return "SCALE";
    case KOP_ABS:
        return "ABS";
    case KOP_SQRT:
        return "SQRT";
    case KOP_FLOOR:
        return "FLOOR";
    case KOP_CEIL:
        return "CEIL";
    case KOP_RINT:
        return "RINT";
    case KOP_TRUNC:
        return "TRUNC";
    case KOP_SELECT:
        return "SELECT";
    case KOP_UMULHI:
        return "UMULHI";
    case KOP_SUM:
        return "SUM";
    default:
        return NULL;
    }
}

int macro_lanes(const KVal *value) {
    return value->op == KOP_SUM ? value->a->lanes : value->lanes;
}

bool op_is_macro(const KVal *value) {
    return macro_lanes(value) > 1 && macro_name(value->op) != NULL;
}

void print_buffer_name(Emitter *e, const KBuf *buf) {
    static const char letters[] = {'x', 'y', 't', 't', 'c', 's'};
    emit_numbered(e, letters[buf->role], buf->id);
}

static void open_paren(Printer *p, int have, int want) {
    if (have < want) emit_literal(p->e, "(");
}

static void close_paren(Printer *p, int have, int want) {
    if (have < want) emit_literal(p->e, ")");
}

bool value_is_zero(const KVal *value) {
    if (value->op != KOP_CONST) return false;
    return kkind_is_float(value->kind) ? value->f == 0 && !signbit(value->f) : value->imm == 0;
}

static void print_constant(Printer *p, const KVal *value) {
    static const DType dtypes[] = {DT_I32, DT_I64, DT_F32, DT_F64, DT_I32, DT_I64};
    Emitter *e = p->e;
    bool is_float = kkind_is_float(value->kind);
    int64_t integer = kkind_is_mask(value->kind) && value->lanes > 1 ? -value->imm : value->imm;
    use_value(p, value);
    if (value->lanes > 1 && value_is_zero(value)) {
        emit_literal(e, "(");
        print_type(e, value->kind, value->lanes);
        emit_literal(e, "){0}");
        return;
    }
    if (value->lanes > 1) {
        emit_literal(e, "SPLAT_");
        print_macro_suffix(e, value->kind, value->lanes);
        emit_literal(e, "(");
    }
    if (is_float)
        emit_number(e, dtypes[value->kind], value->f);
    else
        emit_integer(e, dtypes[value->kind], integer);
    if (value->lanes > 1) emit_literal(e, ")");
}

void print_value(Printer *p, const KVal *value, int prec) {
    bool negative = value->op == KOP_CONST && value->lanes == 1 &&
                    (kkind_is_float(value->kind) ? signbit(value->f) : value->imm < 0);
    if (value->op == KOP_CONST) {
        open_paren(p, negative ? PREC_UNARY : PREC_ATOM, prec);
        print_constant(p, value);
        close_paren(p, negative ? PREC_UNARY : PREC_ATOM, prec);
    } else if (value->op == KOP_LOOP) {
        emit_numbered(p->e, 'i', value->id);
    } else if (p->inlined[value->id]) {
        print_computation(p, value, prec);
    } else {
        emit_numbered(p->e, value->op == KOP_VAR ? 'r' : 'v', value->id);
    }
}

bool is_short(const Kernel *kernel, const KVal *value) {
    return kernel->blocks && value->kind == K_I64 && value->lanes == 1 && value->lo >= INT32_MIN &&
           value->hi <= INT32_MAX;
}

void print_index(Printer *p, const KVal *index, int64_t offset) {
    int64_t c;
    if (k_is_const(index, &c)) {
        emit_decimal(p->e, c + offset);
        return;
    }
    bool widens = is_short(p->kernel, index) &&
                  (index->hi + offset > INT32_MAX || index->lo + offset < INT32_MIN);
    if (widens) emit_literal(p->e, "(int64_t)");
    print_value(p, index, widens ? PREC_UNARY : PREC_ADD);
    if (offset == 0) return;
    emit_piece(p->e, offset < 0 ? " - " : " + ", 3);
    emit_decimal(p->e, llabs((long long)offset));
}

void print_address(Printer *p, const KBuf *buf, const KVal *index, int64_t offset) {
    int64_t c;
    print_buffer_name(p->e, buf);
    if (k_is_const(index, &c) && c + offset == 0) return;
    emit_literal(p->e, " + ");
    print_index(p, index, offset);
}

static void print_operator(Printer *p, const char *operator) {
    emit_literal(p->e, " ");
    emit_piece(p->e, operator, strlen(operator));
    emit_literal(p->e, " ");
}

static void print_binary(Printer *p, const KVal *v, const char *operator, int own, int prec) {
    open_paren(p, own, prec);
    bool index = v->kind == K_I64 && (v->op == KOP_ADD || v->op == KOP_SUB || v->op == KOP_MUL);
    bool widens = index && !is_short(p->kernel, v) && is_short(p->kernel, v->a);
    if (widens) emit_literal(p->e, "(int64_t)");
    print_value(p, v->a, widens ? PREC_UNARY : own);
    print_operator(p, operator);
    /* Only index sums and products associate exactly, in 64 bits. */
    bool associates = kval_has_range(v) && v->kind == K_I64 && !p->kernel->blocks &&
                      (v->op == KOP_ADD || v->op == KOP_MUL);
    print_value(p, v->b, associates ? own : own + 1);
    close_paren(p, own, prec);
}

/* (T)((U)a + (U)b): wrapping. */
static void print_wrapping(Printer *p, const KVal *v, const char *operator) {
    Emitter *e = p->e;
    bool wide = v->kind == K_I64;
    Buf suffix = {0};
    if (v->lanes > 1)
        buf_printf(&suffix, "%s_x%d", wide ? "u64" : "u32", v->lanes);
    else
        buf_puts(&suffix, wide ? "uint64_t" : "uint32_t");
    emit_literal(e, "(");
    print_type(e, v->kind, v->lanes);
    emit_literal(e, ")(");
    if (v->op == KOP_NEG) {
        emit_text(e, "-(%s)", buf_text(&suffix));
        print_value(p, v->a, PREC_UNARY);
    } else {
        emit_text(e, "(%s)", buf_text(&suffix));
        print_value(p, v->a, PREC_UNARY);
        emit_text(e, " %s (%s)", operator, buf_text(&suffix));
        print_value(p, v->b, PREC_UNARY);
    }
    emit_literal(e, ")");
    buf_free(&suffix);
}

static void print_function(Printer *p, const KVal *v, const char *name) {
    emit_text(p->e, "%s%s(", name, v->kind == K_F32 ? "f" : "");
    const KVal *operands[] = {v->a, v->b, v->c};
    for (int i = 0; i < 3 && operands[i]; i++) {
        if (i) emit_literal(p->e, ", ");
        print_value(p, operands[i], PREC_ANY);
    }
    emit_literal(p->e, ")");
}

static void print_macro(Printer *p, const KVal *v) {
    static const char *const prefixes[] = {"", "X86_", "NEON_"};
    int lanes = macro_lanes(v);
    MacroVariant variant = macro_variant(p->kernel->target, v->op, v->kind, lanes);
    use_macro(p, v, variant);
    const char *name = macro_name(v->op);
    emit_piece(p->e, prefixes[variant], strlen(prefixes[variant]));
    emit_piece(p->e, name, strlen(name));
    emit_literal(p->e, "_");
    print_macro_suffix(p->e, v->kind, lanes);
    emit_literal(p->e, "(");
    const KVal *operands[] = {v->a, v->b, v->c};
    for (int i = 0; i < 3 && operands[i]; i++) {
        if (i) emit_literal(p->e, ", ");
        /* A scalar mask is 0 or 1, a lane of a vector mask 0 or -1. */
        if (v->op == KOP_SPLAT && kkind_is_mask(v->kind)) emit_literal(p->e, "-");
        print_value(p, operands[i], v->op == KOP_SPLAT ? PREC_UNARY : PREC_ANY);
    }
    emit_literal(p->e, ")");
}

/* ((f32x16){...}): one expression a lane. The outer parentheses keep the commas of the list
 * together in a macro's argument. */
static void print_lanes(Printer *p, const KVal *v) {
    Emitter *e = p->e;
    emit_literal(e, "((");
    print_type(e, v->kind, v->lanes);
    emit_literal(e, "){");
    for (int l = 0; l < v->lanes; l++) {
        if (l) emit_literal(e, ", ");
        if (v->op == KOP_CALL) {
            emit_text(e, "%s%s(", klibm_name(v->imm), v->kind == K_F32 ? "f" : "");
            print_value(p, v->a, PREC_ATOM);
            emit_text(e, "[%d]", l);
            if (v->b) {
                emit_literal(e, ", ");
                print_value(p, v->b, PREC_ATOM);
                emit_text(e, "[%d]", l);
            }
            emit_literal(e, ")");
            continue;
        }
        if (v->op == KOP_LOAD_STRIDED && l >= v->active) {
            emit_literal(e, "0");
            continue;
        }
        print_buffer_name(p->e, v->buf);
        emit_literal(e, "[");
        if (v->op == KOP_GATHER) {
            print_value(p, v->a, PREC_ATOM);
            emit_text(e, "[%d]", l);
            if (v->imm) emit_text(e, v->imm < 0 ? " - %lld" : " + %lld", llabs((long long)v->imm));
        } else {
            print_index(p, v->a, v->imm + l * v->stride);
        }
        emit_literal(e, "]");
    }
    emit_literal(e, "})");
}

static void print_load(Printer *p, const KVal *v, int prec) {
    Emitter *e = p->e;
    bool narrow = dtype_is_narrow(v->buf->dtype);
    if (v->lanes > 1 && v->op != KOP_LOAD) {
        print_lanes(p, v);
        return;
    }
    if (v->lanes > 1) {
        open_paren(p, narrow ? PREC_ATOM : PREC_UNARY, prec);
        if (narrow) emit_literal(e, "__builtin_convertvector(");
        emit_literal(e, "*(const ");
        print_memory_type(e, v->buf->dtype, v->lanes);
        emit_literal(e, " *)(");
        print_address(p, v->buf, v->a, v->imm);
        emit_literal(e, ")");
        if (narrow) {
            emit_literal(e, ", ");
            print_type(e, v->kind, v->lanes);
            emit_literal(e, ")");
        }
        close_paren(p, narrow ? PREC_ATOM : PREC_UNARY, prec);
        return;
    }
    open_paren(p, narrow ? PREC_UNARY : PREC_ATOM, prec);
    if (narrow) emit_literal(e, "(int32_t)");
    print_buffer_name(p->e, v->buf);
    emit_literal(e, "[");
    print_index(p, v->a, v->imm);
    emit_literal(e, "]");
    close_paren(p, narrow ? PREC_UNARY : PREC_ATOM, prec);
}

static void print_cast(Printer *p, KKind kind, int lanes, const KVal *operand, int prec) {
    open_paren(p, PREC_UNARY, prec);
    emit_literal(p->e, "(");
    print_type(p->e, kind, lanes);
    emit_literal(p->e, ")");
    print_value(p, operand, PREC_UNARY);
    close_paren(p, PREC_UNARY, prec);
}

static void print_convert(Printer *p, const KVal *v, int prec) {
    if (v->lanes > 1) {
        emit_literal(p->e, "__builtin_convertvector(");
        print_value(p, v->a, PREC_ANY);
        emit_literal(p->e, ", ");
        print_type(p->e, v->kind, v->lanes);
        emit_literal(p->e, ")");
    } else if (kkind_is_mask(v->kind)) {
        print_value(p, v->a, prec);
    } else if (v->kind == K_I32 && v->a->kind == K_I64) {
        open_paren(p, PREC_UNARY, prec);
        emit_literal(p->e, "(int32_t)(uint32_t)(uint64_t)");
        print_value(p, v->a, PREC_UNARY);
        close_paren(p, PREC_UNARY, prec);
    } else {
        print_cast(p, v->kind, 1, v->a, prec);
    }
}

static void print_bitcast(Printer *p, const KVal *v, int prec) {
    if (v->lanes > 1) {
        print_cast(p, v->kind, v->lanes, v->a, prec);
        return;
    }
    emit_text(p->e, "bits_%s_to_%s(", lane_name(v->a->kind), lane_name(v->kind));
    print_value(p, v->a, PREC_ANY);
    emit_literal(p->e, ")");
}

/* Comparisons of vectors give a vector of another type: cast to the mask's. */
static void print_compare(Printer *p, const KVal *v, int prec) {
    const char *operator= v->op == KOP_LT ? "<"
    : v->op == KOP_LE                     ? "<="
    : v->op == KOP_EQ                     ? "=="
                                          : "!=";
    if (v->lanes == 1) {
        print_binary(p, v, operator, PREC_COMPARE, prec);
        return;
    }
    open_paren(p, PREC_UNARY, prec);
    emit_literal(p->e, "(");
    print_type(p->e, v->kind, v->lanes);
    emit_literal(p->e, ")");
    print_binary(p, v, operator, PREC_COMPARE, PREC_ATOM);
    close_paren(p, PREC_UNARY, prec);
}

static void print_choice(Printer *p, const KVal *v, const char *operator) {
    emit_literal(p->e, "(");
    print_value(p, v->a, PREC_ADD);
    print_operator(p, operator);
    print_value(p, v->b, PREC_ADD);
    emit_literal(p->e, " ? ");
    print_value(p, v->a, PREC_ADD);
    emit_literal(p->e, " : ");
    print_value(p, v->b, PREC_ADD);
    emit_literal(p->e, ")");
}

bool op_is_checked_division(const KVal *v) {
    int64_t divisor;
    bool division = v->op == KOP_DIV || v->op == KOP_REM;
    if (!division || kkind_is_float(v->kind)) return false;
    return v->lanes > 1 || !k_is_const(v->b, &divisor) || divisor == -1;
}

/* Integer division: by -1 it could overflow. */
static void print_integer_division(Printer *p, const KVal *v, int prec) {
    const char *operator= v->op == KOP_DIV ? "/" : "%";
    if (!op_is_checked_division(v)) {
        print_binary(p, v, operator, PREC_MUL, prec);
        return;
    }
    const char *name = v->op == KOP_DIV ? "div" : "rem";
    emit_text(p->e, "%s_%s(", name, lane_name(v->kind));
    print_value(p, v->a, PREC_ANY);
    emit_literal(p->e, ", ");
    print_value(p, v->b, PREC_ANY);
    emit_literal(p->e, ")");
}

static void print_integer_division_lanes(Printer *p, const KVal *v) {
    emit_literal(p->e, "((");
    print_type(p->e, v->kind, v->lanes);
    emit_literal(p->e, "){");
    for (int l = 0; l < v->lanes; l++) {
        emit_text(p->e, "%s%s_%s(", l ? ", " : "", v->op == KOP_DIV ? "div" : "rem",
                  lane_name(v->kind));
        print_value(p, v->a, PREC_ATOM);
        emit_text(p->e, "[%d], ", l);
        print_value(p, v->b, PREC_ATOM);
        emit_text(p->e, "[%d])", l);
    }
    emit_literal(p->e, "})");
}

static void print_integer(Printer *p, const KVal *v, int prec) {
    bool exact = kval_has_range(v);
    bool mask = kkind_is_mask(v->kind);
    switch (v->op) {
    case KOP_ADD:
        if (exact) print_binary(p, v, "+", PREC_ADD, prec);
        break;
    case KOP_SUB:
        if (exact) print_binary(p, v, "-", PREC_ADD, prec);
        break;
    case KOP_MUL:
        if (exact) print_binary(p, v, "*", PREC_MUL, prec);
        break;
    /* Always in parentheses: compilers warn about their precedence. */
    case KOP_AND:
        print_binary(p, v, "&", PREC_UNARY, PREC_ATOM);
        return;
    case KOP_OR:
        print_binary(p, v, "|", PREC_UNARY, PREC_ATOM);
        return;
    case KOP_XOR:
        print_binary(p, v, "^", PREC_UNARY, PREC_ATOM);
        return;
    case KOP_SHR:
        print_binary(p, v, ">>", PREC_UNARY, PREC_ATOM);
        return;
    case KOP_NOT:
        open_paren(p, PREC_UNARY, prec);
        emit_text(p->e, mask && v->lanes == 1 ? "!" : "~");
        print_value(p, v->a, PREC_UNARY);
        close_paren(p, PREC_UNARY, prec);
        return;
    case KOP_DIV:
    case KOP_REM:
        if (v->lanes > 1)
            print_integer_division_lanes(p, v);
        else
            print_integer_division(p, v, prec);
        return;
    default:
        break;
    }
    if (exact && v->op != KOP_SHL && v->op != KOP_USHR && v->op != KOP_NEG) return;
    open_paren(p, PREC_UNARY, prec);
    const char *operator= v->op == KOP_ADD ? "+"
    : v->op == KOP_SUB                     ? "-"
    : v->op == KOP_MUL                     ? "*"
    : v->op == KOP_SHL                     ? "<<"
                                           : ">>";
    print_wrapping(p, v, operator);
    close_paren(p, PREC_UNARY, prec);
}

/* A word of the vocabulary of GPU kernels. */
static void print_word(Printer *p, const KVal *v) {
    switch (v->op) {
    case KOP_BLOCK:
        emit_literal(p->e, "blockIdx.x");
        return;
    case KOP_THREAD:
        emit_literal(p->e, "threadIdx.x");
        return;
    case KOP_MATRIX_UNITS:
        emit_literal(p->e, "MATRIX_UNITS");
        return;
    case KOP_PEER:
        emit_text(p->e, "peer_%s(", lane_name(v->kind));
        break;
    default:
        emit_text(p->e, v->op == KOP_ANY    ? "any_of_block("
                        : v->op == KOP_TF32 ? "tf32_of("
                                            : "bf16_pair(");
    }
    print_value(p, v->a, PREC_ANY);
    if (v->op == KOP_PEER) emit_text(p->e, ", %lld", (long long)v->imm);
    if (v->b) {
        emit_literal(p->e, ", ");
        print_value(p, v->b, PREC_ANY);
    }
    emit_literal(p->e, ")");
}

static void print_scalar_only(Printer *p, const KVal *v) {
    Emitter *e = p->e;
    bool is_float = kkind_is_float(v->kind);
    switch (v->op) {
    case KOP_MIN:
        print_choice(p, v, "<");
        break;
    case KOP_MAX:
        print_choice(p, v, ">");
        break;
    case KOP_ABS:
        if (is_float) {
            print_function(p, v, "fabs");
            break;
        }
        emit_text(e, "abs_%s(", lane_name(v->kind));
        print_value(p, v->a, PREC_ANY);
        emit_literal(e, ")");
        break;
    case KOP_SQRT:
        print_function(p, v, "sqrt");
        break;
    case KOP_FLOOR:
        print_function(p, v, "floor");
        break;
    case KOP_CEIL:
        print_function(p, v, "ceil");
        break;
    case KOP_RINT:
        print_function(p, v, "rint");
        break;
    case KOP_TRUNC:
        print_function(p, v, "trunc");
        break;
    case KOP_FMA:
        print_function(p, v, "fma");
        break;
    case KOP_CALL:
        print_function(p, v, klibm_name(v->imm));
        break;
    case KOP_UMULHI:
        emit_literal(e, "(int32_t)(uint32_t)(((uint64_t)(uint32_t)");
        print_value(p, v->a, PREC_UNARY);
        emit_literal(e, " * (uint32_t)");
        print_value(p, v->b, PREC_UNARY);
        emit_literal(e, ") >> 32)");
        break;
    case KOP_SELECT:
        emit_literal(e, "(");
        print_value(p, v->a, PREC_COMPARE);
        emit_literal(e, " ? ");
        print_value(p, v->b, PREC_COMPARE);
        emit_literal(e, " : ");
        print_value(p, v->c, PREC_COMPARE);
        emit_literal(e, ")");
        break;
    case KOP_BF16_PAIR:
        print_word(p, v);
        break;
    default:
        NNC_BUG("no spelling of kernel operation %s", kop_name(v->op));
    }
}

static void print_extract(Printer *p, const KVal *v) {
    if (kkind_is_mask(v->kind)) emit_literal(p->e, "(");
    print_value(p, v->a, PREC_ATOM);
    emit_literal(p->e, "[");
    emit_decimal(p->e, v->imm);
    emit_literal(p->e, "]");
    if (kkind_is_mask(v->kind)) emit_literal(p->e, " & 1)");
}

void print_computation(Printer *p, const KVal *v, int prec) {
    bool is_float = kkind_is_float(v->kind);
    use_value(p, v);
    switch (v->op) {
    case KOP_LOAD:
    case KOP_LOAD_STRIDED:
    case KOP_GATHER:
        print_load(p, v, prec);
        return;
    case KOP_VAR:
    case KOP_COPY:
    case KOP_ASSUME:
        print_value(p, v->a, prec);
        return;
    case KOP_CONVERT:
        print_convert(p, v, prec);
        return;
    case KOP_BLOCK:
    case KOP_THREAD:
    case KOP_MATRIX_UNITS:
    case KOP_PEER:
    case KOP_ANY:
    case KOP_TF32:
        print_word(p, v);
        return;
    case KOP_BITCAST:
        print_bitcast(p, v, prec);
        return;
    case KOP_EXTRACT:
        print_extract(p, v);
        return;
    case KOP_SHUFFLE:
        print_shuffle(p, v);
        return;
    case KOP_LT:
    case KOP_LE:
    case KOP_EQ:
    case KOP_NE:
        print_compare(p, v, prec);
        return;
    case KOP_MASK_INT:
        if (v->lanes == 1) {
            print_cast(p, v->kind, 1, v->a, prec);
            return;
        }
        emit_literal(p->e, "(");
        print_value(p, v->a, PREC_UNARY);
        emit_literal(p->e, " & 1)");
        return;
    case KOP_CALL:
        if (v->lanes > 1) {
            print_lanes(p, v);
            return;
        }
        break;
    default:
        break;
    }
    if (op_is_macro(v)) {
        print_macro(p, v);
    } else if (is_float && v->op == KOP_ADD) {
        print_binary(p, v, "+", PREC_ADD, prec);
    } else if (is_float && v->op == KOP_SUB) {
        print_binary(p, v, "-", PREC_ADD, prec);
    } else if (is_float && v->op == KOP_MUL) {
        print_binary(p, v, "*", PREC_MUL, prec);
    } else if (is_float && v->op == KOP_DIV) {
        print_binary(p, v, "/", PREC_MUL, prec);
    } else if (is_float && v->op == KOP_NEG) {
        open_paren(p, PREC_UNARY, prec);
        emit_literal(p->e, "-");
        print_value(p, v->a, PREC_ATOM);
        close_paren(p, PREC_UNARY, prec);
    } else if (macro_name(v->op) || v->op == KOP_CALL) {
        print_scalar_only(p, v);
    } else {
        print_integer(p, v, prec);
    }
}
