/* The matrices of Winograd's transforms, and their products with vectors in few operations. */
#include <math.h>

#include "codegen/winograd.h"

WinogradMatrices winograd_matrices(int m) {
    static const double of_2[] = {0, 1, -1};
    static const double of_4[] = {0, 0.70710678118654752, -0.70710678118654752, 1.41421356237309505,
                                  -1.41421356237309505};
    const double *point = m == 2 ? of_2 : of_4;
    WinogradMatrices w = {.m = m, .n = m + WINOGRAD_WINDOW - 1};
    int last = w.n - 1;
    for (int i = 0; i <= last; i++) {
        /* Coefficients of the product of all (x - point), but for the i-th; the last row has all.
         */
        double factor = 1;
        w.b[i][0] = 1;
        for (int j = 0, degree = 0; j < last; j++) {
            if (j == i) continue;
            degree++;
            for (int k = degree; k >= 0; k--)
                w.b[i][k] = (k > 0 ? w.b[i][k - 1] : 0) - point[j] * w.b[i][k];
            if (i < last) factor *= point[i] - point[j];
        }
        for (int k = 0; k < m; k++)
            w.a[k][i] = i == last ? k == m - 1 : pow(point[i], k);
        for (int k = 0; k < WINOGRAD_WINDOW; k++)
            w.g[i][k] = i == last ? k == WINOGRAD_WINDOW - 1 : pow(point[i], k) / factor;
    }
    /* What should cancel does. */
    for (int i = 0; i <= last; i++)
        for (int k = 0; k <= last; k++)
            if (fabs(w.b[i][k]) < 1e-12) w.b[i][k] = 0;
    return w;
}

static bool same(double x, double y) {
    return fabs(x - y) <= 1e-12 * fabs(x);
}

/* The sum of in[c] * factor[c]. */
static KVal *combine(KBuilder *b, const double *factor, int columns, KVal *const *in) {
    KVal *sum = NULL;
    int first = -1;
    for (int c = 0; c < columns && first < 0; c++)
        if (same(factor[c], 1)) first = c;
    for (int c = 0; c < columns && first < 0; c++)
        if (factor[c] != 0) first = c;
    if (first < 0) return NULL;
    sum = in[first];
    if (!same(factor[first], 1))
        sum = k_mul(b, sum, k_number(b, sum->kind, sum->lanes, factor[first]));
    for (int c = 0; c < columns; c++) {
        if (c == first || factor[c] == 0) continue;
        if (same(factor[c], 1))
            sum = k_add(b, sum, in[c]);
        else if (same(factor[c], -1))
            sum = k_sub(b, sum, in[c]);
        else
            sum = k_fma(b, in[c], k_number(b, sum->kind, sum->lanes, factor[c]), sum);
    }
    return sum;
}

/* Whether the rows are equal but for signs, some of which differ: those of `odd`. */
static bool mirrored(const double *x, const double *y, int columns, double *even, double *odd) {
    bool some = false;
    for (int c = 0; c < columns; c++) {
        bool equal = same(x[c], y[c]), opposite = same(x[c], -y[c]);
        if (!equal && !opposite) return false;
        even[c] = equal ? x[c] : 0;
        odd[c] = equal ? 0 : x[c];
        some |= !equal;
    }
    return some;
}

static void apply_rows(KBuilder *b, const double matrix[][WINOGRAD_MAX], int rows, int columns,
                       KVal *const *in, KVal **out) {
    bool done[WINOGRAD_MAX] = {false};
    for (int r = 0; r < rows; r++) {
        if (done[r]) continue;
        int twin = r + 1;
        double even[WINOGRAD_MAX], odd[WINOGRAD_MAX];
        while (twin < rows &&
               (done[twin] || !mirrored(matrix[r], matrix[twin], columns, even, odd)))
            twin++;
        if (twin == rows) {
            out[r] = combine(b, matrix[r], columns, in);
            continue;
        }
        KVal *p = combine(b, even, columns, in), *q = combine(b, odd, columns, in);
        out[r] = p ? k_add(b, p, q) : q;
        out[twin] = p ? k_sub(b, p, q) : k_unary(b, KOP_NEG, q);
        done[twin] = true;
    }
}

void winograd_apply(KBuilder *b, const double matrix[][WINOGRAD_MAX], int rows, int columns,
                    KVal *const *in, KVal **out) {
    /* Columns that are equal but for signs are added and subtracted once for all rows. */
    double left[WINOGRAD_MAX][WINOGRAD_MAX];
    KVal *value[WINOGRAD_MAX];
    for (int c = 0; c < columns; c++) {
        value[c] = in[c];
        for (int r = 0; r < rows; r++)
            left[r][c] = matrix[r][c];
    }
    for (int c = 0; c + 1 < columns; c++) {
        bool equal = false, opposite = false, other = false;
        for (int r = 0; r < rows; r++) {
            double x = left[r][c], y = left[r][c + 1];
            if (x == 0 && y == 0) continue;
            equal |= same(x, y);
            opposite |= same(x, -y);
            other |= !same(x, y) && !same(x, -y);
        }
        if (other || !equal || !opposite) continue;
        value[c] = k_add(b, in[c], in[c + 1]);
        value[c + 1] = k_sub(b, in[c], in[c + 1]);
        for (int r = 0; r < rows; r++) {
            bool adds = same(left[r][c], left[r][c + 1]);
            left[r][c + 1] = adds ? 0 : left[r][c];
            if (!adds) left[r][c] = 0;
        }
        c++;
    }
    apply_rows(b, left, rows, columns, value, out);
}

void winograd_apply_both(KBuilder *b, const double matrix[][WINOGRAD_MAX], int rows, int columns,
                         KVal *const *in, KVal **out) {
    KVal *half[WINOGRAD_MAX][WINOGRAD_MAX]; /* by column, then row */
    for (int c = 0; c < columns; c++) {
        KVal *column[WINOGRAD_MAX];
        for (int r = 0; r < columns; r++)
            column[r] = in[r * columns + c];
        winograd_apply(b, matrix, rows, columns, column, half[c]);
    }
    for (int r = 0; r < rows; r++) {
        KVal *row[WINOGRAD_MAX];
        for (int c = 0; c < columns; c++)
            row[c] = half[c][r];
        winograd_apply(b, matrix, rows, columns, row, &out[r * rows]);
    }
}
