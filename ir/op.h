/* The op table: enum, traits, attributes. Everything about an op is one row of ops.def and one
 * function for each thing that the row names. */
#ifndef NNC_IR_OP_H
#define NNC_IR_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/type.h"
#include "support/buf.h"

typedef enum Op {
#define OP(name, ...) OP_##name,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} Op;

/* Traits, combined in OpInfo.traits. */
enum {
    TRAIT_LEAF = 1,        /* no inputs: input, const, iota */
    TRAIT_ELEMENTWISE = 2, /* every input has the result's shape; element i depends on elements i */
    TRAIT_COMMUTES = 4,    /* two inputs, no attributes; swapping them changes no bit */
    TRAIT_MOVEMENT = 8,    /* moves elements, computes nothing */
    TRAIT_REDUCTION = 16,  /* attr axes names what is reduced away */
    TRAIT_CONTRACTION = 32, /* sums of products: dot and the convolution family */
    TRAIT_WINDOW = 64,      /* pooling family */
    TRAIT_INDEXED = 128,    /* reads or writes at positions given by data */
    TRAIT_RANDOM = 256,
    TRAIT_COMPOSITE = 512,           /* has a decomposition */
    TRAIT_PIECEWISE_CONSTANT = 1024, /* its gradient is zero wherever it exists */
    TRAIT_ONE_GRADIENT = 4096,       /* PyTorch computes its gradient in one kernel: rounded once */
    TRAIT_EXACT = 2048, /* computes, and every target gets the reference's bits: may be folded */
};

typedef enum AttrKind {
    ATTR_KIND_INT,
    ATTR_KIND_INTS,
    ATTR_KIND_FLOAT,
    ATTR_KIND_DTYPE,
    ATTR_KIND_TEXT,
    ATTR_KIND_DATA
} AttrKind;

/* The attribute vocabulary: one name has one kind wherever it is used. */
#define ATTR_LIST(X)                                                                               \
    X(index, INT) /* input: its number; result: which */                                           \
    X(data, DATA) /* const: the elements, row-major, in the result's dtype */                      \
    X(shape, INTS)                                                                                 \
    X(dtype, DTYPE)                                                                                \
    X(axis, INT)  /* always >= 0 in the IR */                                                      \
    X(axes, INTS) /* ascending */                                                                  \
    X(perm, INTS) /* result dim i is input dim perm[i] */                                          \
    X(start, INTS)                                                                                 \
    X(size, INTS)                                                                                  \
    X(step, INTS)     /* >= 1 */                                                                   \
    X(lo, INTS)       /* padding before, each dim; may be negative in pad */                       \
    X(hi, INTS)       /* padding after */                                                          \
    X(interior, INTS) /* pad: zeros put between elements, each dim */                              \
    X(value, FLOAT)   /* pad: the filler */                                                        \
    X(batch_a, INTS)  /* dot: batch dims of a, paired in order with batch_b */                     \
    X(batch_b, INTS)                                                                               \
    X(contract_a, INTS)                                                                            \
    X(contract_b, INTS)                                                                            \
    X(stride, INTS) /* convolution and windows: one a spatial dim */                               \
    X(dilation, INTS)                                                                              \
    X(window, INTS)                                                                                \
    X(groups, INT)                                                                                 \
    X(descending, INT)                                                                             \
    X(order, INT)   /* polygamma */                                                                \
    X(reverse, INT) /* cumsum: from the end */                                                     \
    X(dist, TEXT)   /* random: uniform, normal... (ops.def) */                                     \
    X(low, FLOAT)                                                                                  \
    X(high, FLOAT)                                                                                 \
    X(skip, INT) /* random_mt: 32-bit draws taken before, since the seed */

typedef enum AttrName {
#define X(name, kind) ATTR_##name,
    ATTR_LIST(X)
#undef X
        ATTR_NAME_COUNT
} AttrName;

AttrKind attr_kind(AttrName name);
const char *attr_name(AttrName name);
bool attr_from_name(const char *name, AttrName *out);

typedef struct Attr {
    AttrName name;
    union {
        int64_t i;
        double f;
        DType dtype;
        const char *text;
        struct {
            const int64_t *items;
            int count;
        } ints;
        struct {
            const void *bytes;
            size_t size;
        } data;
    };
} Attr;

struct Node;
struct InferContext; /* ir/infer.h */
struct EvalContext;  /* ir/interp.h */

enum { MAX_RESULTS = 3, MAX_OP_ATTRS = 10 };

/* One op's row. Fields as in ops.def's legend. */
typedef struct OpInfo {
    const char *name;
    int arity;          /* -1: any number, at least one */
    const char *inputs; /* names used by formulas, space separated */
    const char *attrs;  /* names in storage order, space separated */
    int results;
    uint32_t traits;
    int cost;
    bool (*infer)(struct InferContext *context); /* writes the result types or an error message */
    void (*eval)(struct EvalContext *context);   /* reference evaluation, in double */
    const char *grad;      /* a formula per input separated by ';', NO_GRAD or ZERO_GRAD */
    const char *kernel;    /* elementwise: formula in the kernel vocabulary; else NULL */
    const char *decompose; /* composites: formula in ops; else NULL */
    const char *doc;       /* one line for docs/ops.md */
} OpInfo;

#define NO_GRAD "!"   /* not differentiable: an error when a gradient would flow through */
#define ZERO_GRAD "0" /* the gradient is zero everywhere */

const OpInfo *op_info(Op op);
bool op_from_name(const char *name, Op *out);
/* Whether the op's row lists the attribute. */
bool op_has_attr(Op op, AttrName name);
/* The first word of a space-separated list, such as a row's inputs, or NULL at its end. The next
 * one is found from the word's end. */
const char *word_next(const char *words, int *length);

#endif
