/* CUDA's driver for tests: libcuda.so.1 whose device is the CPU.
 *
 * It is as strict as a driver may be. Work waits in its stream until somebody waits for the stream.
 * The device's memory can't be touched but by that work; kernels are given nothing but the device's
 * memory and pinned memory; a copy from other memory takes the bytes at once, and one to it waits.
 * What isn't allowed while a stream is captured fails. After a fault everything fails. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

enum {
    INVALID = 1,
    OUT_OF_MEMORY = 2,
    NO_DEVICE = 100,
    INVALID_IMAGE = 200,
    NO_BINARY = 209,
    UNSUPPORTED_PTX = 222,
    NOT_FOUND = 500,
    ILLEGAL_ADDRESS = 700,
    CAPTURE_UNSUPPORTED = 900,
    MOST = 4096
};

typedef struct Block {
    char *at;
    size_t size;
    int device;
} Block;

typedef enum OpKind { OP_COPY, OP_SET, OP_LAUNCH } OpKind;

typedef struct Op {
    OpKind kind;
    void *to;
    const void *from;
    char *staged; /* its own: the source's bytes, or a kernel's pointers */
    size_t bytes;
    unsigned value, unit;
    FakeKernel *kernel;
    unsigned blocks, threads;
} Op;

typedef struct Work {
    Op *ops;
    int count;
} Work;

typedef struct Stream {
    Work work;
    int captures;
} Stream;

static FakeCuda fake = {.devices = 1, .capability = 80, .driver = 13000, .memory = 1LL << 40};
static Block blocks[MOST];
static int block_count, sticky, context_depth;
static Stream default_stream;

FakeCuda *fake_cuda(void);
FakeCuda *fake_cuda(void) {
    return &fake;
}

#define API(name, ...)                                                                             \
    int name(__VA_ARGS__);                                                                         \
    int name(__VA_ARGS__)
/* What needs a context. */
#define USUAL()                                                                                    \
    do {                                                                                           \
        if (context_depth <= 0) return 201;                                                        \
        if (sticky) return sticky;                                                                 \
    } while (0)

API(cuInit, unsigned flags) {
    (void)flags;
    const char *text = getenv("FAKE_CUDA");
    const struct {
        const char *name;
        int *value;
    } rows[] = {{"devices=%d", &fake.devices}, {"capability=%d", &fake.capability},
                {"driver=%d", &fake.driver},   {"full=%d", &fake.full},
                {"breaks=%d", &fake.breaks},   {"backward=%d", &fake.backward}};
    while (text && *text) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            sscanf(text, rows[i].name, rows[i].value);
        sscanf(text, "memory=%lld", &fake.memory);
        text = strchr(text, ',');
        if (text) text++;
    }
    return fake.devices ? 0 : NO_DEVICE;
}

API(cuDriverGetVersion, int *version) {
    *version = fake.driver;
    return 0;
}

API(cuGetErrorString, int status, const char **text) {
    static const struct {
        int status;
        const char *text;
    } rows[] = {{INVALID, "invalid argument"},
                {OUT_OF_MEMORY, "out of memory"},
                {NO_DEVICE, "no CUDA-capable device is detected"},
                {INVALID_IMAGE, "device kernel image is invalid"},
                {NO_BINARY, "no kernel image is available for execution on the device"},
                {UNSUPPORTED_PTX, "the provided PTX was compiled with an unsupported toolchain."},
                {ILLEGAL_ADDRESS, "an illegal memory access was encountered"}};
    *text = status ? "an error of the fake driver" : "no error";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].status == status) *text = rows[i].text;
    return 0;
}

API(cuDeviceGetCount, int *count) {
    *count = fake.devices;
    return 0;
}

API(cuDeviceGet, int *device, int number) {
    *device = number;
    return number < fake.devices ? 0 : 101;
}

API(cuDeviceGetName, char *name, int size, int device) {
    snprintf(name, (size_t)size, "Fake GPU %d", device);
    return 0;
}

API(cuDeviceGetAttribute, int *value, int attribute, int device) {
    (void)device;
    if (attribute != 75 && attribute != 76) return INVALID;
    *value = attribute == 75 ? fake.capability / 10 : fake.capability % 10;
    return 0;
}

API(cuDevicePrimaryCtxRetain, void **context, int device) {
    (void)device;
    *context = &fake;
    fake.open++;
    return 0;
}

API(cuDevicePrimaryCtxRelease_v2, int device) {
    (void)device;
    fake.open--;
    return 0;
}

API(cuCtxGetCurrent, void **context) {
    *context = context_depth > 0 ? &fake : NULL;
    return 0;
}

API(cuCtxGetDevice, int *device) {
    *device = 0;
    return 0;
}

API(cuCtxPushCurrent_v2, void *context) {
    context_depth++;
    return context == &fake ? 0 : 201;
}

API(cuCtxPopCurrent_v2, void **context) {
    *context = &fake;
    return --context_depth < 0 ? 201 : 0;
}

/* ---- memory ---- */

API(cuMemGetInfo_v2, size_t *left, size_t *total) {
    USUAL();
    *left = *total = (size_t)fake.memory;
    return 0;
}

static const Block *find_block(const void *at) {
    for (int i = 0; i < block_count; i++)
        if ((const char *)at >= blocks[i].at && (const char *)at < blocks[i].at + blocks[i].size)
            return &blocks[i];
    return NULL;
}

static int add_block(void **memory, size_t size, int device) {
    if (block_count == MOST || (device && (fake.full || (long long)size > fake.memory)))
        return OUT_OF_MEMORY;
    size = (size + 4095) / 4096 * 4096;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return OUT_OF_MEMORY;
    memset(at, 0xff, size);
    if (device) mprotect(at, size, PROT_NONE);
    blocks[block_count++] = (Block){at, size, device};
    fake.allocations++;
    *memory = at;
    return 0;
}

static int remove_block(void *memory) {
    for (int i = 0; i < block_count; i++) {
        if (blocks[i].at != memory) continue;
        munmap(blocks[i].at, blocks[i].size);
        blocks[i] = blocks[--block_count];
        return 0;
    }
    return INVALID;
}

API(cuMemAlloc_v2, void **memory, size_t bytes) {
    USUAL();
    return add_block(memory, bytes, 1);
}

API(cuMemFree_v2, void *memory) {
    return memory ? remove_block(memory) : 0;
}

API(cuMemHostAlloc, void **memory, size_t bytes, unsigned flags) {
    (void)flags;
    USUAL();
    return add_block(memory, bytes, 0);
}

API(cuMemFreeHost, void *memory) {
    return remove_block(memory);
}

/* ---- work ---- */

static void open_memory(int protection) {
    for (int i = 0; i < block_count; i++)
        if (blocks[i].device) mprotect(blocks[i].at, blocks[i].size, protection);
}

static int run_op(const Op *op) {
    if (op->kind == OP_COPY) memmove(op->to, op->staged ? op->staged : op->from, op->bytes);
    for (size_t i = 0; op->kind == OP_SET && i < op->bytes; i++)
        memcpy((char *)op->to + i * op->unit, &op->value, op->unit);
    if (op->kind != OP_LAUNCH) return 0;
    void *const *pointers = (void *const *)(void *)op->staged;
    for (size_t i = 0; i < op->bytes / sizeof *pointers; i++)
        if (!find_block(pointers[i])) return ILLEGAL_ADDRESS;
    if (fake.launches++ + 1 == fake.breaks) return ILLEGAL_ADDRESS;
    int failed = op->kernel(pointers, op->bytes, op->blocks, (int)op->threads, fake.backward);
    return failed ? ILLEGAL_ADDRESS : 0;
}

static void free_work(Work *work) {
    for (int i = 0; i < work->count; i++)
        free(work->ops[i].staged);
    free(work->ops);
    *work = (Work){0};
}

static int flush(Stream *stream) {
    open_memory(PROT_READ | PROT_WRITE);
    for (int i = 0; i < stream->work.count && !sticky; i++)
        sticky = run_op(&stream->work.ops[i]);
    open_memory(PROT_NONE);
    free_work(&stream->work);
    return sticky;
}

static Stream *stream_of(void *stream) {
    return stream ? stream : &default_stream;
}

static int add_op(Stream *stream, Op op) {
    Work *work = &stream->work;
    work->ops = realloc(work->ops, (size_t)(work->count + 1) * sizeof op);
    work->ops[work->count++] = op;
    return 0;
}

static char *copied(const void *bytes, size_t size) {
    char *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    return copy;
}

API(cuMemcpyAsync, void *to, const void *from, size_t bytes, void *handle) {
    USUAL();
    Stream *stream = stream_of(handle);
    Op op = {.kind = OP_COPY, .to = to, .from = from, .bytes = bytes};
    int paged = !find_block(to) || !find_block(from);
    if (paged && stream->captures) return CAPTURE_UNSUPPORTED;
    if (!find_block(from)) op.staged = copied(from, bytes);
    add_op(stream, op);
    return find_block(to) ? 0 : flush(stream);
}

API(cuMemsetD8Async, void *at, unsigned char value, size_t count, void *stream) {
    USUAL();
    Op op = {.kind = OP_SET, .to = at, .bytes = count, .value = value, .unit = 1};
    return find_block(at) ? add_op(stream_of(stream), op) : INVALID;
}

API(cuMemsetD32Async, void *at, unsigned value, size_t count, void *stream) {
    USUAL();
    Op op = {.kind = OP_SET, .to = at, .bytes = count, .value = value, .unit = 4};
    return find_block(at) ? add_op(stream_of(stream), op) : INVALID;
}

API(cuLaunchKernel, void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
    unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared, void *stream,
    void **arguments, void **extra) {
    USUAL();
    if (grid_y * grid_z * block_y * block_z != 1 || shared || arguments) return INVALID;
    if (block_x > 1024 || extra[0] != (void *)1 || extra[2] != (void *)2 || extra[4])
        return INVALID;
    Op op = {.kind = OP_LAUNCH, .bytes = *(size_t *)extra[3], .blocks = grid_x};
    op.threads = block_x;
    op.staged = copied(extra[1], op.bytes);
    memcpy(&op.kernel, &function, sizeof function);
    return add_op(stream_of(stream), op);
}

API(cuStreamCreate, void **stream, unsigned flags) {
    (void)flags;
    USUAL();
    *stream = calloc(1, sizeof(Stream));
    return 0;
}

API(cuStreamDestroy_v2, void *stream) {
    free_work(&((Stream *)stream)->work);
    free(stream);
    return 0;
}

API(cuStreamSynchronize, void *stream) {
    USUAL();
    if (stream_of(stream)->captures) return CAPTURE_UNSUPPORTED;
    fake.waits++;
    return flush(stream_of(stream));
}

/* ---- graphs: work that is copied into streams ---- */

API(cuStreamIsCapturing, void *stream, int *status) {
    USUAL();
    *status = stream_of(stream)->captures;
    return 0;
}

API(cuStreamBeginCapture_v2, void *handle, int mode) {
    USUAL();
    Stream *stream = handle;
    if (!stream || stream->captures || mode < 0 || mode > 2) return CAPTURE_UNSUPPORTED;
    stream->captures = 1;
    fake.captures++;
    return 0;
}

API(cuStreamEndCapture, void *handle, void **graph) {
    USUAL();
    Stream *stream = handle;
    if (!stream->captures) return INVALID;
    Work *work = malloc(sizeof *work);
    *work = stream->work;
    stream->work = (Work){0};
    stream->captures = 0;
    *graph = work;
    return 0;
}

static int put_work(Work *to, const Work *from) {
    for (int i = 0; i < from->count; i++) {
        Op op = from->ops[i];
        if (op.staged) op.staged = copied(op.staged, op.bytes);
        Stream stream = {.work = *to};
        add_op(&stream, op);
        *to = stream.work;
    }
    return 0;
}

API(cuGraphInstantiateWithFlags, void **executable, void *graph, unsigned long long flags) {
    USUAL();
    (void)flags;
    *executable = calloc(1, sizeof(Work));
    return put_work(*executable, graph);
}

API(cuGraphDestroy, void *graph) {
    free_work(graph);
    free(graph);
    return 0;
}

API(cuGraphExecDestroy, void *executable) {
    return cuGraphDestroy(executable);
}

API(cuGraphLaunch, void *executable, void *stream) {
    USUAL();
    if (!executable || stream_of(stream)->captures) return CAPTURE_UNSUPPORTED;
    fake.graph_launches++;
    return put_work(&stream_of(stream)->work, executable);
}

/* ---- modules ---- */

/* Whether the device runs the binary: 0, or what a driver says. */
static int check_binary(int version, int alone, int text) {
    if (text) return UNSUPPORTED_PTX;
    if (fake.driver / 1000 < 13) return INVALID_IMAGE;
    if (alone == 'a') return version == fake.capability ? 0 : NO_BINARY;
    int same = version / 10 == fake.capability / 10;
    return same && version <= fake.capability ? 0 : NO_BINARY;
}

API(cuModuleLoadData, void **module, const void *image) {
    USUAL();
    int version, alone, text;
    size_t size;
    if (sscanf(image, FAKE_HEADER, &version, &alone, &text, &size) != 4) return INVALID_IMAGE;
    int status = check_binary(version, alone, text);
    if (status) return status;
    char path[] = "/tmp/nnc_fake_XXXXXX.so";
    int file = mkstemps(path, 3);
    size_t put = 0;
    while (file >= 0 && put < size) {
        ssize_t more = write(file, (const char *)image + FAKE_HEADER_SIZE + put, size - put);
        if (more <= 0) break;
        put += (size_t)more;
    }
    close(file);
    *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    unlink(path);
    return *module ? 0 : INVALID_IMAGE;
}

API(cuModuleUnload, void *module) {
    return dlclose(module);
}

API(cuModuleGetFunction, void **function, void *module, const char *name) {
    char symbol[512];
    USUAL();
    snprintf(symbol, sizeof symbol, "fake_%s", name);
    *function = dlsym(module, symbol);
    return *function ? 0 : NOT_FOUND;
}
