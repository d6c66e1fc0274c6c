/* Reference evaluation of random_mt and random. */
#include <math.h>
#include <string.h>

#include "ir/eval.h"
#include "ir/random.h"
#include "support/checked.h"

/* PyTorch's stream. "normal_second" starts with the second value of the pair that is drawn at
 * `skip`, whose first value an earlier fill of fewer than 16 elements used. */
void eval_random_mt(EvalContext *context) {
    const Node *node = context->node;
    Tensor64 *y = context->results;
    const char *dist = node_attr(node, ATTR_dist)->text;
    double low = node_float(node, ATTR_low), high = node_float(node, ATTR_high);
    int64_t count = type_numel(&y->type);
    Type drawn = y->type; /* halves are rounded floats */
    drawn.dtype = dtype_computed(drawn.dtype);
    Mt19937 mt;
    mt_seed(&mt, (uint64_t)context->inputs[0]->i[0]);
    mt_skip(&mt, (uint64_t)node_int(node, ATTR_skip));
    if (strcmp(dist, "bits") == 0) {
        for (int64_t k = 0; k < count; k++)
            y->i[k] = mt_next32(&mt);
        return;
    }
    unsigned char *bytes = ARENA_ARRAY(context->arena, unsigned char, type_bytes(&drawn));
    if (strcmp(dist, "bernoulli") == 0) {
        for (int64_t k = 0; k < count; k++)
            y->f[k] = mt_bernoulli_one(&mt, DT_F64, low);
        return;
    }
    if (strcmp(dist, "uniform") == 0) {
        mt_uniform(&mt, drawn.dtype, bytes, count, low, high);
    } else {
        double unused;
        if (strcmp(dist, "normal_second") == 0) mt_normal(&mt, DT_F64, &unused, 1, 0, 1);
        mt_normal(&mt, drawn.dtype, bytes, count, low, high);
    }
    y->f = tensor64_from_bytes(context->arena, drawn, bytes).f;
}

/* Element k takes the words 4k.. of the key's stream: word 0 for a uniform number (24 bits for f32,
 * words 0 and 1 give 53 for f64), words 0 to 3 for the two uniforms of Box and Muller. */
void eval_random(EvalContext *context) {
    const Node *node = context->node;
    Tensor64 *y = context->results;
    const char *dist = node_attr(node, ATTR_dist)->text;
    double low = node_float(node, ATTR_low), high = node_float(node, ATTR_high);
    const int64_t *key = context->inputs[0]->i;
    int64_t count = type_numel(&y->type);
    for (int64_t k = 0; k < count; k++) {
        uint32_t word[4];
        philox((uint64_t)key[0], (uint64_t)key[1], (uint64_t)k, word);
        if (strcmp(dist, "bits") == 0) {
            y->i[k] = word[0];
            continue;
        }
        uint64_t wide = ((uint64_t)word[0] << 32 | word[1]) >> 11;
        double unit =
            y->type.dtype != DT_F64 ? (double)(word[0] >> 8) * 0x1p-24 : (double)wide * 0x1p-53;
        if (strcmp(dist, "uniform") == 0)
            y->f[k] = low + unit * (high - low);
        else if (strcmp(dist, "bernoulli") == 0)
            y->f[k] = unit < low;
        else {
            double angle = 6.283185307179586 * ((double)word[2] * 0x1p-32);
            y->f[k] = low + high * sqrt(-2 * log(1 - unit)) * cos(angle);
        }
    }
}
