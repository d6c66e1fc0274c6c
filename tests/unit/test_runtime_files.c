/* The runtime's readers and writers: round trips, and hostile or truncated files refused. */
#include "runtime/idx.h"
#include "runtime/items.h"
#include "runtime/mt19937.h"
#include "runtime/npy.h"
#include "runtime/safetensors.h"
#include "support/buf.h"
#include "support/file.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct State {
    float weight[2][3];
    int64_t steps;
    unsigned char mask[4];
} State;

static const NnTensor table[] = {
    {"fc.weight", NN_F32, 2, {2, 3}, offsetof(State, weight)},
    {"steps", NN_I64, 0, {0}, offsetof(State, steps)},
    {"mask \"\\\xc3\xa9", NN_BOOL, 1, {4}, offsetof(State, mask)},
};
enum { ROWS = 3 };

static const State example = {{{1, 2, 3}, {4, 5, 6.5f}}, 7, {1, 0, 1, 1}};

static char *temporary(char *out, const char *name) {
    sprintf(out, "/tmp/nnc-test-%ld-%s", (long)getpid(), name);
    return out;
}

Test(safetensors, round_trip) {
    char path[64];
    State state = {0};
    NnRange ranges[ROWS];
    NnError error;
    temporary(path, "state");
    cr_assert(nn_safetensors_save(path, &example, table, ROWS, &error), "%s", error.text);
    cr_assert(nn_safetensors_load(path, &state, table, ROWS, ranges, &error), "%s", error.text);
    cr_expect_eq(memcmp(state.weight, example.weight, sizeof state.weight), 0);
    cr_expect_eq(state.steps, 7);
    cr_expect_eq(memcmp(state.mask, example.mask, 4), 0);
    cr_expect_not(nn_safetensors_load(path, &state, table, 2, ranges, &error));
    cr_expect(strstr(error.text, "which the network lacks"), "%s", error.text);
    unlink(path);
    cr_expect_not(nn_safetensors_load(path, &state, table, ROWS, ranges, &error));
    cr_expect_not(nn_safetensors_save("/nowhere/x", &example, table, ROWS, &error));
}

/* A process of the same number was killed while it saved. */
Test(safetensors, saves_over_what_a_killed_save_left) {
    char path[64], left[96];
    NnError error;
    Buf failure = {0};
    temporary(path, "killed");
    sprintf(left, "%s.%ld.tmp", path, (long)getpid());
    cr_assert(file_write(left, "part", 4, &failure));
    cr_expect(nn_safetensors_save(path, &example, table, ROWS, &error), "%s", error.text);
    cr_expect(access(left, F_OK) != 0);
    unlink(path);
    unlink(left);
}

/* Every prefix of a good file, and every single byte changed, is refused or read; never crashes. */
Test(safetensors, damaged) {
    char path[64];
    Buf file = {0}, failure = {0};
    NnRange ranges[ROWS];
    NnError error;
    temporary(path, "damaged");
    cr_assert(nn_safetensors_save(path, &example, table, ROWS, &error));
    cr_assert(file_read(path, &file, &failure));
    unlink(path);
    for (size_t size = 0; size < file.size; size++) {
        State state;
        unsigned char *exact = malloc(size + 1);
        memcpy(exact, file.data, size);
        cr_expect_not(nn_safetensors_parse(exact, size, &state, table, ROWS, ranges, &error));
        free(exact);
    }
    for (size_t i = 0; i < file.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            State state;
            file.data[i] = (char)(file.data[i] ^ 1 << bit);
            nn_safetensors_parse(file.data, file.size, &state, table, ROWS, ranges, &error);
            file.data[i] = (char)(file.data[i] ^ 1 << bit);
        }
    }
    buf_free(&file);
}

/* A file with that header and `data` zero bytes: the message, or "" when it is accepted. */
static const char *refusal(const char *header, size_t data) {
    static NnError error;
    static const NnTensor two[] = {{"a", NN_F32, 1, {2}, 0}, {"b", NN_F32, 1, {1}, 8}};
    unsigned char bytes[1024] = {0};
    float out[3];
    NnRange ranges[2];
    size_t size = strlen(header);
    bytes[0] = (unsigned char)size;
    bytes[1] = (unsigned char)(size >> 8);
    memcpy(bytes + 8, header, size);
    error.text[0] = '\0';
    nn_safetensors_parse(bytes, 8 + size + data, out, two, 2, ranges, &error);
    return error.text;
}

#define A "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define B "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}"

Test(safetensors, hostile_headers) {
    static const struct {
        const char *header;
        size_t data;
        const char *message;
    } cases[] = {
        {"{" A "," B "}", 12, ""},
        {" {" A "," B "}", 12, "not JSON"},
        {"{" A "," B "}   ", 12, ""},
        {"{\"__metadata__\":{\"format\":\"pt\"}," A "," B "}", 12, ""},
        {"{\"__metadata__\":{\"x\":1}," A "," B "}", 12, "expected"},
        {"{" A "," B "}", 11, "outside the file"},
        {"{" A "," B "}", 13, "the file has 13"},
        {"{" A "}", 8, "lacks b"},
        {"{" A "," A "," B "}", 12, "twice"},
        {"{" A "," B "},", 12, "goes on"},
        {"{" A "," B, 12, "ends where"},
        {"[]", 0, "not JSON"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 12,
         "overlap at byte 4"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 12, "overlap"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,13]}}", 13, "differ"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,8]}}", 12, "outside"},
        {"{" A ",\"b\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[8,16]}}", 16,
         "b is F64[1] in the file, the network needs F32[1]"},
        {"{" A ",\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[8,12]}}", 12, "BF16"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[8,12]}}", 12, "needs"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[8,12]}}", 12, "whole"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[8,12]}}", 12,
         "expected"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],"
         "\"data_offsets\":[8,12]}}",
         12, "too large"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4611686018427387904],"
         "\"data_offsets\":[8,12]}}",
         12, "differ"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],"
         "\"data_offsets\":[8,12]}}",
         12, "dimensions"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"shape\":[1]}}", 12, "lacks its"},
        {"{" A ",\"b\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}", 12, "twice"},
        {"{" A ",\"b\":{\"strange\":1}}", 12, "unknown field"},
        {"{" A ",\"\\ud800\":{}}", 12, "not a character"},
        {"{" A ",\"\\u0000\":{}}", 12, "not a character"},
        {"{" A ",\"\\q\":{}}", 12, "escape"},
        {"{" A ",\"b\n\":{}}", 12, "control"},
        {"{" A ",\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12, "lacks"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = refusal(cases[i].header, cases[i].data);
        bool good = *cases[i].message ? strstr(got, cases[i].message) != NULL : *got == '\0';
        cr_expect(good, "%s: \"%s\", not \"%s\"", cases[i].header, got, cases[i].message);
    }
}

Test(idx, reads_and_refuses) {
    unsigned char file[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    NnError error;
    NnIdx idx;
    NnInput input = {.data = file, .size = sizeof file};
    cr_assert(nn_idx_header(&input, &idx, &error));
    cr_expect_eq(idx.rank, 2);
    cr_expect_eq(idx.elements, 3);
    cr_expect_eq(input.position, 12);
    for (size_t size = 0; size < 12; size++) {
        NnInput cut = {.data = file, .size = size};
        cr_expect_not(nn_idx_header(&cut, &idx, &error));
    }
    static const struct {
        unsigned char type, bytes[8];
        double value;
    } values[] = {{0x08, {255}, 255},        {0x09, {255}, -1},
                  {0x0B, {0xFF, 0xFE}, -2},  {0x0C, {0x80, 0, 0, 0}, -2147483648.0},
                  {0x0D, {0x3F, 0xC0}, 1.5}, {0x0E, {0xC0, 0x04}, -2.5}};
    for (int i = 0; i < 6; i++) {
        file[2] = values[i].type;
        NnInput whole = {.data = file, .size = sizeof file};
        cr_assert(nn_idx_header(&whole, &idx, &error));
        cr_expect_eq(nn_idx_value(&idx, values[i].bytes), values[i].value);
    }
    file[2] = 7;
    NnInput strange = {.data = file, .size = sizeof file};
    cr_expect_not(nn_idx_header(&strange, &idx, &error));
    unsigned char huge[36] = {0, 0, 8, 8};
    memset(huge + 4, 255, 32);
    NnInput large = {.data = huge, .size = sizeof huge};
    cr_expect_not(nn_idx_header(&large, &idx, &error));
    huge[4] = huge[5] = huge[6] = huge[7] = 0; /* an empty first dimension hides nothing */
    large.position = 0;
    cr_expect_not(nn_idx_header(&large, &idx, &error));
}

/* MNIST's own files: sizes, a pixel sum and the first labels, decompressed to the last byte. */
Test(idx, promises_what_the_file_has) {
    char path[] = "/tmp/nnc-test-XXXXXX";
    int place = mkstemp(path);
    cr_assert(place >= 0);
    static const unsigned char bytes[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3, 4};
    static const struct {
        size_t size;
        const char *message;
    } files[] = {{10, "truncated"}, {11, NULL}, {12, "too long"}};
    for (size_t i = 0; i < 3; i++) {
        NnIdxFile file;
        NnError error = {.text = ""};
        cr_assert(ftruncate(place, 0) == 0 &&
                  pwrite(place, bytes, files[i].size, 0) == (ssize_t)files[i].size);
        bool good = nn_idx_open(&file, path, &error);
        cr_expect_eq(good, files[i].message == NULL);
        if (files[i].message) cr_expect(strstr(error.text, files[i].message), "%s", error.text);
        if (good) nn_idx_close(&file);
    }
    close(place);
    unlink(path);
}

Test(idx, mnist_test_set) {
    static NnIdxFile file;
    static unsigned char images[1000][28][28], labels[10000];
    NnError error;
    cr_assert(nn_idx_open(&file, "samples/mnist/t10k-images-idx3-ubyte.gz", &error), "%s",
              error.text);
    cr_expect_eq(file.header.dim[0], 10000);
    unsigned long sum = 0;
    for (int i = 0; i < 10; i++) {
        cr_assert(nn_idx_read_u8(&file, images[0][0], 1000, &error), "%s", error.text);
        for (size_t j = 0; j < sizeof images; j++)
            sum += ((unsigned char *)images)[j];
    }
    cr_expect_eq(sum, 264923200, "%lu", sum);
    cr_expect_not(nn_idx_read_u8(&file, images[0][0], 1, &error));
    cr_expect_not(file.inflate.failed);
    nn_idx_close(&file);
    cr_assert(nn_idx_open(&file, "samples/mnist/t10k-labels-idx1-ubyte.gz", &error));
    cr_assert(nn_idx_read_u8(&file, labels, 10000, &error));
    cr_expect_eq(labels[0], 7);
    cr_expect_eq(labels[9999], 6);
    nn_idx_close(&file);
}

Test(inflate, damaged) {
    Buf file = {0}, failure = {0};
    static NnInflate stream;
    NnError error;
    unsigned char out[12000];
    cr_assert(file_read("samples/mnist/t10k-labels-idx1-ubyte.gz", &file, &failure));
    for (size_t i = 0; i < file.size; i += 7) {
        NnInput cut = {.data = (unsigned char *)file.data, .size = i};
        if (nn_inflate_open(&stream, &cut, &error)) {
            nn_inflate_read(&stream, out, sizeof out);
            cr_expect(stream.failed, "%zu bytes pass", i);
        }
        file.data[i] = (char)(file.data[i] ^ 4);
        NnInput wrong = {.data = (unsigned char *)file.data, .size = file.size};
        if (nn_inflate_open(&stream, &wrong, &error)) nn_inflate_read(&stream, out, sizeof out);
        if (i > 30) cr_expect(stream.failed, "a wrong bit in byte %zu passes", i);
        file.data[i] = (char)(file.data[i] ^ 4);
    }
    buf_free(&file);
}

static bool npy_header(const char *dict, NnNpy *npy, NnError *error) {
    unsigned char file[512] = "\x93NUMPY\x01";
    size_t size = strlen(dict);
    file[8] = (unsigned char)size;
    file[9] = (unsigned char)(size >> 8);
    memcpy(file + 10, dict, size);
    NnInput input = {.data = file, .size = 10 + size};
    return nn_npy_header(&input, npy, error);
}

Test(npy, headers) {
    static const struct {
        const char *dict;
        bool good;
    } cases[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", true},
        {"{'shape': (), 'fortran_order': True, 'descr': '|b1'}", true},
        {"{'descr': '>f8', 'fortran_order': False, 'shape': (5,)}", true},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (5,)}", true},
        {"{'descr': '<f3', 'fortran_order': False, 'shape': (5,)}", false},
        {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (5,)}", false},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (5,)}", false},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-5,)}", false},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,}", false},
        {"{'descr': '<f4', 'fortran_order': False}", false},
        {"{'descr': '<f4', 'descr': '<f4', 'shape': (5,)}", false},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,)} x", false},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (5,), 'more': 1}", false},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", false},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,2)}", false},
        {"{'descr': '<f4", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        NnNpy npy;
        NnError error = {""};
        cr_expect_eq(npy_header(cases[i].dict, &npy, &error), cases[i].good, "%s: %s",
                     cases[i].dict, error.text);
    }
}

Test(npy, round_trip_and_orders) {
    static const double values[2][3] = {{1, 2, 3}, {4, 5, 6}};
    static const int64_t dims[] = {2, 3};
    double back[2][3];
    NnNpy npy;
    NnError error;
    FILE *file = tmpfile();
    cr_assert(nn_npy_write(file, NN_F64, 2, dims, values));
    cr_expect_eq((ftell(file) - 48) % 64, 0, "the data is aligned");
    rewind(file);
    NnInput input = {.file = file};
    cr_assert(nn_npy_header(&input, &npy, &error), "%s", error.text);
    cr_expect_eq(npy.rank, 2);
    cr_expect_eq(npy.dim[1], 3);
    cr_assert(nn_npy_read(&input, &npy, back, sizeof back, &error));
    cr_expect_eq(memcmp(back, values, sizeof back), 0);
    cr_expect_not(nn_npy_read(&input, &npy, back, sizeof back, &error), "nothing is left");
    fclose(file);
    static const unsigned char big[] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3,
                                        0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6};
    static const int32_t expected[] = {1, 3, 5, 2, 4, 6};
    int32_t ints[6];
    NnNpy fortran = {NN_I32, true, true, 2, {2, 3}};
    NnInput memory = {.data = big, .size = sizeof big};
    cr_assert(nn_npy_read(&memory, &fortran, ints, sizeof ints, &error));
    cr_expect_eq(memcmp(ints, expected, sizeof ints), 0);
}

Test(mt19937, known_numbers) {
    NnMt19937 random;
    nn_mt19937_seed(&random, 5489);
    cr_expect_eq(nn_mt19937_next(&random), 3499211612u);
    for (int i = 1; i < 9999; i++)
        nn_mt19937_next(&random);
    cr_expect_eq(nn_mt19937_next(&random), 4123659995u, "the ten thousandth of the standard seed");
}

/* IDX images that are smaller than the network's stand in the middle; all of them can be read. */
Test(items, images_are_padded) {
    unsigned char file[16 + 3 * 4] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2};
    static const NnTensor input = {"x", NN_F32, 4, {1, 1, 4, 4}, 0};
    static NnItems items;
    char path[64];
    Buf failure = {0};
    NnError error;
    for (int i = 0; i < 12; i++)
        file[16 + i] = (unsigned char)(i + 1);
    temporary(path, "images");
    cr_assert(file_write(path, file, sizeof file, &failure));
    cr_assert(nn_items_open(&items, path, NN_FORMAT_AUTO, NN_FIT_PAD, &input, 0.5, &error), "%s",
              error.text);
    for (int n = 0; n < 3; n++) {
        float image[4][4], sum = 0;
        bool end;
        cr_assert(nn_items_next(&items, image, &end, &error), "image %d", n);
        for (int i = 0; i < 16; i++)
            sum += image[i / 4][i % 4];
        cr_expect_eq(image[1][1], (float)(4 * n + 1) * 0.5f);
        cr_expect_eq(image[2][2], (float)(4 * n + 4) * 0.5f);
        cr_expect_eq(sum, (float)(16 * n + 10) * 0.5f);
    }
    bool end = false;
    float image[16];
    cr_expect_not(nn_items_next(&items, image, &end, &error));
    cr_expect(end);
    nn_items_close(&items);
    unlink(path);
}

/* ---- resizing ---- */

/* Bilinear resizing with a triangle as wide as the image shrinks, in whole numbers of 2^-22 as PIL
 * does it for bytes; all weights of a line at once. */
static void resize_reference(const unsigned char *from, int old, int step, unsigned char *to,
                             int size) {
    double scale = (double)old / size, support = scale > 1 ? scale : 1;
    for (int i = 0; i < size; i++) {
        double weights[64], total = 0;
        int64_t sum = 1 << 21;
        for (int x = 0; x < old; x++) {
            weights[x] = fmax(0, 1 - fabs((x + 0.5 - (i + 0.5) * scale) / support));
            total += weights[x];
        }
        for (int x = 0; x < old; x++)
            sum += (int64_t)(weights[x] / total * (1 << 22) + 0.5) * from[x * step];
        to[i * step] = (unsigned char)(sum >> 22);
    }
}

/* An IDX file of two images of pseudo-random bytes; the second is what is compared. */
static void write_images(const char *path, int height, int width, unsigned char *pixels) {
    unsigned char file[16 + 2 * 64 * 64] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    file[11] = (unsigned char)height;
    file[15] = (unsigned char)width;
    size_t size = (size_t)height * (size_t)width;
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = (state * 1103515245u + 12345) & 0x7FFFFFFF;
        pixels[i] = file[16 + size + i] = (unsigned char)(state >> 16);
    }
    Buf failure = {0};
    cr_assert(file_write(path, file, 16 + 2 * size, &failure));
}

static void read_image(const char *path, NnItemFit fit, const NnTensor *input, void *image) {
    static NnItems items;
    NnError error;
    bool end;
    cr_assert(nn_items_open(&items, path, NN_FORMAT_AUTO, fit, input, 1, &error), "%s", error.text);
    cr_assert(nn_items_skip(&items, &end, &error));
    cr_assert(nn_items_next(&items, image, &end, &error), "%s", error.text);
    nn_items_close(&items);
}

Test(items, images_are_resized) {
    static const int sizes[][4] = {{7, 9, 4, 5},   {7, 9, 9, 8},     {7, 9, 1, 1}, {40, 63, 32, 32},
                                   {33, 5, 32, 8}, {28, 28, 14, 28}, {2, 3, 9, 1}, {1, 64, 3, 63}};
    char path[64];
    temporary(path, "images");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int old_height = sizes[s][0], old_width = sizes[s][1];
        int height = sizes[s][2], width = sizes[s][3];
        unsigned char pixels[64 * 64], rows[64 * 64], line[64], wanted[64], got[64 * 64];
        write_images(path, old_height, old_width, pixels);
        NnTensor input = {"x", NN_U8, 4, {1, 1, height, width}, 0};
        read_image(path, NN_FIT_PAD, &input, got);
        for (int y = 0; y < old_height; y++)
            resize_reference(pixels + y * old_width, old_width, 1, rows + y * width, width);
        for (int x = 0; x < width; x++) {
            for (int y = 0; y < old_height; y++)
                line[y] = rows[y * width + x];
            resize_reference(line, old_height, 1, wanted, height);
            for (int y = 0; y < height; y++)
                cr_expect_eq(got[y * width + x], wanted[y], "%dx%d to %dx%d at %d,%d: %d for %d",
                             old_height, old_width, height, width, y, x, got[y * width + x],
                             wanted[y]);
        }
    }
    unlink(path);
}

/* As PIL 13.0 resizes the same bytes with Image.BILINEAR. */
Test(items, images_are_resized_as_pil_does) {
    static const unsigned char smaller[] = {185, 149, 109, 189, 138, 145, 133, 78,  110, 104,
                                            153, 150, 102, 105, 92,  106, 130, 130, 134, 122};
    static const unsigned char mixed[] = {
        171, 126, 99,  190, 237, 147, 185, 145, 100, 180, 203, 140, 212, 182, 102, 159, 134,
        127, 197, 184, 97,  126, 100, 121, 142, 151, 84,  79,  99,  122, 115, 135, 78,  84,
        94,  113, 118, 138, 78,  141, 85,  94,  135, 144, 98,  146, 78,  76,  166, 153, 138,
        99,  74,  60,  173, 146, 152, 78,  96,  94,  156, 121, 139, 83,  143, 177, 126, 113,
        134, 107, 151, 176, 83,  124, 139, 151, 122, 93,  61,  129, 141, 173, 107, 51};
    static const NnTensor small_input = {"x", NN_U8, 3, {1, 4, 5}, 0};
    static const NnTensor float_input = {"x", NN_F32, 4, {1, 1, 14, 6}, 0};
    unsigned char pixels[64], got[20];
    float floats[14 * 6];
    char path[64];
    temporary(path, "images");
    write_images(path, 7, 9, pixels);
    read_image(path, NN_FIT_RESIZE, &small_input, got);
    cr_expect_eq(memcmp(got, smaller, sizeof got), 0);
    read_image(path, NN_FIT_RESIZE, &float_input, floats);
    for (int i = 0; i < 14 * 6; i++)
        cr_expect_eq(floats[i], mixed[i], "%d: %g for %d", i, (double)floats[i], mixed[i]);
    unlink(path);
}

/* Smaller images are padded unless resizing is asked for; what can be neither is refused. */
Test(items, images_that_fit_or_not) {
    static const NnTensor larger = {"x", NN_F32, 4, {1, 1, 8, 8}, 0};
    static const NnTensor colours = {"x", NN_F32, 4, {1, 3, 4, 4}, 0};
    static const NnTensor empty = {"x", NN_F32, 3, {1, 0, 4}, 0};
    static NnItems items;
    unsigned char pixels[64 * 64];
    float image[64];
    NnError error;
    char path[64];
    Buf failure = {0};
    temporary(path, "images");
    write_images(path, 2, 2, pixels);
    read_image(path, NN_FIT_PAD, &larger, image);
    cr_expect_eq(image[0], 0);
    cr_expect_eq(image[27], pixels[0]);
    read_image(path, NN_FIT_RESIZE, &larger, image);
    cr_expect_eq(image[0], pixels[0]);
    cr_expect_eq(image[63], pixels[3]);
    cr_expect_not(nn_items_open(&items, path, NN_FORMAT_AUTO, NN_FIT_PAD, &colours, 1, &error));
    cr_expect_str_eq(error.text, "its shape is [2,2,2], the network's input is [1,3,4,4]");
    cr_expect_not(nn_items_open(&items, path, NN_FORMAT_AUTO, NN_FIT_PAD, &empty, 1, &error));
    static const unsigned char huge[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 0};
    cr_assert(file_write(path, huge, sizeof huge, &failure));
    cr_expect_not(nn_items_open(&items, path, NN_FORMAT_AUTO, NN_FIT_PAD, &larger, 1, &error));
    cr_expect_str_eq(error.text, "images of 65536x65536 are too large to be resized to 8x8");
    unlink(path);
}
