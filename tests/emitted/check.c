/* Runs every function of an emitted network on values from standard input and writes the results;
 * tests/unit/test_module.c puts NET(x), TYPE(x) and the header's #include before it. */
#include <stdio.h>
#include <stdlib.h>

static TYPE(Train) train;
static TYPE(Context) context;
static TYPE(In) in;
static TYPE(TrainIn) batch;
static TYPE(Target) target;
static TYPE(Out) out;

static void get(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(3);
}

static void put(const void *from, size_t size) {
    if (fwrite(from, 1, size, stdout) != size) exit(3);
}

int main(void) {
    NET(train_init)(&train, 7);
    put(&train.params, sizeof train.params);
    get(&train.params, sizeof train.params);
    get(&in, sizeof in);
    get(&batch, sizeof batch);
    get(&target, sizeof target);
    NET(prepare)(&context, &train.params);
    if (NET(forward)(&context, &in, &out) != 0) return 1;
    put(&out, sizeof out);
    if (NET(backward)(&context, &train, &in, &out) != 0) return 1;
    put(&train.grads, sizeof train.grads);
    NET(zero_grad)(&train);
    for (int step = 0; step < 3; step++) {
        float loss;
        if (NET(train_step)(&context, &train, &batch, &target, 0.1f, &loss) != 0) return 1;
        put(&loss, sizeof loss);
    }
    put(&train.params, sizeof train.params);
    put(&train.states, sizeof train.states);
    target.target[0] = 1000; /* not a class: refused */
    float loss;
    return NET(train_step)(&context, &train, &batch, &target, 0.1f, &loss) == 1 ? 0 : 2;
}
