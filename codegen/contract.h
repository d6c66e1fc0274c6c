/* Contractions: every dot and convolution as one loop nest over named dims.
 *
 *   out[i...] = sum over r of A[affine(i, r)] * B[affine(i, r)]
 *
 *   dot      out b m n;          sum k          A = a        B = b
 *   conv     out n g oc o(h,w);  sum ic k(h,w)  A = x        B = w
 *   conv_dx  out n g ic i(h,w);  sum oc k(h,w)  A = dy       B = w
 *   conv_dw  out g oc ic k(h,w); sum n o(h,w)   A = x        B = dy
 *
 * Each dim moves along at most one axis of each operand, by `coef` elements; a convolution's
 * spatial coordinate is the sum of two dims and a base. Where coordinates leave the operand
 * (padding), the operand is first copied into scratch with zeros around, so that the nest itself
 * has no guards. Where they fall between its elements (conv_dx with a stride), results are computed
 * in phases that have none of that, or, with large strides, zeros are copied between, too.
 *
 * contract_describe() builds this view, schedule.h chooses how to run it, contract.c emits it. */
#ifndef NNC_CODEGEN_CONTRACT_H
#define NNC_CODEGEN_CONTRACT_H

#include "codegen/lower.h"

enum { CONTRACT_MAX_DIMS = 2 * MAX_RANK };

enum { CONTRACT_A, CONTRACT_B, CONTRACT_OUT };

typedef struct ContractDim {
    const char *name;
    int64_t extent;  /* >= 2: dims of one element are left out */
    int axis[3];     /* of A, B and the result that it moves along; -1: none */
    int64_t coef[3]; /* how far; may be negative in conv_dx */
} ContractDim;

typedef struct ContractOperand {
    const Node *node;         /* the stored value */
    IndexMap map;             /* from the anchor's operand to it */
    int64_t base[MAX_RANK];   /* coordinate where all dims are 0; < 0 in padding */
    int64_t spread[MAX_RANK]; /* source element e stands at coordinate e * spread */
} ContractOperand;

typedef struct Contraction {
    const Node *anchor;
    ContractDim dims[CONTRACT_MAX_DIMS]; /* the result's dims in its order, then the summed ones */
    int out_count, sum_count;
    int outer_count; /* leading result dims that stay outside whatever the schedule: batch, n, g */
    ContractOperand operand[2];
    int64_t out_base[MAX_RANK]; /* index in the result where all dims are 0 */
    int64_t paired; /* not 0: the first summed dim counts pairs of so many elements, which the nest
                       reads as pairs of bfloat16 numbers: operands are copied that way */
} Contraction;

Contraction contract_describe(const Group *group);
/* Makes one dim of neighbours among the result's dims that neither the operands nor the epilogue
 * can tell from one: rows of a picture under 1x1 windows. Along the outer one's axes the index is
 * then 0 and along the inner one's runs on. */
void contract_merge(Contraction *c, const Flat *epilogue);
/* The same among the dims from `first` on, for who is done with the operands. */
void contract_merge_results(Contraction *c, const Flat *epilogue, int first);
/* How many phases a contraction is computed in: 1, it is whole. */
int contract_phases(const Contraction *c);
/* Leaves one phase of a contraction of several. False when it has no results. */
bool contract_phase(Contraction *c, int phase);
/* A dim that operands can be copied within: it moves along axes of its own, without padding. */
bool contract_can_scope(const Contraction *c, int dim);
/* Makes pairs of the first summed dim. False when it has none, or few. */
bool contract_pair(Contraction *c);
/* Products in the whole contraction. */
double contract_products(const Contraction *c);
/* The lowest and highest coordinate that is read along an axis of an operand. */
void contract_range(const Contraction *c, int operand, int axis, int64_t *lo, int64_t *hi);
/* Whether the operand must be copied with zeros around or between its elements. */
bool contract_needs_halo(const Contraction *c, int operand);
/* Whether the dim's neighbours lie side by side in the result. */
bool contract_stores_along(const Contraction *c, int dim);

struct Schedule;
/* The kernel under a given schedule; NULL: the best one. */
Kernel *contract_lower_with(const Group *group, const Target *target, LowerContext *context,
                            const struct Schedule *schedule);
struct ScheduleRequest;
/* What a schedule is chosen for, of the first phase. False when that has no results. */
bool contract_ask(const Group *group, const Target *target, LowerContext *context, Contraction *c,
                  struct ScheduleRequest *request);
/* Every schedule that the model compares; returns how many and writes the first `limit`. */
int contract_schedules(const Group *group, const Target *target, LowerContext *context,
                       struct Schedule *out, int limit);

#endif
