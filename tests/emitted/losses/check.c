/* Trains an emitted network for some steps on what its script trains it on, and prints what the
 * script prints: the losses, and the sum of the results afterwards. run.sh compiles it once for
 * each network, with HEADER, NET(x), TYPE(x), RATE and STEPS defined. */
#include HEADER

#include <stdio.h>

static TYPE(Train) train;
static TYPE(Context) context;
static TYPE(In) in;
static TYPE(Target) target;
static TYPE(Out) out;

#define FLOATS(x) floats((float *)(void *)&(x), sizeof(x) / sizeof(float))
#define INTS(x, classes) ints((int64_t *)(void *)&(x), sizeof(x) / sizeof(int64_t), classes)
#define BITS(x) bits((float *)(void *)&(x), sizeof(x) / sizeof(float))

#if defined(MLP_H) || defined(CONVS_H) || defined(TWO_H) || defined(NET_H)
/* What the scripts' data() gives. */
static void floats(float *to, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(i * 37 % 101) / 50.0F - 1.0F;
}
#endif

#if defined(ATTN_H) || defined(CONVS_H) || defined(TEXT_H)
static void ints(int64_t *to, size_t count, int64_t classes) {
    for (size_t i = 0; i < count; i++)
        to[i] = (int64_t)i * 7 % classes;
}
#endif

#if defined(TEXT_H) || defined(TWO_H)
static void bits(float *to, size_t count) {
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(i % 2);
}
#endif

static void fill(void) {
#if defined(ATTN_H)
    INTS(in.idx, 50);
    INTS(target, 50);
#elif defined(MLP_H) || defined(NET_H)
    FLOATS(in.x);
    FLOATS(target);
#elif defined(CONVS_H)
    FLOATS(in.x);
    INTS(target, 5);
#elif defined(TEXT_H)
    INTS(in.idx, 30);
    BITS(target);
#else
    FLOATS(in.a);
    FLOATS(in.b);
    BITS(target);
#endif
}

int main(void) {
    fill();
    NET(train_init)(&train, 5);
    for (int i = 0; i < STEPS; i++) {
        float loss;
        if (NET(train_step)(&context, &train, &in, &target, RATE, &loss) != 0) return 1;
        printf("%.6f\n", (double)loss);
    }
    NET(prepare)(&context, &train.params);
    if (NET(forward)(&context, &in, &out) != 0) return 1;
    const float *results = (const float *)(const void *)&out;
    double sum = 0;
    for (size_t i = 0; i < sizeof out / sizeof *results; i++)
        sum += (double)results[i];
    printf("%.6f\n", sum);
    return 0;
}
