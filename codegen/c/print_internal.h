/* What the files of the kernel printer share. */
#ifndef NNC_CODEGEN_C_PRINT_INTERNAL_H
#define NNC_CODEGEN_C_PRINT_INTERNAL_H

#include "codegen/c/print.h"
#include "codegen/kernel_internal.h"

/* How an operation without a GNU spelling is written for a kernel's target: with the processor's
 * intrinsics where the vector is one register of it, else with what all compilers have. */
typedef enum MacroVariant {
    MACRO_PORTABLE,
    MACRO_X86,
    MACRO_NEON,
    MACRO_VARIANT_COUNT
} MacroVariant;

typedef struct Printer {
    Emitter *e;
    const Kernel *kernel;
    const bool *inlined; /* by value id */
    Uses *uses;
    bool in_part; /* within a loop of which a thread runs its part */
} Printer;

/* By value id: printed where it is used. From malloc. */
bool *print_plan(const Kernel *kernel);

/* Notes what the text of a value, a store, a kernel needs. */
void use_value(Printer *p, const KVal *v);
void use_store(Printer *p, const KStmt *s);
void use_macro(Printer *p, const KVal *v, MacroVariant variant);
void use_unroll(Printer *p);
void use_fence(Printer *p);
void use_prefetch(Printer *p);
void use_copy(Printer *p, int bytes);
void use_mma(Printer *p, KMma kind);
void use_target(Printer *p);

/* Orders of lanes that have a macro: which one a shuffle has, or -1. */
enum { SHUFFLE_ORDERS = 4 };
int shuffle_order(const KVal *v);
void print_shuffle(Printer *p, const KVal *v);
void print_shuffle_macro(Emitter *e, int order, int lanes);

/* Precedences, loosest first. */
enum { PREC_ANY, PREC_CHOICE, PREC_COMPARE, PREC_ADD, PREC_MUL, PREC_UNARY, PREC_ATOM };

/* "NAMEsuffix(const float *restrict x0, float *restrict y1) {" and the body. */
void print_definition(Emitter *e, const Kernel *kernel, const char *suffix);
/* Whether threads of a warp read registers of that kind from one another. */
bool uses_peer(const Uses *uses, KKind kind);
/* Whether they copy so many bytes (4, 8, 16; 0: any) asynchronously, have matrix units multiply,
 * ask one another. */
bool uses_copy(const Uses *uses, int bytes);
bool uses_mma(const Uses *uses, KMma kind);
bool uses_any(const Uses *uses);
/* Functions on scalars that the text calls, each beginning with `qualifiers`. */
void print_helpers(Emitter *e, const Uses *uses, const char *qualifiers);

/* An index of a GPU's kernel that 32 bits hold: the device has no wider arithmetic. */
bool is_short(const Kernel *kernel, const KVal *value);

/* The value as an expression that binds at least as tightly as `prec`. */
void print_value(Printer *p, const KVal *value, int prec);
/* The expression that computes it, inlined or not. */
void print_computation(Printer *p, const KVal *value, int prec);
void print_address(Printer *p, const KBuf *buf, const KVal *index, int64_t offset);
void print_index(Printer *p, const KVal *index, int64_t offset);
void print_buffer_name(Emitter *e, const KBuf *buf);
/* A constant of all zero bits. */
bool value_is_zero(const KVal *value);
/* "float", "f32x16"; scalar masks are int. */
void print_type(Emitter *e, KKind kind, int lanes);
/* "F32X16" of macro names. */
void print_macro_suffix(Emitter *e, KKind kind, int lanes);
/* The vector type of `lanes` elements in memory, unaligned: "f32x16u", "u8x16u". */
void print_memory_type(Emitter *e, DType dtype, int lanes);
/* An integer division that is a call of div_i32() or the like, not an operator. */
bool op_is_checked_division(const KVal *value);
/* Operations that the prelude has a macro for at these lanes (above 1). */
bool op_is_macro(const KVal *value);
/* The lanes in the macro's name: the result's, or those that it sums. */
int macro_lanes(const KVal *value);
const char *macro_name(KOp op);

/* Memory dtypes that are wider in registers. */
static inline bool dtype_is_narrow(DType dtype) {
    return dtype == DT_BOOL || dtype == DT_U8 || dtype_is_half(dtype);
}

/* Of an operation whose vectors are macros. */
MacroVariant macro_variant(const Target *target, KOp op, KKind kind, int lanes);
/* Likewise for loads and stores of the first lanes of a vector. */
MacroVariant tail_variant(const Target *target, KKind kind, int lanes, bool store);

#endif
