/* Kernel IR: one function over buffers, between the graph and the printed text.
 *
 * A Kernel is a list of buffers and a block of statements. Values are typed (kind x lanes) and
 * immutable: each k_* call of the builder computes one, once, where it is called; naming it twice
 * never computes it twice, the printer inlines what reads well. Mutable registers are made by
 * k_var and changed by k_set; using one as an operand reads it at that place.
 *
 * Memory is indexed in elements by I64 scalars. The builder folds index arithmetic and tracks an
 * interval for every integer scalar, so that the verifier can prove indexes in range.
 *
 * The meaning of every operation is the same in the interpreting tier and in the printed C, bit
 * for bit: floats round at each operation, k_fma is fused when the target has it and a rounded
 * product and sum when not, min and max are `a < b ? a : b` and `a > b ? a : b`, integers wrap,
 * shift counts are in range. Nothing is contracted or reassociated behind the lowering's back.
 *
 * Memory dtypes bool and u8 live in registers as I32: loads extend with zeros, stores truncate.
 * Halves live in F32; the builder makes their loads and stores ones of the bits, as I32, and what
 * is stored has been rounded (k_round_half).
 *
 * A kernel for a GPU (k_grid) is what one thread of a block of threads does. Threads of a block
 * share KBUF_SHARED arrays and meet at barriers; 32 threads in a row, a warp, may read one
 * another's registers (k_peer). All threads of a block come to a barrier or a k_peer or none does:
 * these stand only where control does not depend on the thread, which the verifier checks. Blocks
 * run in any order and share nothing. Such a kernel holds no vectors.
 *
 * Copies from memory to shared arrays may be asynchronous (k_copy_async): a thread's copies up to a
 * k_copy_commit are a group, and are there once it has waited for the group (k_copy_wait), for the
 * block's other threads after a barrier. Matrix units multiply small matrices that a warp holds in
 * its registers (k_mma); devices without them have k_matrix_units false. */
#ifndef NNC_CODEGEN_KERNEL_H
#define NNC_CODEGEN_KERNEL_H

#include "codegen/target.h"
#include "passes/fuse.h"

/* Register kinds. Masks are results of comparisons; M32 goes with 32-bit lanes, M64 with 64. */
typedef enum __attribute__((packed)) KKind {
    K_I32,
    K_I64,
    K_F32,
    K_F64,
    K_M32,
    K_M64,
    K_KIND_COUNT
} KKind;

enum { K_MAX_LANES = 16, K_FREQUENT = 64 };

typedef enum KBufRole {
    KBUF_IN,      /* parameter, read only: the value of `node` */
    KBUF_OUT,     /* parameter, written (may be read back): the value of `node` */
    KBUF_SCRATCH, /* parameter: working memory from the arena, contents undefined at the start */
    KBUF_LOCAL,   /* array on the kernel's stack, 64-byte aligned, undefined at the start */
    KBUF_TABLE,   /* static constant array */
    KBUF_SHARED,  /* array of a GPU's block of threads, undefined at the start */
} KBufRole;

typedef struct KBuf {
    int id; /* position in kernel->buffers; parameters are passed in that order */
    KBufRole role;
    DType dtype;
    int64_t count;       /* elements */
    const Node *node;    /* KBUF_IN, KBUF_OUT; else NULL */
    int64_t base;        /* of the value's elements, the one that is passed as the first */
    const void *table;   /* KBUF_TABLE: `count` elements */
    const char *comment; /* "x f32[1,1,32,32]"; may be NULL */
    bool inplace;        /* KBUF_IN: may share memory with any KBUF_OUT of the same size in bytes */
    bool aliased;        /* set by who plans memory when it does: printed without restrict */
    bool fresh;          /* SCRATCH, LOCAL: an iteration of a K_PARALLEL loop reads of it only what
                            it wrote itself, or what was written outside of such loops */
    bool shared;         /* SCRATCH: threads that share the kernel have it in common */
} KBuf;

/* Operations; X(name, operands). The builder functions below say what each one does. */
#define K_OP_LIST(X)                                                                               \
    X(CONST, 0)                                                                                    \
    X(LOOP, 0)         /* a loop's counter */                                                      \
    X(VAR, 0)          /* a mutable register */                                                    \
    X(BLOCK, 0)        /* GPU: the number of the block of threads */                               \
    X(THREAD, 0)       /* GPU: the number of the thread in its block */                            \
    X(PEER, 1)         /* GPU: the operand in the thread whose number is this one's ^ imm */       \
    X(ANY, 1)          /* GPU: whether the mask is true in any thread of the block; all meet */    \
    X(MATRIX_UNITS, 0) /* GPU: whether the device multiplies matrices of F32 numbers */            \
    X(TF32, 1)         /* GPU: F32 rounded to 10 bits after the leading one, ties away from 0 */   \
    X(SPLAT, 1)                                                                                    \
    X(EXTRACT, 1) /* imm: the lane */                                                              \
    X(SHUFFLE, 2)                                                                                  \
    X(SUM, 1) /* of all lanes: lane l meets lane l + n/2, then n/4... */                           \
    X(CONVERT, 1)                                                                                  \
    X(BITCAST, 1)                                                                                  \
    X(ADD, 2)                                                                                      \
    X(SUB, 2)                                                                                      \
    X(MUL, 2)                                                                                      \
    X(DIV, 2) /* integers: toward zero */                                                          \
    X(REM, 2) /* integers: sign of the dividend */                                                 \
    X(FMA, 3)                                                                                      \
    X(BF16_PAIR, 2) /* I32: a rounded to bfloat16 in the low half, b in the high half */           \
    X(BF16_DOT, 3)  /* c + the high halves' product + the low halves', of such pairs */            \
    X(NEG, 1)                                                                                      \
    X(ABS, 1)                                                                                      \
    X(MIN, 2)                                                                                      \
    X(MAX, 2)                                                                                      \
    X(SCALE, 2) /* F32x16: a times 2 to the power of b, an integer or NaN; rounded once */         \
    X(SQRT, 1)                                                                                     \
    X(FLOOR, 1)                                                                                    \
    X(CEIL, 1)                                                                                     \
    X(RINT, 1) /* to even */                                                                       \
    X(TRUNC, 1)                                                                                    \
    X(AND, 2)                                                                                      \
    X(OR, 2)                                                                                       \
    X(XOR, 2)                                                                                      \
    X(NOT, 1)                                                                                      \
    X(SHL, 2)                                                                                      \
    X(SHR, 2)    /* arithmetic */                                                                  \
    X(USHR, 2)   /* logical */                                                                     \
    X(UMULHI, 2) /* I32: high half of the unsigned product */                                      \
    X(LT, 2)                                                                                       \
    X(LE, 2)                                                                                       \
    X(EQ, 2)                                                                                       \
    X(NE, 2)                                                                                       \
    X(SELECT, 3)                                                                                   \
    X(MASK_INT, 1)     /* 1 where true, 0 elsewhere; I32 or I64 */                                 \
    X(CALL, 2)         /* imm: a KLibm; lane by lane */                                            \
    X(COPY, 1)         /* the present value of a register */                                       \
    X(ASSUME, 1)       /* the operand, known to lie in [lo, hi] */                                 \
    X(LOAD, 1)         /* contiguous from buf[a + imm] */                                          \
    X(LOAD_TAIL, 1)    /* the first `active` lanes; the others are 0 */                            \
    X(LOAD_STRIDED, 1) /* lane l from buf[a + imm + l * stride]; 0 from `active` on */             \
    X(GATHER, 1)       /* lane l from buf[a[l] + imm], a is I64 of the same lanes */

typedef enum __attribute__((packed)) KOp {
#define X(name, operands) KOP_##name,
    K_OP_LIST(X)
#undef X
        KOP_COUNT
} KOp;

/* libm functions that stay calls, in both precisions. */
#define K_LIBM_LIST(X)                                                                             \
    X(LGAMMA, lgamma, 1)                                                                           \
    X(TGAMMA, tgamma, 1)                                                                           \
    X(SIN, sin, 1)                                                                                 \
    X(COS, cos, 1)                                                                                 \
    X(TAN, tan, 1)                                                                                 \
    X(ASIN, asin, 1)                                                                               \
    X(ACOS, acos, 1)                                                                               \
    X(ATAN, atan, 1)                                                                               \
    X(ATAN2, atan2, 2)                                                                             \
    X(SINH, sinh, 1)                                                                               \
    X(COSH, cosh, 1)                                                                               \
    X(ASINH, asinh, 1)                                                                             \
    X(ACOSH, acosh, 1)                                                                             \
    X(ATANH, atanh, 1)                                                                             \
    X(EXP, exp, 1)                                                                                 \
    X(EXPM1, expm1, 1)                                                                             \
    X(LOG, log, 1)                                                                                 \
    X(LOG1P, log1p, 1)                                                                             \
    X(LOG2, log2, 1)                                                                               \
    X(LOG10, log10, 1)                                                                             \
    X(EXP2, exp2, 1)                                                                               \
    X(TANH, tanh, 1)                                                                               \
    X(ERF, erf, 1)                                                                                 \
    X(ERFC, erfc, 1)                                                                               \
    X(POW, pow, 2)                                                                                 \
    X(FMOD, fmod, 2)

typedef enum KLibm {
#define X(name, function, operands) KLIBM_##name,
    K_LIBM_LIST(X)
#undef X
        KLIBM_COUNT
} KLibm;

typedef struct KVal {
    KOp op;
    KKind kind;
    int lanes;
    int id;     /* number of the register; constants have -1 */
    int active; /* LOAD_TAIL, LOAD_STRIDED: lanes that are read */
    struct KVal *a, *b, *c;
    KBuf *buf; /* loads */
    union {
        int64_t imm; /* integer constants, load offsets, lane numbers, KLibm */
        double f;    /* float constants */
    };
    union {
        int64_t stride;     /* loads */
        const int *shuffle; /* SHUFFLE: one entry a result lane; i < a->lanes is a[i], else b */
    };
    int64_t lo, hi;       /* I64 and I32 scalars: inclusive bounds; INT64_MIN..MAX: unknown */
    struct KBlock *block; /* where it is computed; NULL for constants */
} KVal;

typedef enum __attribute__((packed)) KStmtKind {
    KSTMT_LET,   /* computes `value` */
    KSTMT_SET,   /* var = value */
    KSTMT_STORE, /* buf[index + imm + l * stride] = value's lane l, for the first `active` lanes */
    KSTMT_FOR,   /* for (var = lo; var < hi; var += step) body */
    KSTMT_IF,    /* if (value) body else other */
    KSTMT_FAULT, /* if (value) the kernel (of a GPU: the thread) ends, reporting a data-dependent
                    fault */
    KSTMT_COMMENT,
    KSTMT_FENCE, /* loads above are not merged with loads below (keeps unrolled taps from spilling)
                  */
    KSTMT_PREFETCH, /* buf[index + imm] will be read soon; it may lie outside, then nothing will be
                     */
    KSTMT_BARRIER, /* threads wait for one another, and see what was stored: those of a GPU's block,
                      or those that share the kernel */
    KSTMT_COPY,   /* GPU: begins to copy `active` elements from[0][at[0]...] to buf[index...]; zeros
                     where `value`, if any, is false */
    KSTMT_COMMIT, /* GPU: the thread's copies begun since the last one become a group */
    KSTMT_WAIT,   /* GPU: until all groups of the thread have arrived but the newest `imm` */
    KSTMT_MMA,    /* GPU: the warp adds a product of matrices, from[] at at[], to buf at index */
    KSTMT_TILE_ZERO,  /* tile[0] = 0 */
    KSTMT_TILE_LOAD,  /* tile[0]'s row r = buf[index + imm + r * stride], and 15 elements more */
    KSTMT_TILE_STORE, /* the same, to memory */
    KSTMT_TILE_DOT,   /* tile[0] += tile[1] * tile[2] */
} KStmtKind;

enum {
    K_PARALLEL = 1, /* iterations may be shared among threads, if kernel_splits() says so */
    K_UNROLL = 2,   /* the C compiler is asked to unroll it wholly */
    K_ROLL = 4,     /* GPU: or not at all */
};

typedef struct KStmt {
    KStmtKind kind;
    uint8_t flags;   /* FOR: K_PARALLEL, K_UNROLL, K_ROLL */
    int active;      /* STORE: lanes written */
    uint8_t tile[3]; /* TILE_*: numbers of tiles */
    struct KStmt *next;
    KVal *value;
    KVal *var;      /* SET: the register; FOR: the counter */
    KVal *lo, *hi;  /* FOR: I64 scalars */
    KBuf *buf;      /* STORE, PREFETCH, COPY, MMA, TILE_LOAD, TILE_STORE */
    KVal *index;    /* the same: I64 scalar */
    KBuf *from[2];  /* COPY, MMA: what is read, */
    KVal *at[2];    /* and from which element on */
    int64_t imm;    /* STORE, PREFETCH, TILE_LOAD, TILE_STORE: offset; FOR: step (> 0) */
    int64_t stride; /* STORE: 1 is contiguous; TILE_LOAD, TILE_STORE: of rows */
    struct KBlock *body, *other;
    const char *text; /* COMMENT */
} KStmt;

typedef struct KBlock {
    KStmt *first, *last;
    struct KBlock *parent;
    KStmt *owner; /* the FOR or IF that it belongs to; NULL for a kernel's body */
    int depth;
} KBlock;

/* What the statement itself reads, not the blocks in it: how many values. */
enum { KSTMT_OPERANDS = 8 };
static inline int kstmt_operands(const KStmt *s, const KVal *operands[KSTMT_OPERANDS]) {
    const KVal *let = s->kind == KSTMT_LET ? s->value : NULL;
    const KVal *all[KSTMT_OPERANDS] = {let ? let->a : s->value,
                                       let ? let->b : NULL,
                                       let ? let->c : NULL,
                                       s->index,
                                       s->lo,
                                       s->hi,
                                       s->at[0],
                                       s->at[1]};
    int count = 0;
    for (int i = 0; i < KSTMT_OPERANDS; i++)
        if (all[i]) operands[count++] = all[i];
    return count;
}

/* A contraction's schedule, as files have it (codegen/schedule_text.h). */
typedef struct KernelChoice {
    const char *key, *schedule;
    const char *wrong;         /* why what a file said could not be followed, or NULL */
    const char *const *others; /* schedules to be compared with it */
    int other_count;
} KernelChoice;

typedef struct Kernel {
    const char *name; /* an identifier, unique in its graph */
    Span span;
    const char *comment; /* what it computes, one line; may be NULL */
    const Target *target;
    VEC(KBuf *) buffers;
    KBlock *body;
    int value_count;      /* ids are below this */
    bool faults;          /* holds a KSTMT_FAULT: the C function returns int, 1 on a fault; of a
                             GPU it is given where to store a 1 */
    bool divides;         /* its faults are integer divisions by zero */
    bool split;           /* K_PARALLEL loops run a thread's part of their iterations */
    bool calls;           /* calls libm */
    int64_t blocks;       /* GPU: blocks of threads; 0: a kernel for a CPU */
    int threads;          /* GPU: of a block */
    bool meets;           /* threads meet somewhere: of a GPU's block, or those that share it */
    bool bf16;            /* holds a BF16_* operation */
    bool tiles;           /* holds a TILE_* statement */
    double flops;         /* multiplications and additions of a run, for reports */
    const char *schedule; /* how it was tiled, for reports; may be NULL */
    const struct KernelChoice *choices; /* of schedules: one a phase of a contraction */
    int choice_count;
    const struct KernelText *text; /* the body as C (codegen/c/print.h), once it is printed */
    const struct Kernel *twin; /* an earlier kernel with this very body, its own first; or NULL */
} Kernel;

/* The builder: appends to the innermost open block. Pure operations are shared and placed in the
 * outermost block where their operands are known, so that lowerings need not hoist anything. */
typedef struct KBuilder {
    Arena *arena;
    Kernel *kernel;
    const Group *group; /* says from where its inputs are read; NULL: from their start */
    const Target *target;
    KBlock *block;
    struct KTable *shared;   /* pure values by operation and operands */
    KVal *index[K_FREQUENT]; /* small indexes, found at once */
    bool virtual_loop[64];   /* one entry an open k_for or k_if: it needed no block */
    int depth;
    bool parts; /* for threads: K_PARALLEL loops of one iteration are loops, too */
} KBuilder;

KBuilder kernel_begin(Arena *arena, const Target *target, const char *name, Span span);
/* Returns the kernel, in debug builds checked: one that breaks the rules is a bug. Its target is
 * the least of those like the builder's that has all that it holds. */
Kernel *kernel_end(KBuilder *b);
/* A copy without the body: what calls of the kernel and reports need. */
Kernel *kernel_outline(const Kernel *kernel, Arena *arena);
/* A kernel of the same code whose buffers stand for other values: those that the caller puts in. */
Kernel *kernel_twin(const Kernel *kernel, const char *name, Span span, Arena *arena);
/* The kernel that has the body: itself, or the one that it is a twin of. */
const Kernel *kernel_code(const Kernel *kernel);
/* Types, scopes, and ranges: false with a message. An index whose interval can't be bounded is an
 * error: bound it with k_assume after having checked or clamped it. */
bool kernel_verify(const Kernel *kernel, Buf *error);
/* Whether threads may share its K_PARALLEL loops, each on scratch memory of its own but for what is
 * marked as shared: it is proved that between two barriers no iteration touches elements of a
 * result or of shared memory that another one writes. */
bool kernel_splits(const Kernel *kernel);
/* What a run costs: processor cycles, about. */
double kernel_cycles(const Kernel *kernel);
/* Which of nested loops over independent results threads should share: the outermost one that has
 * iterations enough, else the longest. -1: none has two. */
enum { KERNEL_PART_TRIPS = 8 }; /* enough */
int kernel_part_level(const int64_t *trips, int count);
/* Iterations of a loop with constant bounds; -1: not known. */
int64_t kernel_trips(const KStmt *loop);
/* The kernel as text for dumps and golden files. */
void kernel_dump(Buf *out, const Kernel *kernel);
/* Its statements alone: they say what it does, whatever its name is and its buffers stand for. */
void kernel_dump_body(Buf *out, const Kernel *kernel);

/* Kinds. */
KKind kkind_of(DType dtype);     /* in registers: bool and u8 are I32, halves F32 */
KKind kkind_stored(DType dtype); /* of loads and stores: halves are I32, too */
/* Bytes a lane. */
static inline int kkind_size(KKind kind) {
    return kind == K_I64 || kind == K_F64 || kind == K_M64 ? 8 : 4;
}
static inline bool kkind_is_float(KKind kind) {
    return kind == K_F32 || kind == K_F64;
}
static inline bool kkind_is_mask(KKind kind) {
    return kind == K_M32 || kind == K_M64;
}
KKind kkind_mask_of(KKind kind); /* the mask kind with lanes as wide */

/* Buffers. */
KBuf *k_input(KBuilder *b, const Node *node); /* the same node gives the same buffer */
KBuf *k_output(KBuilder *b, const Node *node);
KBuf *k_scratch(KBuilder *b, DType dtype, int64_t count, const char *comment);
KBuf *k_local(KBuilder *b, DType dtype, int64_t count, const char *comment);
KBuf *k_table(KBuilder *b, DType dtype, int64_t count, const void *elements); /* copied */
KBuf *k_shared(KBuilder *b, DType dtype, int64_t count, const char *comment);

/* GPU kernels: said before all else, then asked for. A block has whole warps, or one thread. */
enum { K_WARP = 32, K_MAX_THREADS = 1024, K_MAX_SHARED = 48 << 10 /* bytes */ };
void k_grid(KBuilder *b, int64_t blocks, int threads);
KVal *k_block(KBuilder *b);
KVal *k_thread(KBuilder *b);
/* The value that x has in the thread of the warp whose number differs in the bits of `mask`. */
KVal *k_peer(KBuilder *b, KVal *x, int mask);
void k_barrier(KBuilder *b);
/* Whether the mask is true in any thread of the block. */
KVal *k_any(KBuilder *b, KVal *mask);

/* Copies of 4, 8 or 16 bytes into shared memory, the latter at multiples of their size there.
 * `exists` NULL: always. */
void k_copy_async(KBuilder *b, KBuf *to, KVal *index, KBuf *from, KVal *at, int count,
                  KVal *exists);
void k_copy_commit(KBuilder *b);
void k_copy_wait(KBuilder *b, int groups);

/* Matrix units. A warp's thread is thread t = number % 4 of group g = number / 4 % 8. The result
 * has 16 rows and 8 columns, of which it holds four numbers of F32: rows g, g and g + 8, g + 8, of
 * each the columns 2t and 2t + 1. What it holds of A, 16 x depth, is for rows g, g + 8, g, g + 8;
 * of B, depth x 8, for column g. One element is a number of depth 8, first t, then t + 4
 * (K_MMA_TF32: of such numbers, depth 8), or a pair of numbers, first 2t and 2t + 1, then those + 8
 * (K_MMA_BF16: I32 pairs of bfloat16, depth 16). */
typedef enum KMma { K_MMA_TF32, K_MMA_BF16 } KMma;
enum { K_MMA_ROWS = 16, K_MMA_COLUMNS = 8, K_MMA_SUM = 4, K_MMA_A = 4, K_MMA_B = 2 };
KVal *k_matrix_units(KBuilder *b);
KVal *k_tf32(KBuilder *b, KVal *x);
void k_mma(KBuilder *b, KMma kind, KBuf *sum, KVal *index, KBuf *x, KVal *x_at, KBuf *y,
           KVal *y_at);

/* For threads that share the kernel: scratch memory that they have in common, and the barrier
 * behind what they wrote there. Without such threads it is plain scratch memory, and nothing. */
KBuf *k_common(KBuilder *b, DType dtype, int64_t count, const char *comment);
void k_meet(KBuilder *b);

/* Constants; k_index is an I64 scalar. k_number takes any kind (floats rounded to it). */
KVal *k_index(KBuilder *b, int64_t value);
KVal *k_number(KBuilder *b, KKind kind, int lanes, double value);
KVal *k_integer(KBuilder *b, KKind kind, int lanes, int64_t value);
/* Integer constants. */
static inline bool k_is_const(const KVal *value, int64_t *out) {
    if (value->op != KOP_CONST || kkind_is_float(value->kind)) return false;
    if (out) *out = value->imm;
    return true;
}

/* Arithmetic. Operands have one kind and equal lanes; a scalar beside a vector is splatted. */
KVal *k_add(KBuilder *b, KVal *x, KVal *y);
KVal *k_sub(KBuilder *b, KVal *x, KVal *y);
KVal *k_mul(KBuilder *b, KVal *x, KVal *y);
KVal *k_div(KBuilder *b, KVal *x, KVal *y); /* integers: toward zero; y is known not to be 0 */
KVal *k_rem(KBuilder *b, KVal *x, KVal *y);
KVal *k_fma(KBuilder *b, KVal *x, KVal *y, KVal *z); /* x * y + z; fused when target->fma */
/* Fused on every target, of floats: by the C library (slowly) where it is no instruction. */
KVal *k_fma_exact(KBuilder *b, KVal *x, KVal *y, KVal *z);
/* Vectors of F32 as pairs of bfloat16 numbers, I32, and F32 sums of such pairs' products. Rounded
 * to even; products are exact and each is added by itself. Denormal numbers count as zeros. */
KVal *k_bf16_pair(KBuilder *b, KVal *low, KVal *high);
KVal *k_bf16_dot(KBuilder *b, KVal *x, KVal *y, KVal *sum);
KVal *k_min(KBuilder *b, KVal *x, KVal *y);  /* x < y ? x : y */
KVal *k_max(KBuilder *b, KVal *x, KVal *y);  /* x > y ? x : y: max(0, x) keeps a NaN x */
KVal *k_unary(KBuilder *b, KOp op, KVal *x); /* NEG ABS SQRT FLOOR CEIL RINT TRUNC NOT MASK_INT */
KVal *k_binary(KBuilder *b, KOp op, KVal *x,
               KVal *y); /* any two-operand arithmetic or comparison */
KVal *k_call(KBuilder *b, KLibm function, KVal *x, KVal *y); /* y NULL for one operand */
/* Index arithmetic on I64 scalars with a constant. */
KVal *k_addi(KBuilder *b, KVal *x, int64_t c);
KVal *k_muli(KBuilder *b, KVal *x, int64_t c);
KVal *k_divi(KBuilder *b, KVal *x, int64_t c); /* x >= 0 */
KVal *k_remi(KBuilder *b, KVal *x, int64_t c); /* x >= 0 */

/* Comparisons give masks; AND OR XOR NOT work on masks too. */
KVal *k_lt(KBuilder *b, KVal *x, KVal *y);
KVal *k_le(KBuilder *b, KVal *x, KVal *y);
KVal *k_gt(KBuilder *b, KVal *x, KVal *y);
KVal *k_ge(KBuilder *b, KVal *x, KVal *y);
KVal *k_eq(KBuilder *b, KVal *x, KVal *y);
KVal *k_ne(KBuilder *b, KVal *x, KVal *y);
KVal *k_and(KBuilder *b, KVal *x, KVal *y);
KVal *k_or(KBuilder *b, KVal *x, KVal *y);
/* mask ? x : y. The mask's width is adapted to the operands'. */
KVal *k_select(KBuilder *b, KVal *mask, KVal *x, KVal *y);
KVal *k_true_if(KBuilder *b, KVal *x);                /* the mask x != 0 */
KVal *k_mask_to(KBuilder *b, KVal *mask, KKind kind); /* M32 <-> M64 */

/* Conversions between I32, I64, F32, F64. From float toward zero; what does not fit (NaN too)
 * gives the least integer. Integer narrowing keeps the low bits. */
KVal *k_convert(KBuilder *b, KVal *x, KKind kind);
KVal *k_bitcast(KBuilder *b, KVal *x, KKind kind); /* same width */

/* An F32 rounded to a half, in an F32. */
KVal *k_round_half(KBuilder *b, KVal *x, DType dtype);

/* Lanes. */
KVal *k_splat(KBuilder *b, KVal *scalar, int lanes);
KVal *k_extract(KBuilder *b, KVal *vector, int lane);
KVal *k_shuffle(KBuilder *b, KVal *x, KVal *y, const int *lanes, int count);
KVal *k_even(KBuilder *b, KVal *x, KVal *y); /* x0 x2 .. y0 y2 ..: as many lanes as x */
KVal *k_odd(KBuilder *b, KVal *x, KVal *y);  /* x1 x3 .. y1 y3 .. */
/* The sum of all lanes, a scalar. */
KVal *k_sum_lanes(KBuilder *b, KVal *x);

/* Loads. lanes 1 is a scalar. */
KVal *k_load(KBuilder *b, KBuf *buf, KVal *index, int lanes);
KVal *k_load_at(KBuilder *b, KBuf *buf, KVal *index, int64_t offset, int lanes);
KVal *k_load_splat(KBuilder *b, KBuf *buf, KVal *index, int lanes);
KVal *k_load_tail(KBuilder *b, KBuf *buf, KVal *index, int lanes, int active);
KVal *k_load_strided(KBuilder *b, KBuf *buf, KVal *index, int64_t stride, int lanes, int active);
KVal *k_gather(KBuilder *b, KBuf *buf, KVal *indexes);
/* Stores of a scalar or vector. */
void k_store(KBuilder *b, KBuf *buf, KVal *index, KVal *value);
void k_store_at(KBuilder *b, KBuf *buf, KVal *index, int64_t offset, KVal *value);
void k_store_tail(KBuilder *b, KBuf *buf, KVal *index, KVal *value, int active);
void k_store_strided(KBuilder *b, KBuf *buf, KVal *index, int64_t stride, KVal *value, int active);

/* Tiles: the registers of a matrix unit, 16 rows of 16 lanes of 32 bits. They are few, have
 * numbers, and hold nothing at a kernel's start. k_tile_dot adds to row m, lane n of `sum` the
 * products of row m of x and column n of y, whose lanes are pairs of bfloat16 numbers: those of the
 * low halves are summed, and those of the high halves, from 0 on; then the two sums, and that to
 * what was there. Each product and sum is one fused operation, rounded to even; denormal numbers
 * count as zeros, and zeros are made of them. */
enum { K_TILES = 8, K_TILE_ROWS = 16 };
void k_tile_zero(KBuilder *b, int tile);
void k_tile_load(KBuilder *b, int tile, KBuf *buf, KVal *index, int64_t stride);
void k_tile_store(KBuilder *b, int tile, KBuf *buf, KVal *index, int64_t stride);
void k_tile_dot(KBuilder *b, int sum, int x, int y);

/* Mutable registers. */
KVal *k_var(KBuilder *b, KVal *init);
void k_set(KBuilder *b, KVal *var, KVal *value);
/* The register's present value, kept while the register changes. */
KVal *k_copy(KBuilder *b, KVal *var);

/* Control. k_for returns the counter. */
/* A loop of one iteration gives a constant, and is one only where b->parts asks for it. */
KVal *k_for(KBuilder *b, int64_t lo, int64_t hi, int64_t step, uint32_t flags);
KVal *k_for_values(KBuilder *b, KVal *lo, KVal *hi, int64_t step, uint32_t flags);
void k_end(KBuilder *b); /* closes the innermost k_for, k_if or k_else */
void k_if(KBuilder *b, KVal *mask);
void k_else(KBuilder *b); /* after the k_if's body; k_end closes both */
void k_fault_if(KBuilder *b, KVal *mask);
/* The index, known to lie in [lo, hi] (inclusive) because it was checked or clamped. */
KVal *k_assume(KBuilder *b, KVal *index, int64_t lo, int64_t hi);
void k_fence(KBuilder *b);
void k_prefetch(KBuilder *b, KBuf *buf, KVal *index);
void k_comment(KBuilder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
