/* Tensor printing against texts recorded from PyTorch (tests/oracle/record_print.py). */
#include "runtime/tensor_print.h"
#include "support/buf.h"
#include "support/file.h"

#include <criterion/criterion.h>
#include <stdlib.h>

typedef struct Case {
    NnDType dtype;
    int rank;
    int64_t dims[NN_MAX_RANK];
    void *data;
    const char *suffix;
    const char *text;
} Case;

static void append(void *user, const char *text, size_t size) {
    buf_add(user, text, size);
}

static NnDType read_dtype(const char *name) {
    static const char *const names[] = {"bool", "u8", "i32", "i64", "f16", "bf16", "f32", "f64"};
    int dtype = 0;
    while (strcmp(names[dtype], name) != 0)
        dtype++;
    return (NnDType)dtype;
}

static void read_dims(Case *c, char *text) {
    c->rank = 0;
    if (strcmp(text, "-") == 0) return;
    for (char *dim = strtok(text, ","); dim; dim = strtok(NULL, ","))
        c->dims[c->rank++] = atoll(dim);
}

static void read_data(Case *c, char *text) {
    size_t i = 0;
    c->data = calloc(strlen(text) + 1, 8);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "), i++) {
        switch (c->dtype) {
        case NN_BOOL:
        case NN_U8:
            ((unsigned char *)c->data)[i] = (unsigned char)atoi(word);
            break;
        case NN_I32:
            ((int32_t *)c->data)[i] = atoi(word);
            break;
        case NN_I64:
            ((int64_t *)c->data)[i] = atoll(word);
            break;
        case NN_F16:
        case NN_BF16:
        case NN_F32:
        case NN_F64:
            nn_store_float(c->dtype, (char *)c->data + i * nn_dtype_size(c->dtype),
                           strtod(word, NULL));
            break;
        }
    }
}

static void check(const Case *c) {
    Buf out = {0};
    NnSink sink = {append, &out};
    nn_tensor_print(sink, c->dtype, c->rank, c->dims, c->data, &c->suffix, c->suffix != NULL, NULL);
    cr_expect_str_eq(buf_text(&out), c->text, "got:\n%s\nPyTorch:\n%s", buf_text(&out), c->text);
    buf_free(&out);
}

Test(tensor_print, as_pytorch) {
    Buf file = {0}, error = {0}, text = {0};
    cr_assert(file_read("tests/numeric/print.txt", &file, &error), "%s", buf_text(&error));
    Case c = {0};
    int cases = 0;
    for (char *line = file.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (strncmp(line, "case ", 5) == 0) {
            char dtype[8], dims[64];
            sscanf(line, "case %7s %63s", dtype, dims);
            c = (Case){.dtype = read_dtype(dtype)};
            read_dims(&c, dims);
            buf_clear(&text);
        } else if (strncmp(line, "data", 4) == 0) {
            read_data(&c, line + 4);
        } else if (strncmp(line, "suffix ", 7) == 0) {
            c.suffix = line + 7;
        } else if (strcmp(line, ".") == 0) {
            c.text = buf_text(&text);
            check(&c);
            free(c.data);
            cases++;
        } else {
            buf_printf(&text, "%s%s", text.size ? "\n" : "", line);
        }
    }
    cr_assert_gt(cases, 200);
    buf_free(&text);
    buf_free(&file);
    buf_free(&error);
}

Test(tensor_print, options) {
    static const float values[] = {0.25f, 1000000.5f};
    static const int64_t dims[] = {2};
    NnPrintOptions options = nn_print_defaults();
    Buf out = {0};
    NnSink sink = {append, &out};
    options.precision = 2;
    options.sci_mode = 0;
    nn_tensor_print(sink, NN_F32, 1, dims, values, NULL, 0, &options);
    cr_expect_str_eq(buf_text(&out), "tensor([      0.25, 1000000.50])");
    buf_clear(&out);
    options.default_dtype = NN_F64;
    options.sci_mode = 1;
    nn_tensor_print(sink, NN_F32, 1, dims, values, NULL, 0, &options);
    cr_expect_str_eq(buf_text(&out), "tensor([2.50e-01, 1.00e+06], dtype=torch.float32)");
    buf_free(&out);
}
