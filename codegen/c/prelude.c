/* What printed kernels need in front of them: vector types, and macros for the vector operations
 * that GNU vectors lack. Macros, so that no vector is ever passed to a function by value. */
#include <string.h>

#include "codegen/c/print_internal.h"
#include "support/checked.h"

struct Uses {
    bool type[2 * 2][K_MAX_LANES + 1]; /* by lane class below */
    bool memory[DT_COUNT][K_MAX_LANES + 1];
    unsigned char macro[KOP_COUNT][4][K_MAX_LANES + 1]; /* bits: MacroVariant */
    unsigned char tail_load[4][K_MAX_LANES + 1], tail_store[4][K_MAX_LANES + 1]; /* likewise */
    bool bitcast[4][4];                                                          /* scalars */
    bool shuffle[SHUFFLE_ORDERS][K_MAX_LANES + 1];
    bool division[2], remainder[2], absolute[2];
    bool avx2, avx512, avx512bf16, amx, neon, x86;
    bool unroll, fence, prefetch, tiles, peer[4], any, copy[17], mma[K_MMA_BF16 + 1];
};

Uses *uses_new(Arena *arena) {
    return ARENA_NEW(arena, Uses);
}

/* They are bits, all of them. */
void uses_add(Uses *uses, const Uses *more) {
    unsigned char *to = (unsigned char *)uses;
    const unsigned char *from = (const unsigned char *)more;
    for (size_t i = 0; i < sizeof *uses; i++)
        to[i] |= from[i];
}

/* Masks share the classes of integers. */
static int class_of(KKind kind) {
    return kind == K_M32 ? 0 : kind == K_M64 ? 1 : (int)kind;
}

void use_macro(Printer *p, const KVal *v, MacroVariant variant) {
    int class = class_of(v->kind), lanes = macro_lanes(v);
    p->uses->macro[v->op][class][lanes] |= (unsigned char)(1 << variant);
    if (v->op == KOP_UMULHI) p->uses->type[1][lanes] = true;
    for (; v->op == KOP_SUM && lanes > 1; lanes /= 2)
        p->uses->type[class][lanes] = true;
}

void use_value(Printer *p, const KVal *v) {
    Uses *uses = p->uses;
    int class = class_of(v->kind);
    if (v->lanes > 1) uses->type[class][v->lanes] = true;
    if (v->op == KOP_CONST && v->lanes > 1)
        uses->macro[KOP_SPLAT][class][v->lanes] |= 1 << MACRO_PORTABLE;
    if (v->op == KOP_CONST) return;
    if (v->lanes == 1 && v->op == KOP_BITCAST) uses->bitcast[class_of(v->a->kind)][class] = true;
    if (v->op == KOP_SHUFFLE && shuffle_order(v) >= 0)
        uses->shuffle[shuffle_order(v)][v->lanes] = true;
    if (v->op == KOP_PEER) uses->peer[class] = true;
    if (v->op == KOP_ANY) uses->any = true;
    bool integer = !kkind_is_float(v->kind);
    if (op_is_checked_division(v))
        *(v->op == KOP_DIV ? &uses->division[class] : &uses->remainder[class]) = true;
    if (integer && v->op == KOP_ABS && v->lanes == 1) uses->absolute[class] = true;
    if (!v->buf || v->lanes == 1) return;
    uses->memory[v->buf->dtype][v->lanes] = true;
    if (v->op == KOP_LOAD_TAIL && !dtype_is_narrow(v->buf->dtype))
        uses->tail_load[class][v->lanes] |=
            (unsigned char)(1 << tail_variant(p->kernel->target, v->kind, v->lanes, false));
}

void use_store(Printer *p, const KStmt *s) {
    Uses *uses = p->uses;
    int lanes = s->value->lanes;
    if (lanes == 1) return;
    uses->memory[s->buf->dtype][lanes] = true;
    if (s->stride == 1 && s->active != lanes && !dtype_is_narrow(s->buf->dtype))
        uses->tail_store[class_of(s->value->kind)][lanes] |=
            (unsigned char)(1 << tail_variant(p->kernel->target, s->value->kind, lanes, true));
}

bool uses_peer(const Uses *uses, KKind kind) {
    return uses->peer[class_of(kind)];
}

bool uses_copy(const Uses *uses, int bytes) {
    return uses->copy[bytes];
}

bool uses_mma(const Uses *uses, KMma kind) {
    return uses->mma[kind];
}

bool uses_any(const Uses *uses) {
    return uses->any;
}

void use_unroll(Printer *p) {
    p->uses->unroll = true;
}

void use_fence(Printer *p) {
    p->uses->fence = true;
}

void use_prefetch(Printer *p) {
    p->uses->prefetch = true;
}

void use_copy(Printer *p, int bytes) {
    p->uses->copy[bytes] = p->uses->copy[0] = true;
}

void use_mma(Printer *p, KMma kind) {
    p->uses->mma[kind] = true;
}

void use_target(Printer *p) {
    const char *name = p->kernel->target->name;
    Uses *uses = p->uses;
    if (strcmp(name, "avx2") == 0) uses->avx2 = uses->x86 = true;
    if (strcmp(name, "avx512") == 0) uses->avx512 = uses->x86 = true;
    if (strcmp(name, "avx512bf16") == 0) uses->avx512bf16 = uses->x86 = true;
    if (strcmp(name, "amx") == 0) uses->amx = uses->x86 = true;
    if (p->kernel->tiles) uses->tiles = true;
    if (strcmp(name, "sse2") == 0) uses->x86 = true;
    if (strcmp(name, "neon") == 0) uses->neon = true;
}

/* Of targets with vectors of 64 bytes, which compilers would rather halve. */
static void print_target_512(Emitter *e, const char *macro, const char *target) {
    const char *isa = target_find(target)->attribute;
    emit_line(e, "#if defined(__x86_64__) && defined(__clang__)");
    emit_line(e, "#define %s \\\n    __attribute__((target(\"%s\"), min_vector_width(512)))", macro,
              isa);
    emit_line(e, "#elif defined(__x86_64__)");
    emit_line(e, "#define %s \\\n    __attribute__((target(\"%s,prefer-vector-width=512\")))",
              macro, isa);
    emit_line(e, "#else");
    emit_line(e, "#define %s", macro);
    emit_line(e, "#endif");
}

static void print_targets(Emitter *e, const Uses *uses) {
    if (uses->x86) {
        emit_line(e, "#if defined(__x86_64__) || defined(__i386__)");
        emit_line(e, "#include <immintrin.h>");
        emit_line(e, "#endif");
    }
    if (uses->neon) {
        emit_line(e, "#if defined(__ARM_NEON)");
        emit_line(e, "#include <arm_neon.h>");
        emit_line(e, "#endif");
    }
    if (uses->avx2) {
        emit_line(e, "#if defined(__x86_64__) || defined(__i386__)");
        emit_line(e, "#define TARGET_AVX2 __attribute__((target(\"%s\")))",
                  target_find("avx2")->attribute);
        emit_line(e, "#else");
        emit_line(e, "#define TARGET_AVX2");
        emit_line(e, "#endif");
    }
    if (uses->avx512) print_target_512(e, "TARGET_AVX512", "avx512");
    if (uses->avx512bf16) print_target_512(e, "TARGET_AVX512BF16", "avx512bf16");
    if (uses->amx) print_target_512(e, "TARGET_AMX", "amx");
}

static const char *const lane_types[] = {"int32_t", "int64_t", "float", "double"};
static const char *const lane_names[] = {"i32", "i64", "f32", "f64"};
static const char *const macro_types[] = {"I32", "I64", "F32", "F64"};

static void print_types(Emitter *e, Uses *uses) {
    for (int class = 0; class < 4; class ++) {
        int size = class % 2 ? 8 : 4;
        for (int lanes = 2; lanes <= K_MAX_LANES; lanes++) {
            /* Float operations and tails are spelled with masks of the same width. */
            if (uses->tail_load[2 + class % 2][lanes]) uses->type[class % 2][lanes] = true;
            if (uses->type[2 + class % 2][lanes]) uses->type[class % 2][lanes] = true;
            if (!uses->type[class][lanes]) continue;
            emit_line(e, "typedef %s %sx%d __attribute__((vector_size(%d)));", lane_types[class],
                      lane_names[class], lanes, size * lanes);
            if (class < 2)
                emit_line(e, "typedef u%s u%d_x%d __attribute__((vector_size(%d)));",
                          lane_types[class], 8 * size, lanes, size * lanes);
        }
    }
    for (int dtype = 0; dtype < DT_COUNT; dtype++)
        for (int lanes = 2; lanes <= K_MAX_LANES; lanes++) {
            /* bool and u8 are one type in memory. */
            if (dtype == DT_BOOL && uses->memory[DT_BOOL][lanes]) uses->memory[DT_U8][lanes] = true;
            if (dtype == DT_BOOL || !uses->memory[dtype][lanes]) continue;
            int size = (int)dtype_size((DType)dtype);
            emit_text(e, "typedef %s ", dtype_c_type((DType)dtype));
            print_memory_type(e, (DType)dtype, lanes);
            emit_line(e, " __attribute__((vector_size(%d), aligned(%d), may_alias));", size * lanes,
                      size);
        }
}

/* Intrinsics by operation and vector bytes (16, 32, 64); %s stands for "ps" or "pd", a, b and c for
 * operands. */
static const char *const intrinsics[KOP_COUNT][3] = {
    [KOP_FMA] = {"_mm_fmadd_%s(a, b, c)", "_mm256_fmadd_%s(a, b, c)", "_mm512_fmadd_%s(a, b, c)"},
    [KOP_MIN] = {"_mm_min_%s(a, b)", "_mm256_min_%s(a, b)", "_mm512_min_%s(a, b)"},
    [KOP_MAX] = {"_mm_max_%s(a, b)", "_mm256_max_%s(a, b)", "_mm512_max_%s(a, b)"},
    [KOP_SCALE] = {NULL, NULL, "_mm512_scalef_%s(a, b)"},
    [KOP_SQRT] = {"_mm_sqrt_%s(a)", "_mm256_sqrt_%s(a)", "_mm512_sqrt_%s(a)"},
    [KOP_FLOOR] = {NULL, "_mm256_round_%s(a, 0x09)", "_mm512_roundscale_%s(a, 0x09)"},
    [KOP_CEIL] = {NULL, "_mm256_round_%s(a, 0x0a)", "_mm512_roundscale_%s(a, 0x0a)"},
    [KOP_RINT] = {NULL, "_mm256_round_%s(a, 0x08)", "_mm512_roundscale_%s(a, 0x08)"},
    [KOP_TRUNC] = {NULL, "_mm256_round_%s(a, 0x0b)", "_mm512_roundscale_%s(a, 0x0b)"},
};

static const char *find_intrinsic(KOp op, int class, int lanes) {
    if (class < 2) return NULL;
    int bytes = lanes * (class == 2 ? 4 : 8);
    return bytes == 16   ? intrinsics[op][0]
           : bytes == 32 ? intrinsics[op][1]
           : bytes == 64 ? intrinsics[op][2]
                         : NULL;
}

static bool op_is_bf16(KOp op) {
    return op == KOP_BF16_PAIR || op == KOP_BF16_DOT;
}

MacroVariant macro_variant(const Target *target, KOp op, KKind kind, int lanes) {
    int class = class_of(kind), bytes = lanes * (class % 2 ? 8 : 4);
    if (op_is_bf16(op)) return MACRO_X86;
    if (target->vector_bytes == 16 && strcmp(target->name, "neon") == 0)
        return op == KOP_FMA && class == 2 && lanes == 4 ? MACRO_NEON : MACRO_PORTABLE;
    if (bytes > target->vector_bytes || !find_intrinsic(op, class, lanes)) return MACRO_PORTABLE;
    return MACRO_X86;
}

static int operand_count(KOp op) {
    static const int counts[] = {
#define X(name, operands) operands,
        K_OP_LIST(X)
#undef X
    };
    return counts[op];
}

/* The macro's name and parameters; the body follows. */
static void print_define(Emitter *e, const char *prefix, KOp op, int class, int lanes) {
    static const char *const parameters[] = {"", "a", "a, b", "a, b, c"};
    emit_text(e, "#define %s%s_%sX%d(%s) \\\n    ", prefix, macro_name(op), macro_types[class],
              lanes, parameters[operand_count(op)]);
}

/* (f32x16)_mm512_max_ps((__m512)(a), (__m512)(b)) */
static void print_intrinsic(Emitter *e, const char *text, int class, int lanes) {
    int bytes = lanes * (class == 2 ? 4 : 8);
    emit_text(e, "((%sx%d)", lane_names[class], lanes);
    for (const char *c = text; *c; c++) {
        bool operand = (*c == 'a' || *c == 'b' || *c == 'c') && (c[-1] == '(' || c[-1] == ' ') &&
                       (c[1] == ',' || c[1] == ')');
        if (operand)
            emit_text(e, "(__m%d%s)(%c)", bytes * 8, class == 3 ? "d" : "", *c);
        else if (c[0] == '%' && c[1] == 's')
            emit_text(e, "%s", class == 2 ? "ps" : "pd"), c++;
        else
            emit_text(e, "%c", *c);
    }
    emit_text(e, ")\n");
}

static void print_lane_loop(Emitter *e, const char *function, int class, int lanes) {
    emit_text(e,
              "__extension__({ %sx%d a_ = (a); for (int i_ = 0; i_ < %d; i_++) a_[i_] = "
              "%s%s(a_[i_]); a_; })\n",
              lane_names[class], lanes, lanes, function, class == 2 ? "f" : "");
}

static void print_half(Emitter *e, int lanes, int first) {
    emit_text(e, "__builtin_shufflevector(a%d_, a%d_", lanes, lanes);
    for (int l = 0; l < lanes / 2; l++)
        emit_text(e, ", %d", first + l);
    emit_text(e, ")");
}

/* Integers are added as unsigned ones, which wrap. */
static void print_lane_sum(Emitter *e, int class, int lanes) {
    static const char *const types[] = {"u32_x", "u64_x", "f32x", "f64x"};
    emit_text(e, "__extension__({ \\\n        const %s%d a%d_ = (%s%d)(a); \\\n", types[class],
              lanes, lanes, types[class], lanes);
    for (; lanes > 2; lanes /= 2) {
        emit_text(e, "        const %s%d a%d_ = ", types[class], lanes / 2, lanes / 2);
        print_half(e, lanes, 0);
        emit_text(e, " + ");
        print_half(e, lanes, lanes / 2);
        emit_text(e, "; \\\n");
    }
    emit_text(e, "        (%s)(a2_[0] + a2_[1]); \\\n    })\n", lane_types[class]);
}

/* Spellings that need nothing but GNU vectors. */
static void print_portable(Emitter *e, KOp op, int class, int lanes) {
    const char *v = lane_names[class], *m = lane_names[class % 2];
    int n = lanes, bits = class % 2 ? 64 : 32;
    switch (op) {
    case KOP_SPLAT:
        emit_text(e, "((a) %s (%sx%d){0})\n", class < 2 ? "+" : "-", v, n);
        break;
    case KOP_MIN:
    case KOP_MAX:
        emit_text(
            e,
            "((%sx%d)(((%sx%d)(a) & (%sx%d)((a) %c (b))) | ((%sx%d)(b) & ~(%sx%d)((a) %c (b)))))\n",
            v, n, m, n, m, n, op == KOP_MIN ? '<' : '>', m, n, m, n, op == KOP_MIN ? '<' : '>');
        break;
    case KOP_SELECT:
        emit_text(e, "((%sx%d)(((%sx%d)(b) & (a)) | ((%sx%d)(c) & ~(a))))\n", v, n, m, n, m, n);
        break;
    case KOP_ABS:
        if (class < 2)
            emit_text(e, "((%sx%d)((u%d_x%d)((a) ^ ((a) < 0)) - (u%d_x%d)((a) < 0)))\n", v, n, bits,
                      n, bits, n);
        else
            emit_text(e, "((%sx%d)((%sx%d)(a) & INT%d_MAX))\n", v, n, m, n, bits);
        break;
    case KOP_UMULHI:
        emit_text(e,
                  "__builtin_convertvector((__builtin_convertvector((u32_x%d)(a), u64_x%d) * "
                  "__builtin_convertvector((u32_x%d)(b), u64_x%d)) >> 32, i32x%d)\n",
                  n, n, n, n, n);
        break;
    case KOP_FMA:
        emit_text(
            e,
            "__extension__({ %sx%d a_ = (a), b_ = (b), c_ = (c); for (int i_ = 0; i_ < %d; i_++) "
            "c_[i_] = fma%s(a_[i_], b_[i_], c_[i_]); c_; })\n",
            v, n, n, class == 2 ? "f" : "");
        break;
    case KOP_SCALE:
        emit_text(e,
                  "__extension__({ %sx%d a_ = (a), b_ = (b); for (int i_ = 0; i_ < %d; i_++) "
                  "if (b_[i_] == b_[i_]) a_[i_] = ldexpf(a_[i_], (int)b_[i_]); a_; })\n",
                  v, n, n);
        break;
    case KOP_SUM:
        print_lane_sum(e, class, lanes);
        break;
    case KOP_SQRT:
        print_lane_loop(e, "sqrt", class, lanes);
        break;
    case KOP_FLOOR:
        print_lane_loop(e, "floor", class, lanes);
        break;
    case KOP_CEIL:
        print_lane_loop(e, "ceil", class, lanes);
        break;
    case KOP_RINT:
        print_lane_loop(e, "rint", class, lanes);
        break;
    case KOP_TRUNC:
        print_lane_loop(e, "trunc", class, lanes);
        break;
    default:
        NNC_BUG("no vector spelling of kernel operation %s", kop_name(op));
    }
}

/* One macro with the processor's own instruction, or the portable body where there is none. */
static void print_variant(Emitter *e, MacroVariant variant, KOp op, int class, int lanes) {
    const char *prefix = variant == MACRO_X86 ? "X86_" : "NEON_";
    if (variant == MACRO_X86)
        emit_line(e, "#if defined(__x86_64__) || defined(__i386__)");
    else
        emit_line(e, "#if defined(__ARM_NEON)");
    print_define(e, prefix, op, class, lanes);
    if (variant == MACRO_X86)
        print_intrinsic(e, find_intrinsic(op, class, lanes), class, lanes);
    else
        emit_text(e, "((f32x4)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))\n");
    emit_line(e, "#else");
    print_define(e, prefix, op, class, lanes);
    print_portable(e, op, class, lanes);
    emit_line(e, "#endif");
}

/* Pairs of bfloat16 numbers, 16 of them in a vector. */
static void print_bf16(Emitter *e) {
    emit_line(e, "#if defined(__x86_64__)");
    emit_text(e, "#define X86_BF16_PAIR_I32X16(a, b) \\\n"
                 "    ((i32x16)_mm512_permutexvar_epi16((__m512i)(i32x16){");
    for (int l = 0; l < 16; l++)
        emit_text(e, "%s0x%x", l ? ", " : "", (16u + (unsigned)l) << 16 | (unsigned)l);
    emit_text(e, "}, \\\n        (__m512i)_mm512_cvtne2ps_pbh((__m512)(b), (__m512)(a))))\n"
                 "#define X86_BF16_DOT_F32X16(a, b, c) \\\n"
                 "    ((f32x16)_mm512_dpbf16_ps((__m512)(c), (__m512bh)(a), (__m512bh)(b)))\n");
    emit_line(e, "#else");
    emit_text(
        e, "static float flush_denormal(float x) {\n"
           "    return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x;\n"
           "}\n"
           "static uint32_t to_bf16(float x) {\n"
           "    const float y = flush_denormal(x);\n"
           "    uint32_t bits;\n"
           "    memcpy(&bits, &y, sizeof bits);\n"
           "    return x != x ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;\n"
           "}\n"
           "static float from_bf16(uint32_t bits) {\n"
           "    float x;\n"
           "    bits &= 0xffff0000u;\n"
           "    memcpy(&x, &bits, sizeof x);\n"
           "    return flush_denormal(x);\n"
           "}\n"
           "static int32_t bf16_pair(float low, float high) {\n"
           "    return (int32_t)(to_bf16(high) << 16 | to_bf16(low));\n"
           "}\n"
           "static float bf16_dot(uint32_t a, uint32_t b, float c) {\n"
           "    c = flush_denormal(fmaf(from_bf16(a), from_bf16(b), flush_denormal(c)));\n"
           "    return flush_denormal(fmaf(from_bf16(a << 16), from_bf16(b << 16), c));\n"
           "}\n"
           "#define X86_BF16_PAIR_I32X16(a, b) \\\n"
           "    __extension__({ const f32x16 a_ = (a), b_ = (b); i32x16 c_; \\\n"
           "        for (int i_ = 0; i_ < 16; i_++) c_[i_] = bf16_pair(a_[i_], b_[i_]); c_; })\n"
           "#define X86_BF16_DOT_F32X16(a, b, c) \\\n"
           "    __extension__({ const i32x16 a_ = (a), b_ = (b); f32x16 c_ = (c); \\\n"
           "        for (int i_ = 0; i_ < 16; i_++) \\\n"
           "            c_[i_] = bf16_dot((uint32_t)a_[i_], (uint32_t)b_[i_], c_[i_]); c_; })\n");
    emit_line(e, "#endif");
}

static void print_macros(Emitter *e, const Uses *uses) {
    if (uses->macro[KOP_BF16_PAIR][0][16] | uses->macro[KOP_BF16_DOT][2][16]) print_bf16(e);
    for (int i = 0; i < KOP_COUNT; i++) {
        if (op_is_bf16((KOp)i)) continue;
        for (int class = 0; class < 4; class ++)
            for (int lanes = 2; lanes <= K_MAX_LANES; lanes++) {
                KOp op = (KOp)i;
                int variants = uses->macro[op][class][lanes];
                if (variants & 1 << MACRO_PORTABLE) {
                    print_define(e, "", op, class, lanes);
                    print_portable(e, op, class, lanes);
                }
                if (variants & 1 << MACRO_X86) print_variant(e, MACRO_X86, op, class, lanes);
                if (variants & 1 << MACRO_NEON) print_variant(e, MACRO_NEON, op, class, lanes);
            }
    }
}

MacroVariant tail_variant(const Target *target, KKind kind, int lanes, bool store) {
    int bytes = lanes * (class_of(kind) % 2 ? 8 : 4);
    bool masks = bytes <= target->vector_bytes && (bytes == 64 || (bytes == 32 && !store));
    return masks ? MACRO_X86 : MACRO_PORTABLE;
}

static void print_tail_define(Emitter *e, bool x86, bool store, int class, int lanes) {
    emit_text(e, "#define %s%s_TAIL_%sX%d(p, n%s) \\\n    ", x86 ? "X86_" : "",
              store ? "STORE" : "LOAD", macro_types[class], lanes, store ? ", a" : "");
}

/* The first n lanes from memory, zeros in the others; or the first n lanes to memory. */
static void print_portable_tail(Emitter *e, bool x86, bool store, int class, int lanes) {
    print_tail_define(e, x86, store, class, lanes);
    emit_text(e,
              store ? "do { const %sx%d v_ = (a); memcpy((p), &v_, (n) * sizeof v_[0]); } while (0)"
                      "\n"
                    : "__extension__({ %sx%d v_ = {0}; memcpy(&v_, (p), (n) * sizeof v_[0]); v_; })"
                      "\n",
              lane_names[class], lanes);
}

static void print_x86_tail(Emitter *e, bool store, int class, int lanes) {
    const char *type = lane_names[class];
    int bits = class % 2 ? 64 : 32;
    emit_line(e, "#if defined(__x86_64__) || defined(__i386__)");
    print_tail_define(e, true, store, class, lanes);
    if (store) {
        emit_text(e, "_mm512_mask_storeu_epi%d((p), (__mmask%d)((1u << (n)) - 1), (__m512i)(a))\n",
                  bits, lanes);
    } else if (lanes * bits == 512) {
        emit_text(e, "((%sx%d)_mm512_maskz_loadu_epi%d((__mmask%d)((1u << (n)) - 1), (p)))\n", type,
                  lanes, bits, lanes);
    } else {
        emit_text(e, "((%sx%d)_mm256_maskload_epi%d((const void *)(p), (__m256i)(i%dx%d){", type,
                  lanes, bits, bits, lanes);
        for (int l = 0; l < lanes; l++)
            emit_text(e, "%s-((n) > %d)", l ? ", " : "", l);
        emit_text(e, "}))\n");
    }
    emit_line(e, "#else");
    print_portable_tail(e, true, store, class, lanes);
    emit_line(e, "#endif");
}

static void print_tails(Emitter *e, const Uses *uses) {
    for (int class = 0; class < 4; class ++)
        for (int lanes = 2; lanes <= K_MAX_LANES; lanes++)
            for (int store = 0; store < 2; store++) {
                int variants =
                    store ? uses->tail_store[class][lanes] : uses->tail_load[class][lanes];
                if (variants & 1 << MACRO_PORTABLE)
                    print_portable_tail(e, false, store, class, lanes);
                if (variants & 1 << MACRO_X86) print_x86_tail(e, store, class, lanes);
            }
}

void print_helpers(Emitter *e, const Uses *uses, const char *qualifiers) {
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++) {
            if (!uses->bitcast[from][to]) continue;
            emit_line(e, "%s %s bits_%s_to_%s(%s x) {", qualifiers, lane_types[to],
                      lane_names[from], lane_names[to], lane_types[from]);
            emit_line(e, "%s y;", lane_types[to]);
            emit_line(e, "memcpy(&y, &x, sizeof y);");
            emit_line(e, "return y;");
            emit_line(e, "}");
        }
    for (int class = 0; class < 2; class ++) {
        const char *type = lane_types[class], *name = lane_names[class];
        if (uses->division[class]) {
            emit_line(e, "/* Dividing the least integer by -1 wraps. */");
            emit_line(e, "%s %s div_%s(%s a, %s b) {", qualifiers, type, name, type, type);
            emit_line(e, "return b == -1 ? (%s)(-(u%s)a) : a / b;", type, type);
            emit_line(e, "}");
        }
        if (uses->remainder[class]) {
            emit_line(e, "%s %s rem_%s(%s a, %s b) {", qualifiers, type, name, type, type);
            emit_line(e, "return b == -1 ? 0 : a %% b;");
            emit_line(e, "}");
        }
        if (uses->absolute[class]) {
            emit_line(e, "%s %s abs_%s(%s a) {", qualifiers, type, name, type);
            emit_line(e, "return a < 0 ? (%s)(-(u%s)a) : a;", type, type);
            emit_line(e, "}");
        }
    }
}

/* The matrix unit: eight tiles of 16 rows of 64 bytes. Compilers don't know what tiles read and
 * write of memory. */
static void print_tiles(Emitter *e) {
    emit_line(e, "static const _Alignas(64) uint8_t tile_config[64] = {");
    emit_line(e, "[0] = 1, [16] = 64, [18] = 64, [20] = 64, [22] = 64, [24] = 64, [26] = 64,");
    emit_line(e, "[28] = 64, [30] = 64, [48] = 16, 16, 16, 16, 16, 16, 16, 16");
    emit_line(e, "};");
    emit_line(e, "#define TILE_LOAD(tile, from, bytes) \\");
    emit_line(e, "    do { KEEP_ORDER; _tile_loadd(tile, from, bytes); } while (0)");
    emit_line(e, "#define TILE_STORE(tile, to, bytes) \\");
    emit_line(e, "    do { _tile_stored(tile, to, bytes); KEEP_ORDER; } while (0)");
}

void print_prelude(Emitter *e, Uses *uses) {
    emit_comment(e,
                 "Every operation rounds by itself: products and sums are fused only where fma is "
                 "written. gcc needs -std=c11 (or -ffp-contract=off) for that.");
    emit_line(e, "#if defined(__clang__)");
    emit_line(e, "#pragma STDC FP_CONTRACT OFF");
    emit_line(e, "#endif");
    print_targets(e, uses);
    if (uses->unroll) {
        emit_line(e, "#if defined(__clang__)");
        emit_line(e, "#define UNROLL_LOOP _Pragma(\"clang loop unroll(full)\")");
        emit_line(e, "#elif defined(__GNUC__)");
        emit_line(e, "#define UNROLL_LOOP _Pragma(\"GCC unroll 64\")");
        emit_line(e, "#else");
        emit_line(e, "#define UNROLL_LOOP");
        emit_line(e, "#endif");
    }
    if (uses->prefetch) {
        emit_comment(e, "Near the end of the array there is nothing more to fetch: the address may "
                        "lie behind it.");
        emit_line(e, "#if defined(__GNUC__)");
        emit_line(e, "#define PREFETCH(array, index) \\");
        emit_line(e, "    __builtin_prefetch((const void *)((uintptr_t)(array) + "
                     "(uintptr_t)(index) * sizeof *(array)))");
        emit_line(e, "#else");
        emit_line(e, "#define PREFETCH(array, index) (void)0");
        emit_line(e, "#endif");
    }
    if (uses->fence) {
        emit_comment(e,
                     "Loads are not merged across it, which would cost more registers than there "
                     "are.");
        emit_line(e, "#if defined(__GNUC__)");
        emit_line(e, "#define KEEP_ORDER __asm__ volatile(\"\" ::: \"memory\")");
        emit_line(e, "#else");
        emit_line(e, "#define KEEP_ORDER (void)0");
        emit_line(e, "#endif");
    }
    if (uses->tiles) print_tiles(e);
    print_types(e, uses);
    for (int order = 0; order < SHUFFLE_ORDERS; order++)
        for (int lanes = 4; lanes <= K_MAX_LANES; lanes++)
            if (uses->shuffle[order][lanes]) print_shuffle_macro(e, order, lanes);
    print_macros(e, uses);
    print_tails(e, uses);
    print_helpers(e, uses, "static inline");
}
