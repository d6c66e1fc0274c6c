/* Input gradients of strided convolutions, phase by phase.
 *
 * Elements of the operand stand `spread` apart along an axis, with zeros between. Results whose
 * index leaves the same remainder read the same taps of the window, each of which finds an element:
 * a contraction without zeros for each remainder. */
#include <string.h>

#include "codegen/contract.h"

int contract_phases(const Contraction *c) {
    int64_t phases = 1;
    for (int axis = 0; axis < c->operand[CONTRACT_A].map.rank; axis++) {
        phases *= c->operand[CONTRACT_A].spread[axis];
        if (phases > LOWER_MAX_AHEAD) return 1; /* each may pack its weights ahead */
    }
    return (int)phases;
}

static void remove_dim(Contraction *c, int dim) {
    int count = c->out_count + c->sum_count;
    memmove(&c->dims[dim], &c->dims[dim + 1], (size_t)(count - dim - 1) * sizeof *c->dims);
    *(dim < c->out_count ? &c->out_count : &c->sum_count) -= 1;
}

static int find_dim(const Contraction *c, int axis, bool summed) {
    int first = summed ? c->out_count : 0;
    int end = summed ? c->out_count + c->sum_count : c->out_count;
    for (int d = first; d < end; d++)
        if (c->dims[d].axis[CONTRACT_A] == axis) return d;
    return -1;
}

/* The results of one remainder along an axis, and the taps that they read; returns how many of
 * these there are, or -1 without results. */
static int64_t take_axis(Contraction *c, int axis, int64_t remainder) {
    ContractOperand *a = &c->operand[CONTRACT_A];
    int result = find_dim(c, axis, false), window = find_dim(c, axis, true);
    int64_t spread = a->spread[axis], at = a->base[axis] + remainder;
    int64_t results = result < 0 ? 1 : c->dims[result].extent;
    int64_t taps = window < 0 ? 1 : c->dims[window].extent;
    int64_t dilation = window < 0 ? 0 : -c->dims[window].coef[CONTRACT_A];
    if (remainder >= results) return -1;
    int64_t first = 0, period = 1;
    while (first < taps && (at - first * dilation) % spread != 0)
        first++;
    while (period * dilation % spread != 0)
        period++;
    int64_t count = (taps - first + period - 1) / period;
    a->spread[axis] = 1;
    a->base[axis] = (at - first * dilation) / spread;
    c->out_base[axis] = remainder;
    if (window >= 0) {
        ContractDim *dim = &c->dims[window];
        dim->extent = count;
        dim->coef[CONTRACT_A] = -period * dilation / spread;
        dim->coef[CONTRACT_B] = period;
        c->operand[CONTRACT_B].base[dim->axis[CONTRACT_B]] = first;
        if (count == 1) remove_dim(c, window);
    }
    if (result >= 0) {
        ContractDim *dim = &c->dims[result];
        dim->extent = (results - remainder + spread - 1) / spread;
        dim->coef[CONTRACT_OUT] = spread;
        if (dim->extent == 1) remove_dim(c, result);
    }
    return count;
}

/* Results that read no tap: sums of nothing. */
static void clear_sums(Contraction *c) {
    memset(c->operand[CONTRACT_A].base, 0, sizeof c->operand[CONTRACT_A].base);
    memset(c->operand[CONTRACT_B].base, 0, sizeof c->operand[CONTRACT_B].base);
    for (int d = c->outer_count; d < c->out_count; d++)
        c->dims[d].coef[CONTRACT_A] = 0;
    c->dims[c->out_count] = (ContractDim){"none", 0, {-1, -1, -1}, {0, 0, 0}};
    c->sum_count = 1;
}

bool contract_phase(Contraction *c, int phase) {
    bool empty = false;
    for (int axis = 0; axis < c->operand[CONTRACT_A].map.rank; axis++) {
        int64_t spread = c->operand[CONTRACT_A].spread[axis];
        if (spread == 1) continue;
        int64_t taps = take_axis(c, axis, phase % spread);
        if (taps < 0) return false;
        empty |= taps == 0;
        phase /= (int)spread;
    }
    if (empty) clear_sums(c);
    return true;
}
