// Runs the network's functions and prints all that they compute: of the C file, or (CUDA) of the
// .cu file, whose kernels run on the CPU.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "net.h"

static NetTrain train;
static NetIn in;
static NetTarget target;

static void print(const char *name, const void *bytes, size_t size) {
    const float *x = (const float *)bytes;
    for (size_t i = 0; i < size / sizeof *x; i++)
        printf("%s %.9g\n", name, (double)x[i]);
}

static void fill() {
    float *x = (float *)in.image;
    for (size_t i = 0; i < sizeof in.image / sizeof *x; i++)
        x[i] = (float)((int)(i * 7919 % 1000) - 500) / 250;
    for (int i = 0; i < 20; i++)
        ((int64_t *)in.words)[i] = i * 7 % 11;
    for (int i = 0; i < 4; i++)
        target.target[i] = i * 3 % 4;
}

#define CHECK(condition)                                                                           \
    if (!(condition)) {                                                                            \
        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                            \
        exit(1);                                                                                   \
    }

#ifdef CUDA
static int allocations(), waits();
static void set_memory(long long bytes, bool full);

#ifdef DRIVER
#include <dlfcn.h>

#include "fake.h"

static FakeCuda *fake() {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    return ((FakeCuda * (*)()) dlsym(library, "fake_cuda"))();
}
static int allocations() {
    return fake()->allocations;
}
static int waits() {
    return fake()->waits;
}
static void set_memory(long long bytes, bool full) {
    fake()->memory = bytes;
    fake()->full = full;
}
static void set_backward(bool backward) {
    fake()->backward = backward;
}
#else
#include "cuda_runtime.h"

int device_allocations, device_waits, device_backward;
size_t device_free_bytes;
bool device_full;

static int allocations() {
    return device_allocations;
}
static int waits() {
    return device_waits;
}
static void set_memory(long long bytes, bool full) {
    device_free_bytes = (size_t)bytes;
    device_full = full;
}
static void set_backward(bool backward) {
    device_backward = backward;
}
#endif

static void *to_device(NetContext *ctx, const void *from, size_t size) {
    void *memory = net_alloc(ctx, size);
    CHECK(memory && net_copy(ctx, memory, from, size, NULL) == 0);
    return memory;
}

// Arguments of the device's own: nothing is allocated, nothing waited for.
static void check_device_functions(NetContext *ctx, NetTrain *device) {
    static NetOut out, again;
    float loss[2];
    int before = waits();
    CHECK(net_forward(ctx, &in, &again, NULL) == 0);
    CHECK(waits() == before + 1);
    NetIn *x = (NetIn *)to_device(ctx, &in, sizeof in);
    NetTarget *y = (NetTarget *)to_device(ctx, &target, sizeof target);
    NetOut *z = (NetOut *)net_alloc(ctx, sizeof *z);
    float *losses = (float *)net_alloc(ctx, sizeof loss);
    int taken = allocations();
    before = waits();
    for (int i = 0; i < 2; i++) { // captured, and launched
        CHECK(net_forward_device(ctx, x, z, NULL) == 0);
        CHECK(net_train_step_device(ctx, device, x, y, i ? 0.0 : 0.01, losses, NULL) == 0);
    }
    CHECK(net_train_step_device(ctx, device, x, y, 0.01, losses + 1, NULL) == 0);
    CHECK(allocations() == taken && waits() == before);
    CHECK(net_wait(ctx, NULL) == 0);
    CHECK(net_copy(ctx, &out, z, sizeof out, NULL) == 0);
    CHECK(net_copy(ctx, loss, losses, sizeof loss, NULL) == 0);
    // dropout draws anew each time
    CHECK(loss[0] > 0 && loss[1] > 0 && loss[0] != loss[1]);
    CHECK(memcmp(&out, &again, sizeof out) != 0); // the second forward followed a step
    void *all[] = {x, y, z, losses};
    for (void *memory : all)
        net_free(ctx, memory);
}

int main(int argc, char **argv) {
    (void)argv;
    set_memory(1000, true);
    set_backward(argc > 1);
    NetContext ctx;
    char error[200] = "";
    CHECK(net_open(&ctx, error, sizeof error) == 2);
    CHECK(strstr(error, "bytes of the device's memory are needed, 1000 are free"));
    set_memory(1LL << 40, true);
    CHECK(net_open(&ctx, error, sizeof error) == 2);
    CHECK(strncmp(error, "no memory", 9) == 0 && strstr(error, "out of memory"));
    CHECK(strcmp(net_error(&ctx), "the context is not open") == 0);
    set_memory(1LL << 40, false);
    CHECK(net_open(&ctx, error, sizeof error) == 0);
    CHECK(waits() > 0);
    net_train_init(&train, 5);
    NetTrain *device = (NetTrain *)to_device(&ctx, &train, sizeof train);
#define RUN(call) CHECK((call) == 0)
#define TRAIN device
#define STREAM , NULL
#else
int main() {
    static NetContext ctx;
    net_train_init(&train, 5);
#define RUN(call) CHECK((call) == 0)
#define TRAIN (&train)
#define STREAM
#endif
    fill();
    print("init", &train.params, sizeof train.params);
    float loss = 0;
    for (int step = 0; step < 3; step++) {
        RUN(net_train_step(&ctx, TRAIN, &in, &target, 0.01, &loss STREAM));
        print("loss", &loss, sizeof loss);
    }
    static NetOut out;
    net_prepare(&ctx, &TRAIN->params STREAM);
    RUN(net_forward(&ctx, &in, &out STREAM));
    print("out", &out, sizeof out);
    in.words[1][2] = 11;
    CHECK(net_forward(&ctx, &in, &out STREAM) == 1);
    in.words[1][2] = 10;
    RUN(net_forward(&ctx, &in, &out STREAM));
    print("out", &out, sizeof out);
#ifdef CUDA
    CHECK(net_copy(&ctx, &train, device, sizeof train, NULL) == 0);
#endif
    print("params", &train.params, sizeof train.params);
    printf("key %lld %lld\n", (long long)train.key[0], (long long)train.key[1]);
#ifdef CUDA
    check_device_functions(&ctx, device);
    net_free(&ctx, device);
    net_close(&ctx);
    net_close(&ctx); // it is closed
#endif
    return 0;
}
