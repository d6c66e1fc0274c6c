/* nnc_coverage FOLDER: what the unit tests did with each op of ir/ops.def, as a table, which is
 * also left in FOLDER/table.txt. The tests left their records in the folder
 * (tests/support/coverage.h). Exit status 1 when an op was not run often enough somewhere, or in a
 * type that the reference interpreter was given. */
#include <stdio.h>
#include <string.h>

#include "support/file.h"
#include "tests/support/coverage.h"

/* How the two derivatives' columns differ from the others: an op whose gradient is zero has none.
 */
typedef struct Column {
    const char *title;
    int least; /* runs of each op */
    bool gradient, compiled;
    const char *records[2];
} Column;

static const Column COLUMNS[] = {
    {"reference", 100, false, false, {"reference"}},
    {"random", 100, false, false, {"random"}},
    {"gradient", 30, true, false, {"gradient"}},
    {"2nd order", 30, true, false, {"gradient_of_gradient"}},
    {"kernels", 12, false, false, {"kernels"}},
    {"gcc", 1, false, true, {"gcc"}},
    {"clang", 1, false, true, {"clang"}},
    {"nnc run", 1, false, true, {"run_f32", "run_f64"}},
};
enum { COLUMN_COUNT = sizeof COLUMNS / sizeof *COLUMNS };

static const char INTRO[] =
    "Runs of each op in the unit tests: by the reference interpreter, alone and in random graphs;\n"
    "derivatives against finite differences, that were not zero; kernels against the reference, "
    "one\n"
    "by one; C compiled by gcc, by clang and in `nnc run` against kernels and reference. -: has "
    "no\n"
    "derivative. The types are those of operands and results, in the reference and in compiled "
    "C.\n\n";

static bool has_derivative(const OpInfo *info) {
    return strcmp(info->grad, ZERO_GRAD) != 0 && strcmp(info->grad, NO_GRAD) != 0;
}

static void put_dtypes(Buf *out, uint32_t dtypes) {
    const char *separator = "";
    for (int i = 0; i < DT_COUNT; i++) {
        if (!(dtypes >> i & 1)) continue;
        buf_printf(out, "%s%s", separator, dtype_name((DType)i));
        separator = ",";
    }
}

/* One op's line; what is missing goes to `holes`. */
static void put_op(Buf *out, Buf *holes, Op op, const Coverage *columns) {
    const OpInfo *info = op_info(op);
    uint32_t reference = columns[0].dtypes[op] | columns[1].dtypes[op], compiled = 0;
    buf_printf(out, "%-16s", info->name);
    for (int i = 0; i < COLUMN_COUNT; i++) {
        int count = columns[i].count[op];
        if (COLUMNS[i].compiled) compiled |= columns[i].dtypes[op];
        if (COLUMNS[i].gradient && !has_derivative(info)) {
            buf_printf(out, " %10s", "-");
            continue;
        }
        buf_printf(out, " %10d", count);
        if (count < COLUMNS[i].least)
            buf_printf(holes, "%s: %d runs in column %s, at least %d are wanted\n", info->name,
                       count, COLUMNS[i].title, COLUMNS[i].least);
    }
    buf_puts(out, "  ");
    put_dtypes(out, reference);
    if (compiled != reference) {
        buf_puts(out, " / ");
        put_dtypes(out, compiled);
    }
    buf_putc(out, '\n');
    if (reference & ~compiled) {
        buf_printf(holes, "%s: not compiled for ", info->name);
        put_dtypes(holes, reference & ~compiled);
        buf_putc(holes, '\n');
    }
}

static bool read_columns(const char *folder, Coverage *columns) {
    Buf error = {0};
    bool ok = true;
    for (int i = 0; i < COLUMN_COUNT; i++)
        for (int k = 0; k < 2 && COLUMNS[i].records[k]; k++)
            ok = ok && coverage_read(&columns[i], folder, COLUMNS[i].records[k], &error);
    if (!ok) fprintf(stderr, "%s\n", buf_text(&error));
    buf_free(&error);
    return ok;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: nnc_coverage FOLDER\n");
        return 2;
    }
    Coverage columns[COLUMN_COUNT] = {0};
    if (!read_columns(argv[1], columns)) return 1;
    Buf table = {0}, holes = {0}, path = {0}, error = {0};
    buf_printf(&table, "%s%-16s", INTRO, "op");
    for (int i = 0; i < COLUMN_COUNT; i++)
        buf_printf(&table, " %10s", COLUMNS[i].title);
    buf_puts(&table, "  types (/ compiled)\n");
    for (int op = 0; op < OP_COUNT; op++)
        put_op(&table, &holes, (Op)op, columns);
    buf_printf(&table, "%d ops\n%s", OP_COUNT, buf_text(&holes));
    buf_printf(&path, "%s/table.txt", argv[1]);
    fputs(buf_text(&table), stdout);
    bool ok = file_write(buf_text(&path), buf_text(&table), table.size, &error);
    if (!ok) fprintf(stderr, "%s\n", buf_text(&error));
    ok = ok && holes.size == 0;
    buf_free(&table);
    buf_free(&holes);
    buf_free(&path);
    buf_free(&error);
    return ok ? 0 : 1;
}
