/* Resizing a line of pixels. */
#include "runtime/resize.h"

static double resize_weight(int64_t x, double center, double support) {
    double distance = ((double)x - center + 0.5) / support;
    if (distance < 0) distance = -distance;
    return distance < 1 ? 1 - distance : 0;
}

/* The nearest whole number; halves go up. */
static double resize_round(double value) {
    double whole = (double)(int64_t)value;
    double rest = value - whole;
    return rest >= 0.5 ? whole + 1 : rest < -0.5 ? whole - 1 : whole;
}

NN_API void nn_resize_line(const double *from, int64_t old, int64_t from_step, double *to,
                           int64_t new_size, int64_t to_step, bool bytes) {
    const double unit = 4194304; /* PIL's weights of bytes are whole numbers of 2^-22 */
    double scale = (double)old / (double)new_size, support = scale > 1 ? scale : 1;
    for (int64_t i = 0; i < new_size; i++) {
        double center = ((double)i + 0.5) * scale, total = 0, sum = 0;
        double begin = center - support + 0.5, end = center + support + 0.5;
        int64_t first = begin > 0 ? (int64_t)begin : 0;
        int64_t last = end < (double)old ? (int64_t)end : old;
        for (int64_t x = first; x < last; x++)
            total += resize_weight(x, center, support);
        for (int64_t x = first; x < last; x++) {
            double weight = resize_weight(x, center, support) / total;
            sum += from[x * from_step] * (bytes ? (double)(int64_t)(weight * unit + 0.5) : weight);
        }
        to[i * to_step] = bytes ? resize_round(sum / unit) : sum;
    }
}
