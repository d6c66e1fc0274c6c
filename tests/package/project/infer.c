/* Prints XOR of its four inputs. */
#include <stdio.h>

#include "frozen.h"

static FrozenContext context;

int main(void) {
    const FrozenIn in = {{{0, 0}, {0, 1}, {1, 0}, {1, 1}}};
    FrozenOut out;
    if (frozen_forward_b4(&context, &in, &out) != 0) return 1;
    for (int i = 0; i < 4; i++)
        printf("%d", out.output[i][0] > 0.5f);
    printf("\n");
    static FrozenOut first;
    if (frozen_forward_b1(&context, &in, &first) != 0) return 1;
    if (!(first.output[0][0] < 0.5f) || first.output[1][0] != 0) return 1;
    return 0;
}
