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
#include "cuda_runtime.h"

int device_allocations, device_waits, device_backward;
size_t device_free_bytes = 1000;
bool device_full = true;

// Arguments of the device's own: nothing is allocated, nothing waited for.
static void check_device_functions(NetContext *ctx, NetTrain *device) {
    int allocations = device_allocations, waits = device_waits;
    NetOut out, again;
    float loss;
    CHECK(net_forward(ctx, &in, &again, NULL) == 0);
    CHECK(device_waits == waits + 1);
    CHECK(net_forward_device(ctx, &in, &out, NULL) == 0);
    CHECK(net_train_step_device(ctx, device, &in, &target, 0.01, &loss, NULL) == 0);
    CHECK(device_allocations == allocations && device_waits == waits + 1);
    CHECK(net_wait(ctx, NULL) == 0);
    CHECK(memcmp(&out, &again, sizeof out) == 0);
}

int main(int argc, char **argv) {
    (void)argv;
    device_backward = argc > 1;
    NetContext ctx;
    char error[200] = "";
    CHECK(net_open(&ctx, error, sizeof error) == 2);
    CHECK(strstr(error, "bytes of the device's memory are needed, 1000 are free"));
    device_free_bytes = (size_t)1 << 40;
    CHECK(net_open(&ctx, error, sizeof error) == 2);
    CHECK(strcmp(error, "no memory: out of memory") == 0);
    device_full = false;
    CHECK(net_open(&ctx, error, sizeof error) == 0);
    CHECK(device_waits > 0);
    NetTrain *device;
    net_train_init(&train, 5);
    CHECK(cudaMalloc((void **)&device, sizeof *device) == cudaSuccess);
    cudaMemcpy(device, &train, sizeof train, cudaMemcpyHostToDevice);
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
    cudaMemcpy(&train, device, sizeof train, cudaMemcpyDeviceToHost);
#endif
    print("params", &train.params, sizeof train.params);
    printf("key %lld %lld\n", (long long)train.key[0], (long long)train.key[1]);
#ifdef CUDA
    check_device_functions(&ctx, device);
    net_close(&ctx);
    cudaFree(device);
#endif
    return 0;
}
