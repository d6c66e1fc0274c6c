/* Tensor printing, in two walks over the elements that are shown: the first finds the format and
 * the column width, the second writes. Both visit the same elements in the same order, through
 * print_axis, which recurses once a dimension (at most NN_MAX_RANK deep). */
#include "runtime/tensor_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

typedef struct TensorPrinter {
    NnSink sink;
    NnPrintOptions options;
    NnDType dtype;
    int rank;
    const int64_t *dims;
    const void *data;
    bool summarize;
    bool measuring;          /* the first walk */
    bool int_mode, sci_mode; /* of floats */
    bool any;                /* a finite number other than zero was seen */
    double min_abs, max_abs; /* of those */
    int fixed_width, sci_width, int_width, width;
    size_t column; /* characters written since the last newline */
} TensorPrinter;

NN_API NnPrintOptions nn_print_defaults(void) {
    return (NnPrintOptions){4, 1000, 3, 80, -1, NN_F32};
}

NN_API void nn_write_file(void *file, const char *text, size_t size) {
    fwrite(text, 1, size, (FILE *)file);
}

static void print_text(TensorPrinter *printer, const char *text) {
    size_t size = strlen(text);
    const char *newline = strrchr(text, '\n');
    printer->column = newline ? strlen(newline + 1) : printer->column + size;
    printer->sink.write(printer->sink.user, text, size);
}

static void print_spaces(TensorPrinter *printer, int count) {
    for (int i = 0; i < count; i++)
        print_text(printer, " ");
}

static double print_float_at(const TensorPrinter *printer, int64_t index) {
    const unsigned char *data = printer->data;
    return nn_load_float(printer->dtype, data + (size_t)index * nn_dtype_size(printer->dtype));
}

/* Fixed point of the largest double with the widest precision fits. */
enum { PRINT_NUMBER_MAX = 512, PRINT_PRECISION_MAX = 100 };

static int print_integer(const TensorPrinter *printer, int64_t index, char *out) {
    const void *data = printer->data;
    int64_t value = 0;
    switch (printer->dtype) {
    case NN_BOOL:
        return snprintf(out, PRINT_NUMBER_MAX, "%s",
                        ((const unsigned char *)data)[index] ? "True" : "False");
    case NN_U8:
        value = ((const unsigned char *)data)[index];
        break;
    case NN_I32:
        value = ((const int32_t *)data)[index];
        break;
    default:
        value = ((const int64_t *)data)[index];
        break;
    }
    return snprintf(out, PRINT_NUMBER_MAX, "%" PRId64, value);
}

static int print_double(double value, const char *style, int precision, char *out) {
    if (isnan(value)) return snprintf(out, PRINT_NUMBER_MAX, "nan");
    if (isinf(value)) return snprintf(out, PRINT_NUMBER_MAX, value < 0 ? "-inf" : "inf");
    if (style[0] == 'e') return snprintf(out, PRINT_NUMBER_MAX, "%.*e", precision, value);
    return snprintf(out, PRINT_NUMBER_MAX, "%.*f%s", style[0] == 'i' ? 0 : precision, value,
                    style[0] == 'i' ? "." : "");
}

static void print_widen(int *width, int length) {
    if (length > *width) *width = length;
}

static void print_measure(TensorPrinter *printer, int64_t index) {
    char text[PRINT_NUMBER_MAX];
    if (!nn_is_float(printer->dtype)) {
        print_widen(&printer->width, print_integer(printer, index, text));
        return;
    }
    double value = print_float_at(printer, index);
    if (!isfinite(value) || value == 0) return;
    double size = fabs(value);
    if (!printer->any || size < printer->min_abs) printer->min_abs = size;
    if (!printer->any || size > printer->max_abs) printer->max_abs = size;
    printer->any = true;
    if (value != ceil(value)) printer->int_mode = false;
    int precision = printer->options.precision;
    print_widen(&printer->fixed_width, print_double(value, "f", precision, text));
    print_widen(&printer->sci_width, print_double(value, "e", precision, text));
    print_widen(&printer->int_width, print_double(value, "i", precision, text));
}

static void print_element(TensorPrinter *printer, int64_t index) {
    char text[PRINT_NUMBER_MAX];
    int length;
    if (nn_is_float(printer->dtype)) {
        const char *style = printer->sci_mode ? "e" : printer->int_mode ? "i" : "f";
        length =
            print_double(print_float_at(printer, index), style, printer->options.precision, text);
    } else {
        length = print_integer(printer, index, text);
    }
    print_spaces(printer, printer->width - length);
    print_text(printer, text);
}

/* Chooses between integers ("3."), fixed point and scientific. */
static void print_choose_format(TensorPrinter *printer) {
    if (!nn_is_float(printer->dtype) || !printer->any) return;
    bool wide = printer->max_abs / printer->min_abs > 1000.0 || printer->max_abs > 1e8;
    printer->sci_mode = wide || (!printer->int_mode && printer->min_abs < 1e-4);
    if (printer->options.sci_mode >= 0) printer->sci_mode = printer->options.sci_mode;
    int width = printer->sci_mode   ? printer->sci_width
                : printer->int_mode ? printer->int_width
                                    : printer->fixed_width;
    print_widen(&printer->width, width);
}

static bool print_cuts(const TensorPrinter *printer, int axis) {
    return printer->summarize && printer->dims[axis] > 2 * printer->options.edge_items;
}

/* The last axis: elements, wrapped. The "..." of a summary takes an element's place. */
static void print_vector(TensorPrinter *printer, int64_t index, int axis, int indent) {
    int64_t size = printer->dims[axis], edge = printer->options.edge_items;
    bool cut = print_cuts(printer, axis);
    int64_t shown = cut ? 2 * edge + 1 : size;
    int64_t per_line = (printer->options.line_width - indent) / (printer->width + 2);
    if (per_line < 1) per_line = 1;
    if (!printer->measuring) print_text(printer, "[");
    for (int64_t i = 0; i < shown; i++) {
        bool gap = cut && i == edge;
        int64_t at = cut && i > edge ? size - (shown - i) : i;
        if (printer->measuring) {
            if (!gap) print_measure(printer, index + at);
            continue;
        }
        if (i > 0) print_text(printer, i % per_line ? ", " : ",\n");
        if (i > 0 && i % per_line == 0) print_spaces(printer, indent + 1);
        if (gap) {
            print_text(printer, " ...");
        } else {
            print_element(printer, index + at);
        }
    }
    if (!printer->measuring) print_text(printer, "]");
}

static void print_axis(TensorPrinter *printer, int64_t index, int axis, int indent) {
    if (axis == printer->rank - 1) {
        print_vector(printer, index, axis, indent);
        return;
    }
    int64_t size = printer->dims[axis], edge = printer->options.edge_items;
    int64_t stride = 1;
    for (int i = axis + 1; i < printer->rank; i++)
        stride *= printer->dims[i];
    bool cut = print_cuts(printer, axis);
    int64_t shown = cut ? 2 * edge + 1 : size;
    if (!printer->measuring) print_text(printer, "[");
    for (int64_t i = 0; i < shown; i++) {
        bool gap = cut && i == edge;
        int64_t at = cut && i > edge ? size - (shown - i) : i;
        if (!printer->measuring && i > 0) {
            print_text(printer, ",");
            for (int newline = axis; newline < printer->rank - 1; newline++) {
                print_text(printer, "\n");
            }
            print_spaces(printer, indent + 1);
        }
        if (!gap) {
            print_axis(printer, index + at * stride, axis + 1, indent + 1);
        } else if (!printer->measuring) {
            print_text(printer, "...");
        }
    }
    if (!printer->measuring) print_text(printer, "]");
}

static int64_t print_numel(int rank, const int64_t *dims) {
    int64_t numel = 1;
    for (int i = 0; i < rank; i++)
        numel *= dims[i];
    return numel;
}

static void print_values(TensorPrinter *printer, int indent) {
    int64_t numel = print_numel(printer->rank, printer->dims);
    if (numel == 0) {
        print_text(printer, "[]");
        return;
    }
    printer->summarize = numel > printer->options.threshold;
    printer->int_mode = true;
    printer->width = 1;
    printer->measuring = true;
    if (printer->rank == 0) {
        print_measure(printer, 0);
    } else {
        print_axis(printer, 0, 0, indent);
    }
    print_choose_format(printer);
    printer->measuring = false;
    if (printer->rank == 0) {
        print_element(printer, 0);
    } else {
        print_axis(printer, 0, 0, indent);
    }
}

static TensorPrinter print_start(NnSink sink, NnDType dtype, int rank, const int64_t *dims,
                                 const void *data, const NnPrintOptions *options) {
    TensorPrinter printer = {
        .sink = sink, .dtype = dtype, .rank = rank, .dims = dims, .data = data};
    printer.options = options ? *options : nn_print_defaults();
    if (printer.options.precision > PRINT_PRECISION_MAX) {
        printer.options.precision = PRINT_PRECISION_MAX;
    }
    return printer;
}

static const char print_prefix[] = "tensor(";
enum { PRINT_INDENT = sizeof print_prefix - 1 };

NN_API void nn_tensor_print_values(NnSink sink, NnDType dtype, int rank, const int64_t *dims,
                                   const void *data, const NnPrintOptions *options) {
    TensorPrinter printer = print_start(sink, dtype, rank, dims, data, options);
    print_values(&printer, PRINT_INDENT);
}

/* One argument of the repr after the numbers, on a new line when it would not fit. `line` is the
 * last line's length as PyTorch counts it: two too long after the numbers. */
static void print_suffix(TensorPrinter *printer, size_t *line, const char *text) {
    size_t size = strlen(text);
    if (*line + size + 2 > (size_t)printer->options.line_width) {
        print_text(printer, ",\n");
        print_spaces(printer, PRINT_INDENT);
        *line = PRINT_INDENT + size;
    } else {
        print_text(printer, ", ");
        *line += size + 2;
    }
    print_text(printer, text);
}

NN_API void nn_tensor_print(NnSink sink, NnDType dtype, int rank, const int64_t *dims,
                            const void *data, const char *const *suffixes, int suffix_count,
                            const NnPrintOptions *options) {
    static const char *const dtypes[] = {
        "dtype=torch.bool",    "dtype=torch.uint8",    "dtype=torch.int32",   "dtype=torch.int64",
        "dtype=torch.float16", "dtype=torch.bfloat16", "dtype=torch.float32", "dtype=torch.float64",
    };
    TensorPrinter printer = print_start(sink, dtype, rank, dims, data, options);
    print_text(&printer, print_prefix);
    print_values(&printer, PRINT_INDENT);
    size_t line = printer.column + 2;
    bool empty = print_numel(rank, dims) == 0;
    if (empty && rank != 1) {
        char size[16 + NN_MAX_RANK * 24] = "size=(";
        size_t used = strlen(size);
        for (int i = 0; i < rank; i++) {
            used += (size_t)snprintf(size + used, sizeof size - used, "%s%" PRId64, i ? ", " : "",
                                     dims[i]);
        }
        snprintf(size + used, sizeof size - used, ")");
        print_suffix(&printer, &line, size);
    }
    bool implied =
        dtype == printer.options.default_dtype || (!empty && (dtype == NN_I64 || dtype == NN_BOOL));
    if (!implied) print_suffix(&printer, &line, dtypes[dtype]);
    for (int i = 0; i < suffix_count; i++)
        print_suffix(&printer, &line, suffixes[i]);
    print_text(&printer, ")");
}
