/* Type rules: what graph_add, the verifier and the parser ask of an op's operands.
 *
 * A rule reads the operand types and the attributes and writes the result types, or fails with a
 * message in PyTorch's spirit: what was expected and got, shapes printed. Attributes are complete
 * and of the right kind when a rule runs; list lengths and values are the rule's to check. */
#ifndef NNC_IR_INFER_H
#define NNC_IR_INFER_H

#include "ir/op.h"
#include "ir/type.h"

typedef struct InferContext {
    Op op;
    const Type *const *inputs; /* types of the operands */
    int input_count;
    struct Node *const *nodes; /* the operands, for the rule of `result`; else not read */
    const Attr *attrs;         /* in storage order */
    int attr_count;
    Type results[MAX_RESULTS];
    Buf *error;
} InferContext;

/* Runs the op's rule and checks its results; false with a message that starts with the op's name.
 */
bool infer(InferContext *context);

/* Used by rules. */
const Attr *infer_attr(const InferContext *context, AttrName name);
int64_t infer_int(const InferContext *context, AttrName name);
/* A list of exactly `count` items, each at least `least`; NULL with a message otherwise. */
const int64_t *infer_list(InferContext *context, AttrName name, int count, int64_t least);
/* An axis of a type of that rank, or -1 with a message. */
int infer_axis(InferContext *context, int rank);
/* Marks in `set` the dims that a list names; false with a message when one repeats or is not a dim.
 */
bool infer_dim_set(InferContext *context, AttrName name, int rank, bool set[MAX_RANK]);
/* Records the message "op: ..." and returns false. */
bool infer_fail(InferContext *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Fails saying "x is f32[2,3]" for each operand after the message. */
bool infer_fail_types(InferContext *context, const char *message);

/* The rules, one name a distinct .infer of the table. */
typedef bool InferRule(InferContext *context);
InferRule infer_input, infer_const, infer_iota;
InferRule infer_unary_number, infer_unary_float, infer_unary_bits, infer_unary_any, infer_test;
InferRule infer_polygamma, infer_cast, infer_binary_number, infer_binary_float, infer_binary_any;
InferRule infer_binary_bits, infer_shift, infer_compare, infer_where;
InferRule infer_reshape, infer_permute, infer_expand, infer_slice, infer_dynamic_slice;
InferRule infer_dynamic_update, infer_pad, infer_concat, infer_flip;
InferRule infer_gather, infer_scatter, infer_scatter_add, infer_take, infer_index_add;
InferRule infer_index_put, infer_pool_gather, infer_pool_scatter;
InferRule infer_reduce_number, infer_reduce_order, infer_reduce_bool, infer_arg, infer_scan;
InferRule infer_softmax, infer_sort, infer_result, infer_random_mt, infer_random;
InferRule infer_dot, infer_conv, infer_conv_dx, infer_conv_dw;
InferRule infer_pool, infer_pool_index, infer_window_sum, infer_window_sum_dx;

#endif
