/* Precision classes: how close sums of products of float32 values are to the exact ones. Their
 * names are PyTorch's (torch.set_float32_matmul_precision), but for `strict`. */
#ifndef NNC_IR_PRECISION_H
#define NNC_IR_PRECISION_H

#include <stdbool.h>

/* Errors are those against sums in double, relative to the results' rms. */
typedef enum Precision {
    PRECISION_HIGHEST, /* rms <= 5e-6, at most 5e-5: any way that is as good as float32 */
    PRECISION_STRICT,  /* float32 products and sums in a fixed order, nothing else */
    PRECISION_HIGH,    /* rms <= 1e-3 */
    PRECISION_MEDIUM,  /* rms <= 1e-2: operands may be rounded to bfloat16 */
    PRECISION_COUNT
} Precision;

const char *precision_name(Precision precision);
bool precision_from_name(const char *name, Precision *out);

#endif
