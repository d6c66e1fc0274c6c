/* Prints what an emitted network makes of PyTorch's weights for manual_seed(0) and of the input
 * that its script computes. run.sh compiles it with HEADER, NET(x), TYPE(x) and INPUT defined. */
#include HEADER

#include <stdio.h>

static TYPE(Params) params;
static TYPE(Context) context;
static TYPE(In) in;
static TYPE(Out) out;

int main(void) {
    float *x = (float *)(void *)&in, *y = (float *)(void *)&out;
    for (size_t i = 0; i < sizeof in / sizeof *x; i++)
        x[i] = (float)(i * 37 % 101) / 50.0F - 1.0F;
    NET(init)(&params, 0);
    NET(prepare)(&context, &params);
    if (NET(forward)(&context, &in, &out)) return 1;
    for (size_t i = 0; i < sizeof out / sizeof *y; i++)
        printf("%.6f\n", (double)y[i]);
    return 0;
}
