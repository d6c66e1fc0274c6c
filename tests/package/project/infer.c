/* Prints XOR of its four inputs. */
#include <stdio.h>

#include "frozen.h"

static FrozenContext context;

int main(void) {
    const FrozenIn in = {{{0, 0}, {0, 1}, {1, 0}, {1, 1}}};
    FrozenOut out;
    if (frozen_forward(&context, &in, &out) != 0) return 1;
    for (int i = 0; i < 4; i++)
        printf("%d", out.output[i][0] > 0.5f);
    printf("\n");
    return 0;
}
