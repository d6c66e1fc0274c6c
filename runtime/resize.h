/* Bilinear resizing as PIL and torchvision's Resize do it: each new pixel is a mean of the old ones
 * under a triangle over its place, which is as wide as the image shrinks; rows first, then columns.
 */
#ifndef NN_RESIZE_H
#define NN_RESIZE_H

#include "runtime/base.h"

/* One row or column of `old` numbers, `from_step` apart, as `new_size` numbers, `to_step` apart.
 * With `bytes` weights and results are rounded as PIL does for bytes. */
NN_API void nn_resize_line(const double *from, int64_t old, int64_t from_step, double *to,
                           int64_t new_size, int64_t to_step, bool bytes);

#endif
