/* What the interpreter gives to an op's reference evaluation, and the helpers they share. */
#ifndef NNC_IR_EVAL_H
#define NNC_IR_EVAL_H

#include "ir/interp.h"

typedef struct EvalContext {
    const Node *node;
    const Tensor64 *const *inputs; /* the operands' values; a multi-result operand's first result */
    Tensor64 *results;             /* allocated, zeroed, to be filled */
    const Tensor64 *graph_inputs;  /* by number, for `input` */
    Rounding rounding;
    Arena *arena;
    Buf *error;  /* set by a fault... */
    bool failed; /* ...together with this */
} EvalContext;

/* Zeroed elements of the type. */
Tensor64 tensor64_new(Arena *arena, Type type);
/* Records a data-dependent fault. */
void eval_fault(EvalContext *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Elements of either kind, for code that only moves them. */
void tensor64_copy_item(Tensor64 *to, int64_t to_index, const Tensor64 *from, int64_t from_index);

/* Walks all index tuples of a shape in row-major order:
 * for (Walk w = walk_start(type); !w.done; walk_next(&w)) — w.index[], w.flat. */
typedef struct Walk {
    int rank;
    int64_t dim[MAX_RANK], index[MAX_RANK];
    int64_t flat;
    bool done;
} Walk;
Walk walk_start(const Type *type);
void walk_next(Walk *walk);
/* The offset of the walk's index under strides. */
int64_t walk_offset(const Walk *walk, const int64_t strides[MAX_RANK]);

/* One function for each distinct .eval of the table. */
typedef void EvalRule(struct EvalContext *context);
EvalRule eval_input, eval_const, eval_iota, eval_unary, eval_polygamma, eval_test, eval_cast;
EvalRule eval_copy, eval_binary, eval_compare, eval_where;
EvalRule eval_permute, eval_expand, eval_slice, eval_dynamic_slice, eval_dynamic_update, eval_pad;
EvalRule eval_concat, eval_flip, eval_gather, eval_scatter, eval_take, eval_index_write;
EvalRule eval_pool_gather, eval_pool_scatter;
EvalRule eval_reduce, eval_arg, eval_cumsum, eval_cumprod, eval_sort, eval_result;
EvalRule eval_dot, eval_conv, eval_conv_dx, eval_conv_dw;
EvalRule eval_max_pool, eval_max_pool_index, eval_window_sum, eval_window_sum_dx;
EvalRule eval_random_mt, eval_random, eval_decomposed;

#endif
