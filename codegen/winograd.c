/* Emits Winograd's convolution (winograd.h), block by block of rows of tiles.
 *
 * Neighbouring tiles of a row stand in lanes, so that pictures are read and written as they lie,
 * plane by plane: vectors of a row are dealt to the tiles' columns by shuffles, and back. Where a
 * row's tiles fill but a part of the lanes, several rows share a vector.
 *
 *   for each input channel:  tiles, transformed      [point][channel][tile of the block]
 *   for each point:          times the weights, summed [point][channel][tile of the block]
 *   for each output channel: transformed back, and from a vector of tiles' results through the
 *                            epilogue as after any contraction
 *
 * Transforms mix the values of a tile: one infinity or NaN makes NaN of all its results. A vector
 * of tiles with such results is computed again by plain sums. */
#include "codegen/winograd.h"
#include "support/checked.h"

typedef struct Winograd {
    Nest *nest;
    KBuilder *b;
    WinogradShape shape;
    WinogradMatrices matrices;
    int m, n, points;
    int wide;                             /* lanes of the products: tiles, whichever their rows */
    int lanes;                            /* of the transforms: tiles of one row */
    int stack;                            /* rows in a vector of the transforms, where they fit */
    int64_t tile_rows, tile_columns;      /* of a picture */
    int64_t rows, tiles;                  /* of a block; tiles fill whole vectors */
    int block;                            /* output channels in registers */
    int64_t u_point, v_point, sums_point; /* strides */
    int64_t width;                        /* of a row's results in a vector of tiles */
    KVal *image;                          /* threads share pictures: this one; NULL: blocks */
    KBuf *x, *u, *v, *sums;
    KBuf *square; /* [row][column] vectors of tiles between two passes */
} Winograd;

/* Whether threads share the pictures, each with blocks of its own; else they share each block. */
static bool shares_images(const Winograd *w) {
    return w->b->parts && w->shape.images >= KERNEL_PART_TRIPS && w->tile_rows % w->rows == 0;
}

static Winograd winograd_begin(Nest *nest) {
    const Schedule *s = nest->s;
    Winograd w = {.nest = nest, .b = nest->b, .m = s->winograd, .wide = s->lanes};
    bool found = winograd_shape(nest->c, nest->request->target, &w.shape);
    NNC_CHECK(found, "no convolution for Winograd's way");
    w.matrices = winograd_matrices(w.m);
    w.n = w.matrices.n;
    w.points = w.n * w.n;
    w.tile_rows = (w.shape.height + w.m - 1) / w.m;
    w.tile_columns = (w.shape.width + w.m - 1) / w.m;
    w.lanes = winograd_row_lanes(w.wide, w.tile_columns);
    w.rows = s->tile[w.shape.h];
    w.stack = winograd_stack(&w.shape, s, w.rows);
    w.tiles = winograd_vectors(&w.shape, s, w.rows) * w.wide;
    w.block = (int)s->tile[w.shape.out];
    w.u_point = (w.shape.outs + w.block - 1) / w.block * w.block * w.shape.ins;
    /* A vector more: points don't meet in one set of the cache. */
    w.v_point = w.shape.ins * w.tiles + w.wide;
    w.sums_point = w.shape.outs * w.tiles + w.wide;
    w.width = (int64_t)w.m * w.lanes;
    return w;
}

static int64_t operand_stride(const Contraction *c, int operand, int dim) {
    if (dim < 0 || c->dims[dim].axis[operand] < 0) return 0;
    return c->operand[operand].map.stride[c->dims[dim].axis[operand]];
}

static int64_t operand_extent(const Contraction *c, int dim) {
    return c->operand[CONTRACT_A].map.dim[c->dims[dim].axis[CONTRACT_A]];
}

/* ---- vectors of tiles ---- */

/* Tiles beside each other, in the lanes. */
typedef struct Vector {
    int stack;   /* rows, one after the other in the lanes */
    KVal *row;   /* of tiles, counted through all pictures; the first one */
    KVal *first; /* tile of the row */
    KVal *place; /* of the first tile in the block */
    int64_t at;  /* the first tile's number, or -1 in a loop over vectors inside of the row */
    int active;  /* tiles of a row that exist */
    bool at_end; /* of the row */
} Vector;

typedef void (*VectorBody)(Winograd *w, const Vector *vector, KVal *channel);

static void one_vector(Winograd *w, Vector vector, KVal *first, KVal *channel, VectorBody body) {
    vector.first = first;
    vector.place = k_add(w->b, vector.place, first);
    body(w, &vector, channel);
}

/* All vectors of a row: those at its ends are code of their own. */
static void each_in_row(Winograd *w, Vector vector, KVal *channel, VectorBody body) {
    KBuilder *b = w->b;
    int64_t last = (w->tile_columns - 1) / w->lanes * w->lanes;
    vector.active = w->lanes;
    if (last > 0) one_vector(w, vector, k_index(b, 0), channel, body);
    if (last > w->lanes) {
        vector.at = -1;
        KVal *first = k_for(b, w->lanes, last, w->lanes, 0);
        one_vector(w, vector, first, channel, body);
        k_end(b);
    }
    vector.at = last;
    vector.active = (int)(w->tile_columns - last);
    vector.at_end = true;
    one_vector(w, vector, k_index(b, last), channel, body);
}

/* All vectors of some rows of tiles. */
static void each_vector(Winograd *w, KVal *first_row, int64_t rows, KVal *channel,
                        VectorBody body) {
    KBuilder *b = w->b;
    int64_t stacked = rows / w->stack * w->stack;
    for (int part = 0; part < 2; part++) {
        int64_t lo = part ? stacked : 0, hi = part ? rows : stacked;
        if (lo == hi) continue;
        Vector vector = {.stack = part ? 1 : w->stack};
        KVal *row = k_for(b, lo, hi, vector.stack, 0);
        vector.row = k_add(b, first_row, row);
        vector.place = k_muli(b, row, w->tile_columns);
        each_in_row(w, vector, channel, body);
        k_end(b);
    }
}

/* Where the tiles of a vector's row `number` stand. */
static void find_row(const Winograd *w, const Vector *vector, KVal *number, KVal **image,
                     KVal **row) {
    *image = w->image ? w->image : k_index(w->b, 0);
    *row = k_add(w->b, vector->row, number);
    if (w->image || w->shape.images == 1) return;
    *image = k_divi(w->b, *row, w->tile_rows);
    *row = k_remi(w->b, *row, w->tile_rows);
}

/* Elements of a vector that exist in a row of `size`, when it begins at `column`. */
static int64_t elements_inside(const Vector *vector, int64_t column, int64_t most, int64_t size) {
    int64_t left = size - column;
    if (!vector->at_end || left >= most) return most;
    return left < 0 ? 0 : left;
}

/* Lanes of each row, `lanes` wide, moved by one place to lower ones or to higher ones, with a
 * scalar in the place left. */
static KVal *move_lanes(KBuilder *b, KVal *vector, int lanes, KVal *scalar, bool higher) {
    int from[K_MAX_LANES], count = vector->lanes;
    for (int l = 0; l < count; l++) {
        bool left = l % lanes == (higher ? 0 : lanes - 1);
        from[l] = left ? count : higher ? l - 1 : l + 1; /* count: the scalar */
    }
    return k_shuffle(b, vector, k_splat(b, scalar, count), from, count);
}

/* Vectors put together, two and two, until there are `count`. */
static void join_vectors(KBuilder *b, KVal **v, int vectors, int count) {
    int lanes[K_MAX_LANES];
    for (int l = 0; l < K_MAX_LANES; l++)
        lanes[l] = l;
    for (; vectors > count; vectors /= 2)
        for (int i = 0; i < vectors / 2; i++)
            v[i] = k_shuffle(b, v[2 * i], v[2 * i + 1], lanes, 2 * v[2 * i]->lanes);
}

/* Lane l of a row of tiles, among `from` a row, at lane l of the row among `to` a row. */
static KVal *space_rows(KBuilder *b, KVal *x, int from, int to) {
    int lanes[K_MAX_LANES];
    if (from == to) return x;
    for (int l = 0; l < x->lanes; l++) {
        int lane = l / to * from + (l % to < from ? l % to : 0);
        lanes[l] = lane < x->lanes ? lane : 0;
    }
    return k_shuffle(b, x, x, lanes, x->lanes);
}

/* Vectors that follow each other become elements 0, m, 2 m..., elements 1, m + 1... */
static void deal_lanes(KBuilder *b, KVal **v, int m) {
    KVal *even = k_even(b, v[0], v[1]), *odd = k_odd(b, v[0], v[1]);
    if (m == 2) {
        v[0] = even;
        v[1] = odd;
        return;
    }
    KVal *even_2 = k_even(b, v[2], v[3]), *odd_2 = k_odd(b, v[2], v[3]);
    v[0] = k_even(b, even, even_2);
    v[1] = k_even(b, odd, odd_2);
    v[2] = k_odd(b, even, even_2);
    v[3] = k_odd(b, odd, odd_2);
}

/* x0 y0 x1 y1..., the low half or the high one. */
static KVal *alternate(KBuilder *b, KVal *x, KVal *y, int high) {
    int lanes[K_MAX_LANES], count = x->lanes;
    for (int l = 0; l < count; l++)
        lanes[l] = l / 2 + high * (count / 2) + (l % 2 ? count : 0);
    return k_shuffle(b, x, y, lanes, count);
}

/* The inverse. */
static void gather_lanes(KBuilder *b, KVal **v, int m) {
    KVal *even[2] = {v[0], NULL}, *odd[2] = {v[1], NULL};
    for (int half = 0; half < 2 && m == 4; half++) {
        even[half] = alternate(b, v[0], v[2], half);
        odd[half] = alternate(b, v[1], v[3], half);
    }
    for (int i = 0; i < m; i++)
        v[i] = alternate(b, even[i / 2], odd[i / 2], i % 2);
}

/* ---- inputs ---- */

static KVal *load_columns(const Winograd *w, KVal *row, KVal *column, int lanes, int active) {
    if (active == 0) return k_number(w->b, K_F32, lanes, 0);
    int64_t step = operand_stride(w->nest->c, CONTRACT_A, w->shape.w);
    KVal *at = k_add(w->b, row, k_muli(w->b, column, step));
    if (lanes == 1) return k_load(w->b, w->x, at, 1);
    return k_load_strided(w->b, w->x, at, step, lanes, active);
}

/* What a row of a vector of tiles reads of a row of the picture. */
typedef struct Columns {
    int units, unit;           /* vectors that follow each other, and their lanes */
    KVal *value[WINOGRAD_MAX]; /* these */
    KVal
        *beside[WINOGRAD_MAX]; /* by the tile's column: of the tiles beside the vector's; or NULL */
} Columns;

/* The tile's column `i`, from the first one of its results: of the tile before, or the next one? */
static bool is_beside(const Winograd *w, int i, bool *before) {
    int64_t shift = i + w->shape.first_column;
    *before = shift < 0;
    return shift < 0 || shift >= w->m;
}

/* From the row that begins at `from`; NULL: zeros. */
static void load_row(const Winograd *w, const Vector *vector, KVal *from, Columns *row) {
    KBuilder *b = w->b;
    int64_t width = w->shape.columns;
    KVal *start = k_muli(b, vector->first, w->m);
    for (int i = 0; i < row->units; i++) {
        int64_t column = vector->at * w->m + i * row->unit;
        int active = from ? (int)elements_inside(vector, column, row->unit, width) : 0;
        row->value[i] = load_columns(w, from, k_addi(b, start, i * row->unit), row->unit, active);
    }
    for (int i = 0; i < w->n && vector->stack == 1; i++) {
        bool before;
        if (!is_beside(w, i, &before)) continue;
        int64_t step = i + w->shape.first_column + (before ? 0 : w->width - w->m);
        bool inside =
            before ? vector->at != 0 : !vector->at_end || vector->at * w->m + step < width;
        if (inside) row->beside[i] = load_columns(w, from, k_addi(b, start, step), 1, from ? 1 : 0);
    }
}

/* The same of the picture's row `y`; zeros where it has none. */
static void load_guarded(const Winograd *w, const Vector *vector, KVal *image, KVal *channel,
                         KVal *y, Columns *row) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    int64_t height = operand_extent(c, w->shape.h);
    bool guarded = y->lo < 0 || y->hi >= height;
    Columns zeros = *row;
    KVal **now[] = {row->value, row->beside}, **kept[] = {zeros.value, zeros.beside};
    if (guarded) {
        load_row(w, vector, NULL, &zeros);
        for (int i = 0; i < 2 * WINOGRAD_MAX; i++) {
            KVal **value = &kept[i % 2][i / 2];
            if (*value) *value = k_var(b, *value);
        }
        k_if(b, k_and(b, k_ge(b, y, k_index(b, 0)), k_lt(b, y, k_index(b, height))));
    }
    y = k_assume(b, y, 0, height - 1);
    KVal *from = k_index(b, c->operand[CONTRACT_A].map.offset);
    from = k_add(b, from, k_muli(b, image, operand_stride(c, CONTRACT_A, w->shape.n)));
    from = k_add(b, from, k_muli(b, channel, operand_stride(c, CONTRACT_A, w->shape.in)));
    from = k_add(b, from, k_muli(b, y, operand_stride(c, CONTRACT_A, w->shape.h)));
    load_row(w, vector, from, row);
    if (!guarded) return;
    for (int i = 0; i < 2 * WINOGRAD_MAX; i++)
        if (now[i % 2][i / 2]) k_set(b, kept[i % 2][i / 2], now[i % 2][i / 2]);
    k_end(b);
    for (int i = 0; i < 2 * WINOGRAD_MAX; i++)
        if (now[i % 2][i / 2]) now[i % 2][i / 2] = k_copy(b, kept[i % 2][i / 2]);
}

/* The columns of a vector of tiles in the tiles' row `row`. */
static void load_tiles(const Winograd *w, const Vector *vector, KVal *channel, KVal *row,
                       KVal **x) {
    KBuilder *b = w->b;
    KVal *phase[WINOGRAD_MAX];
    int64_t lanes = (int64_t)w->lanes * vector->stack;
    Columns columns = {.unit = (int)(w->width < lanes ? w->width : lanes)};
    columns.units = (int)(w->width / columns.unit);
    for (int r = 0; r < vector->stack; r++) {
        KVal *image, *tiles;
        find_row(w, vector, k_index(b, r), &image, &tiles);
        KVal *y = k_addi(b, k_add(b, k_muli(b, tiles, w->m), row), w->shape.first_row);
        load_guarded(w, vector, image, channel, y, &columns);
        for (int i = 0; i < columns.units; i++)
            phase[r * columns.units + i] = columns.value[i];
    }
    join_vectors(b, phase, vector->stack * columns.units, w->m);
    deal_lanes(b, phase, w->m);
    for (int i = 0; i < w->n; i++) {
        bool before;
        int64_t shift = i + w->shape.first_column; /* from the phases' first column to this one */
        if (!is_beside(w, i, &before)) {
            x[i] = phase[shift];
            continue;
        }
        KVal *scalar = columns.beside[i] ? columns.beside[i] : k_number(b, K_F32, 1, 0);
        x[i] = move_lanes(b, phase[before ? shift + w->m : shift - w->m], w->lanes, scalar, before);
    }
}

static KVal *square_at(const Winograd *w, KVal *row, KVal *column) {
    int64_t lanes = (int64_t)w->lanes * w->stack;
    return k_muli(w->b, k_add(w->b, k_muli(w->b, row, w->n), column), lanes);
}

/* Tiles of a vector, and lanes of it. */
static int tiles_of(const Vector *vector) {
    return vector->active * vector->stack;
}

static void transform_tiles(Winograd *w, const Vector *vector, KVal *channel) {
    KBuilder *b = w->b;
    KVal *x[WINOGRAD_MAX], *out[WINOGRAD_MAX];
    KVal *row = k_for(b, 0, w->n, 1, 0);
    load_tiles(w, vector, channel, row, x);
    winograd_apply(b, w->matrices.b, w->n, w->n, x, out);
    for (int i = 0; i < w->n; i++)
        k_store(b, w->square, square_at(w, row, k_index(b, i)), out[i]);
    k_end(b);
    KVal *column = k_for(b, 0, w->n, 1, 0);
    for (int i = 0; i < w->n; i++)
        x[i] = k_load(b, w->square, square_at(w, k_index(b, i), column), w->lanes * vector->stack);
    winograd_apply(b, w->matrices.b, w->n, w->n, x, out);
    KVal *to = k_add(b, k_muli(b, channel, w->tiles), vector->place);
    to = k_add(b, to, k_muli(b, column, w->v_point));
    for (int i = 0; i < w->n; i++) {
        if (vector->stack > 1) out[i] = space_rows(b, out[i], w->lanes, vector->active);
        k_store_tail(b, w->v, k_addi(b, to, i * w->n * w->v_point), out[i], tiles_of(vector));
    }
    k_end(b);
}

/* A loop of which each thread runs a part, unless it has a whole block for itself. */
static KVal *in_parts(Winograd *w, int64_t count) {
    return k_for(w->b, 0, count, 1, w->image ? 0 : K_PARALLEL);
}

/* What fills up a block's last vector is multiplied, but never looked at. */
static void clear_tail(Winograd *w) {
    KBuilder *b = w->b;
    if (w->rows * w->tile_columns == w->tiles) return;
    KVal *point = k_for(b, 0, w->points, 1, 0), *channel = in_parts(w, w->shape.ins);
    KVal *at = k_add(b, k_muli(b, point, w->v_point), k_muli(b, channel, w->tiles));
    k_store(b, w->v, k_addi(b, at, w->tiles - w->wide), k_number(b, K_F32, w->wide, 0));
    k_end(b);
    k_end(b);
}

/* ---- products ---- */

/* Weights that come from afar are asked for some channels ahead: they are read once, in order. */
static void fetch_ahead(const Winograd *w, KVal *u) {
    enum { CHANNELS_AHEAD = 16, LINE = 64 / sizeof(float) };
    for (int i = 0; i < w->block; i += LINE)
        k_prefetch(w->b, w->u, k_addi(w->b, u, CHANNELS_AHEAD * w->block + i));
}

/* Some vectors of tiles from `first` on, for `block` output channels from `out` on. */
static void multiply_tile(Winograd *w, KVal *point, KVal *first, int vectors, KVal *out,
                          int block) {
    KBuilder *b = w->b;
    KVal *sum[SCHEDULE_MAX_ACCUMULATORS], *x[SCHEDULE_MAX_ACCUMULATORS];
    for (int i = 0; i < block * vectors; i++)
        sum[i] = k_var(b, k_number(b, K_F32, w->wide, 0));
    KVal *from = k_add(b, k_muli(b, point, w->v_point), first);
    KVal *u = k_muli(b, point, w->u_point);
    u = k_add(b, u, k_muli(b, out, w->shape.ins));
    KVal *in = k_for(b, 0, w->shape.ins, 1, 0);
    from = k_add(b, from, k_muli(b, in, w->tiles));
    u = k_add(b, u, k_muli(b, in, w->block));
    if (winograd_is_far(&w->shape, w->m, w->nest->request->target)) fetch_ahead(w, u);
    for (int v = 0; v < vectors; v++)
        x[v] = k_load_at(b, w->v, from, v * w->wide, w->wide);
    for (int i = 0; i < block; i++) {
        KVal *weight = k_splat(b, k_load_at(b, w->u, u, i, 1), w->wide);
        for (int v = 0; v < vectors; v++) {
            KVal *at = sum[i * vectors + v];
            k_set(b, at, k_fma(b, x[v], weight, at));
        }
    }
    k_end(b);
    KVal *to = k_add(b, k_muli(b, point, w->sums_point), first);
    to = k_add(b, to, k_muli(b, out, w->tiles));
    for (int i = 0; i < block * vectors; i++)
        k_store_at(b, w->sums, to, i / vectors * w->tiles + i % vectors * w->wide, sum[i]);
}

static void multiply_tiles(Winograd *w, KVal *point, KVal *first, int vectors) {
    int64_t outs = w->shape.outs, whole = outs / w->block * w->block;
    if (whole > 0) {
        multiply_tile(w, point, first, vectors, k_for(w->b, 0, whole, w->block, 0), w->block);
        k_end(w->b);
    }
    if (whole < outs)
        multiply_tile(w, point, first, vectors, k_index(w->b, whole), (int)(outs - whole));
}

static void multiply(Winograd *w, int64_t rows) {
    KBuilder *b = w->b;
    int most = w->nest->s->vectors;
    int64_t size = (int64_t)most * w->wide;
    int64_t tiles = winograd_vectors(&w->shape, w->nest->s, rows) * w->wide;
    int64_t whole = tiles / size * size;
    KVal *point = in_parts(w, w->points);
    if (whole > 0) {
        multiply_tiles(w, point, k_for(b, 0, whole, size, 0), most);
        k_end(b);
    }
    int rest = (int)((tiles - whole) / w->wide);
    if (rest > 0) multiply_tiles(w, point, k_index(b, whole), rest);
    k_end(b);
}

/* ---- results ---- */

/* The element of the operand at the row or column, or 0 outside. */
static void add_tap(Winograd *w, KVal *sum, KVal *from, KVal *weight, KVal *y, KVal *x) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    int64_t height = operand_extent(c, w->shape.h), width = operand_extent(c, w->shape.w);
    KVal *zero = k_index(b, 0);
    KVal *inside = k_and(b, k_ge(b, y, zero), k_lt(b, y, k_index(b, height)));
    inside = k_and(b, inside, k_and(b, k_ge(b, x, zero), k_lt(b, x, k_index(b, width))));
    KVal *value = k_var(b, k_number(b, K_F32, 1, 0));
    k_if(b, inside);
    y = k_assume(b, y, 0, height - 1);
    x = k_assume(b, x, 0, width - 1);
    from = k_add(b, from, k_muli(b, y, operand_stride(c, CONTRACT_A, w->shape.h)));
    from = k_add(b, from, k_muli(b, x, operand_stride(c, CONTRACT_A, w->shape.w)));
    k_set(b, value, k_load(b, w->x, from, 1));
    k_end(b);
    KVal *factor = k_load(b, k_input(b, c->operand[CONTRACT_B].node), weight, 1);
    k_set(b, sum, k_fma(b, k_copy(b, value), factor, k_copy(b, sum)));
}

/* Where the results of a vector's row `number` begin, in the row `row` of the tiles. */
static KVal *result_row(const Winograd *w, KVal *row, KVal *number) {
    KVal *to = k_muli(w->b, row, w->width * w->stack);
    return k_add(w->b, to, k_muli(w->b, number, w->width));
}

/* The vector's results by plain sums. */
static void sum_plainly(Winograd *w, const Vector *vector, KVal *out) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    const WinogradShape *shape = &w->shape;
    KVal *number = k_for(b, 0, vector->stack, 1, 0), *image, *tiles;
    find_row(w, vector, number, &image, &tiles);
    KVal *row = k_for(b, 0, w->m, 1, 0);
    KVal *column = k_for(b, 0, (int64_t)vector->active * w->m, 1, 0);
    KVal *sum = k_var(b, k_number(b, K_F32, 1, 0));
    KVal *in = k_for(b, 0, shape->ins, 1, 0);
    KVal *kh = k_for(b, 0, WINOGRAD_WINDOW, 1, 0);
    KVal *kw = k_for(b, 0, WINOGRAD_WINDOW, 1, 0);
    KVal *y = k_add(b, k_muli(b, tiles, w->m), k_addi(b, row, shape->first_row));
    KVal *x = k_add(b, k_muli(b, vector->first, w->m), k_addi(b, column, shape->first_column));
    int back = WINOGRAD_WINDOW - 1;
    y = k_add(b, y, shape->flipped ? k_sub(b, k_index(b, back), kh) : kh);
    x = k_add(b, x, shape->flipped ? k_sub(b, k_index(b, back), kw) : kw);
    KVal *from = k_index(b, c->operand[CONTRACT_A].map.offset);
    from = k_add(b, from, k_muli(b, image, operand_stride(c, CONTRACT_A, shape->n)));
    from = k_add(b, from, k_muli(b, in, operand_stride(c, CONTRACT_A, shape->in)));
    KVal *weight = k_index(b, c->operand[CONTRACT_B].map.offset);
    weight = k_add(b, weight, k_muli(b, out, operand_stride(c, CONTRACT_B, shape->out)));
    weight = k_add(b, weight, k_muli(b, in, operand_stride(c, CONTRACT_B, shape->in)));
    weight = k_add(b, weight, k_muli(b, kh, operand_stride(c, CONTRACT_B, shape->kh)));
    weight = k_add(b, weight, k_muli(b, kw, operand_stride(c, CONTRACT_B, shape->kw)));
    add_tap(w, sum, from, weight, y, x);
    for (int i = 0; i < 3; i++)
        k_end(b);
    KVal *to = k_add(b, result_row(w, row, number), column);
    k_store(b, w->nest->totals, to, k_copy(b, sum));
    for (int i = 0; i < 3; i++)
        k_end(b);
}

/* Lanes for the epilogue: as many as a row has, in whole windows of pooling. */
static int finish_lanes(const Winograd *w, const Vector *vector, int64_t window) {
    int lanes = vector->stack > 1 ? w->wide : w->lanes;
    while (window * lanes > w->width)
        lanes /= 2;
    return lanes;
}

/* The totals of the vector's rows, through the epilogue. */
static void finish_results(Winograd *w, const Vector *vector, KVal *out) {
    KBuilder *b = w->b;
    Nest *nest = w->nest;
    const WinogradShape *shape = &w->shape;
    int64_t high = nest->request->window[shape->h], wide = nest->request->window[shape->w];
    const Schedule *whole = nest->s;
    Schedule finish = {.lane = shape->w, .vectors = (int)wide};
    finish.lanes = finish_lanes(w, vector, wide);
    nest->s = &finish;
    KVal *number = k_for(b, 0, vector->stack, 1, 0), *image, *tiles;
    find_row(w, vector, number, &image, &tiles);
    if (shape->n >= 0) {
        nest->at[shape->n] = image;
        nest->size[shape->n] = 1;
    }
    nest->at[shape->out] = out;
    nest->size[shape->out] = 1;
    KVal *row = nest->within[shape->h] = k_for(b, 0, w->m, high, 0);
    KVal *y = k_add(b, k_muli(b, tiles, w->m), row);
    bool guarded = shape->height % w->m != 0;
    if (guarded) k_if(b, k_le(b, y, k_index(b, shape->height - high)));
    nest->at[shape->h] = k_assume(b, y, 0, shape->height - high);
    nest->size[shape->h] = high;
    KVal *from = k_muli(b, number, w->width);
    for (int64_t column = 0; column < w->width; column += wide * finish.lanes) {
        nest->size[shape->w] =
            elements_inside(vector, vector->at * w->m + column, wide * finish.lanes, shape->width);
        if (nest->size[shape->w] == 0) break;
        nest->within[shape->w] = k_addi(b, from, column);
        nest->at[shape->w] = k_addi(b, k_muli(b, vector->first, w->m), column);
        contract_tile(nest);
    }
    if (guarded) k_end(b);
    k_end(b);
    k_end(b);
    nest->s = whole;
}

static void transform_results(Winograd *w, const Vector *vector, KVal *out) {
    KBuilder *b = w->b;
    KVal *x[WINOGRAD_MAX], *y[WINOGRAD_MAX];
    int lanes = w->lanes * vector->stack;
    KVal *column = k_for(b, 0, w->n, 1, 0);
    KVal *from = k_add(b, k_muli(b, out, w->tiles), vector->place);
    from = k_add(b, from, k_muli(b, column, w->sums_point));
    for (int i = 0; i < w->n; i++) {
        KVal *at = k_addi(b, from, i * w->n * w->sums_point);
        x[i] = k_load_tail(b, w->sums, at, lanes, tiles_of(vector));
        if (vector->stack > 1) x[i] = space_rows(b, x[i], vector->active, w->lanes);
    }
    winograd_apply(b, w->matrices.a, w->m, w->n, x, y);
    for (int i = 0; i < w->m; i++)
        k_store(b, w->square, square_at(w, k_index(b, i), column), y[i]);
    k_end(b);
    KVal *zero = k_number(b, K_F32, lanes, 0);
    KVal *bad = k_var(b, zero); /* lanes are NaN where a result is not finite */
    KVal *row = k_for(b, 0, w->m, 1, 0);
    for (int i = 0; i < w->n; i++)
        x[i] = k_load(b, w->square, square_at(w, row, k_index(b, i)), lanes);
    winograd_apply(b, w->matrices.a, w->m, w->n, x, y);
    KVal *now = k_copy(b, bad);
    for (int i = 0; i < w->m; i++)
        now = k_fma(b, y[i], zero, now);
    k_set(b, bad, now);
    gather_lanes(b, y, w->m);
    for (int i = 0; i < w->m; i++)
        k_store_at(b, w->nest->totals, result_row(w, row, k_index(b, 0)), i * lanes, y[i]);
    k_end(b);
    k_if(b, k_ne(b, k_sum_lanes(b, k_copy(b, bad)), k_number(b, K_F32, 1, 0)));
    sum_plainly(w, vector, out);
    k_end(b);
    finish_results(w, vector, out);
}

/* ---- weights ---- */

/* The transformed weights: [point][block of output channels][input channel][of the block]. */
static void bind_weights(Winograd *w) {
    Nest *nest = w->nest;
    NestCopy *copy = &nest->copy[CONTRACT_B];
    int64_t count = w->points * w->u_point;
    if (nest->packing) {
        w->u = k_output(w->b, copy->ahead);
    } else if (nest->request->prepared[CONTRACT_B]) {
        copy->ahead = ARENA_NEW(nest->values, Node);
        *copy->ahead = (Node){.op = OP_input, .name = "transformed"};
        copy->ahead->type = type_make(DT_F32, 1, &count);
        w->u = k_input(w->b, copy->ahead);
    } else {
        w->u = k_common(w->b, DT_F32, count, "transformed weights");
    }
}

/* Those of `count` output channels from `first` on, one block. */
static void transform_block(Winograd *w, KVal *first, int64_t count) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    const WinogradShape *shape = &w->shape;
    KBuf *weights = k_input(b, c->operand[CONTRACT_B].node);
    int64_t step = operand_stride(c, CONTRACT_B, shape->out);
    int group = winograd_group(w->wide);
    KVal *in = k_for(b, 0, shape->ins, 1, K_PARALLEL), *i = k_for(b, 0, count, group, 0);
    KVal *from = k_index(b, c->operand[CONTRACT_B].map.offset);
    from = k_add(b, from, k_muli(b, k_add(b, first, i), step));
    from = k_add(b, from, k_muli(b, in, operand_stride(c, CONTRACT_B, shape->in)));
    KVal *value[WINOGRAD_WINDOW * WINOGRAD_WINDOW], *result[WINOGRAD_MAX * WINOGRAD_MAX];
    for (int tap = 0; tap < WINOGRAD_WINDOW * WINOGRAD_WINDOW; tap++) {
        int64_t kh = tap / WINOGRAD_WINDOW, kw = tap % WINOGRAD_WINDOW;
        if (shape->flipped) kh = WINOGRAD_WINDOW - 1 - kh, kw = WINOGRAD_WINDOW - 1 - kw;
        int64_t at = kh * operand_stride(c, CONTRACT_B, shape->kh) +
                     kw * operand_stride(c, CONTRACT_B, shape->kw);
        value[tap] = k_load_strided(b, weights, k_addi(b, from, at), step, group, group);
    }
    winograd_apply_both(b, w->matrices.g, w->n, WINOGRAD_WINDOW, value, result);
    KVal *to = k_add(b, k_muli(b, first, shape->ins), k_muli(b, in, w->block));
    to = k_add(b, to, i);
    for (int point = 0; point < w->points; point++)
        k_store_at(b, w->u, to, point * w->u_point, result[point]);
    k_end(b);
    k_end(b);
}

static void transform_weights(Winograd *w) {
    int64_t outs = w->shape.outs, whole = outs / w->block * w->block;
    if (whole > 0) {
        transform_block(w, k_for(w->b, 0, whole, w->block, 0), w->block);
        k_end(w->b);
    }
    if (whole < outs) transform_block(w, k_index(w->b, whole), outs - whole);
}

void winograd_prepare(Nest *nest) {
    Winograd w = winograd_begin(nest);
    bind_weights(&w);
    transform_weights(&w);
}

/* ---- the whole ---- */

static void emit_block(Winograd *w, KVal *first_row, int64_t rows) {
    KBuilder *b = w->b;
    each_vector(w, first_row, rows, in_parts(w, w->shape.ins), transform_tiles);
    k_end(b);
    if (!w->image) k_meet(b);
    multiply(w, rows);
    if (!w->image) k_meet(b);
    each_vector(w, first_row, rows, in_parts(w, w->shape.outs), transform_results);
    k_end(b);
}

static KBuf *block_memory(Winograd *w, int64_t count, const char *comment) {
    if (!shares_images(w)) return k_common(w->b, DT_F32, count, comment);
    KBuf *buf = k_scratch(w->b, DT_F32, count, comment);
    buf->fresh = true;
    return buf;
}

static void bind_buffers(Winograd *w) {
    KBuilder *b = w->b;
    Nest *nest = w->nest;
    w->x = k_input(b, nest->c->operand[CONTRACT_A].node);
    w->v = block_memory(w, w->points * w->v_point, "transformed tiles");
    w->sums = block_memory(w, w->points * w->sums_point, "their products, summed");
    w->square =
        k_local(b, DT_F32, (int64_t)w->points * w->lanes * w->stack, "tiles between two passes");
    nest->totals = k_local(b, DT_F32, w->m * w->width * w->stack, "results of a vector of tiles");
    w->square->fresh = nest->totals->fresh = true;
    nest->total_stride[w->shape.w] = 1;
    nest->total_stride[w->shape.h] = w->width * w->stack;
    nest->phase = NEST_FINISH;
}

static void emit_blocks(Winograd *w, int64_t all) {
    int64_t whole = all / w->rows * w->rows;
    emit_block(w, k_for(w->b, 0, whole, w->rows, 0), w->rows);
    k_end(w->b);
    if (whole < all) emit_block(w, k_index(w->b, whole), all - whole);
}

void winograd_emit(Nest *nest) {
    Winograd w = winograd_begin(nest);
    KBuilder *b = w.b;
    bind_buffers(&w);
    bind_weights(&w);
    epilogue_begin(nest);
    if (!nest->copy[CONTRACT_B].ahead) {
        transform_weights(&w);
        k_meet(b);
    }
    bool by_images = shares_images(&w);
    if (by_images) w.image = k_for(b, 0, w.shape.images, 1, K_PARALLEL);
    clear_tail(&w);
    emit_blocks(&w, by_images ? w.tile_rows : w.shape.images * w.tile_rows);
    if (by_images) k_end(b);
    epilogue_end(nest);
}
