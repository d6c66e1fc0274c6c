/* Emits Winograd's convolution (winograd.h), block by block of tile rows of some pictures.
 *
 * Pictures lie plane by plane, but transforms and products want channels in lanes. So the rows of
 * a block are first turned to [row][column][channel] with zeros around; results are turned back on
 * their way to the totals, from where the epilogue goes on as after any contraction.
 *
 * Transforms mix the values of a tile: one infinity or NaN makes NaN of all its results. A block
 * with such results is computed again by plain sums. */
#include "codegen/winograd.h"
#include "support/checked.h"

typedef struct Winograd {
    Nest *nest;
    KBuilder *b;
    WinogradShape shape;
    WinogradMatrices matrices;
    int lanes, m, n, points;
    int64_t tile_columns;        /* tiles of a row */
    int64_t rows, images, tiles; /* of a block: tile rows, pictures, tiles */
    int64_t columns;             /* of the padded rows */
    KBuf *x, *padded, *u, *v, *products, *parts;
    int64_t v_tile, v_point; /* strides of [point][tile][channel] */
    int64_t products_tile, products_point;
    KVal *image, *row; /* the block's first picture and tile row */
    KVal *bad;         /* lanes are NaN where a result is not finite */
} Winograd;

/* An odd number of vectors: neighbours don't meet in one set of the cache. */
static int64_t odd_stride(int64_t elements, int lanes) {
    int64_t vectors = (elements + lanes - 1) / lanes;
    return (vectors | 1) * lanes;
}

static Winograd winograd_begin(Nest *nest) {
    const Schedule *s = nest->s;
    Winograd w = {.nest = nest, .b = nest->b, .lanes = s->lanes, .m = s->winograd};
    bool found = winograd_shape(nest->c, nest->request->target, &w.shape);
    NNC_CHECK(found, "no convolution for Winograd's way");
    w.matrices = winograd_matrices(w.m);
    w.n = w.matrices.n;
    w.points = w.n * w.n;
    w.tile_columns = (w.shape.width + w.m - 1) / w.m;
    w.rows = s->tile[w.shape.h];
    w.images = w.shape.n < 0 ? 1 : s->tile[w.shape.n];
    w.tiles = w.images * w.rows * w.tile_columns;
    w.columns = w.tile_columns * w.m + WINOGRAD_WINDOW - 1;
    w.v_tile = odd_stride(w.shape.ins, w.lanes);
    w.v_point = odd_stride(w.v_tile * w.tiles, w.lanes);
    w.products_tile = odd_stride(w.shape.outs, w.lanes);
    w.products_point = odd_stride(w.products_tile * w.tiles, w.lanes);
    return w;
}

static int64_t operand_stride(const Contraction *c, int operand, int dim) {
    if (dim < 0 || c->dims[dim].axis[operand] < 0) return 0;
    return c->operand[operand].map.stride[c->dims[dim].axis[operand]];
}

static void fill_zeros(KBuilder *b, KBuf *buf, KVal *from, int64_t count, int lanes) {
    KVal *i = k_for(b, 0, count, lanes, 0);
    k_store(b, buf, k_add(b, from, i), k_number(b, K_F32, lanes, 0));
    k_end(b);
}

/* The elements of one row of all channels, turned to channels of columns. */
static void copy_row(Winograd *w, KVal *from, KVal *to) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    int axis = c->dims[w->shape.w].axis[CONTRACT_A];
    int64_t first = w->shape.first_column, skip = first < 0 ? -first : 0;
    int64_t count = c->operand[CONTRACT_A].map.dim[axis] - (first + skip);
    if (count > w->columns - skip) count = w->columns - skip;
    int64_t step = operand_stride(c, CONTRACT_A, w->shape.w);
    int64_t plane = operand_stride(c, CONTRACT_A, w->shape.in);
    int lanes = w->lanes, active = count < lanes ? (int)count : lanes;
    KVal *channel = k_for(b, 0, w->shape.ins, lanes, 0);
    /* The last vector overlaps the one before rather than being shorter. */
    KVal *column = k_for(b, 0, (count + lanes - 1) / lanes * lanes, lanes, 0);
    if (count % lanes != 0) column = k_min(b, column, k_index(b, count - active));
    from = k_add(b, k_addi(b, from, (first + skip) * step), k_muli(b, column, step));
    from = k_add(b, from, k_muli(b, channel, plane));
    KVal *value[K_MAX_LANES];
    for (int l = 0; l < lanes; l++)
        value[l] = k_load_strided(b, w->x, k_addi(b, from, l * plane), step, lanes, active);
    lower_transpose(b, value, lanes);
    to = k_add(b, k_addi(b, to, skip * w->shape.ins), k_muli(b, column, w->shape.ins));
    to = k_add(b, to, channel);
    for (int l = 0; l < active; l++)
        k_store_at(b, w->padded, to, l * w->shape.ins, value[l]);
    k_end(b);
    k_end(b);
}

/* The block's rows of a picture; those outside of it are zeros. */
static void copy_picture(Winograd *w, KVal *image) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    int64_t height = c->operand[CONTRACT_A].map.dim[c->dims[w->shape.h].axis[CONTRACT_A]];
    int64_t row_size = w->columns * w->shape.ins;
    KVal *r = k_for(b, 0, w->rows * w->m + WINOGRAD_WINDOW - 1, 1, 0);
    KVal *y = k_add(b, k_addi(b, k_muli(b, w->row, w->m), w->shape.first_row), r);
    KVal *to = k_muli(b, r, row_size);
    bool guarded = y->lo < 0 || y->hi >= height;
    if (guarded) {
        k_if(b, k_and(b, k_ge(b, y, k_index(b, 0)), k_lt(b, y, k_index(b, height))));
        y = k_assume(b, y, 0, height - 1);
    }
    KVal *from = k_index(b, c->operand[CONTRACT_A].map.offset);
    from = k_add(b, from, k_muli(b, image, operand_stride(c, CONTRACT_A, w->shape.n)));
    from = k_add(b, from, k_muli(b, y, operand_stride(c, CONTRACT_A, w->shape.h)));
    copy_row(w, from, to);
    if (guarded) {
        k_else(b);
        fill_zeros(b, w->padded, to, row_size, w->lanes);
        k_end(b);
    }
    k_end(b);
}

static void transform_tiles(Winograd *w, KVal *image_in_block) {
    KBuilder *b = w->b;
    int64_t ins = w->shape.ins, row_size = w->columns * ins;
    KVal *ty = k_for(b, 0, w->rows, 1, 0);
    KVal *tx = k_for(b, 0, w->tile_columns, 1, 0);
    KVal *channel = k_for(b, 0, ins, w->lanes, 0);
    KVal *from = k_add(b, k_muli(b, ty, w->m * row_size), k_muli(b, tx, w->m * ins));
    from = k_add(b, from, channel);
    KVal *in[WINOGRAD_MAX * WINOGRAD_MAX], *out[WINOGRAD_MAX * WINOGRAD_MAX];
    for (int i = 0; i < w->points; i++)
        in[i] = k_load_at(b, w->padded, from, i / w->n * row_size + i % w->n * ins, w->lanes);
    winograd_apply_both(b, w->matrices.b, w->n, w->n, in, out);
    KVal *tile = k_add(b, k_muli(b, ty, w->tile_columns), tx);
    tile = k_add(b, tile, k_muli(b, image_in_block, w->rows * w->tile_columns));
    KVal *to = k_add(b, k_muli(b, tile, w->v_tile), channel);
    for (int i = 0; i < w->points; i++)
        k_store_at(b, w->v, to, i * w->v_point, out[i]);
    k_end(b);
    k_end(b);
    k_end(b);
}

/* Products of `tiles` tiles from `tile` on and `vectors` vectors of channels from `channel` on. */
static void multiply_tile(Winograd *w, KVal *point, KVal *tile, int tiles, KVal *channel,
                          int vectors) {
    KBuilder *b = w->b;
    int lanes = w->lanes;
    int64_t ins = w->shape.ins;
    KVal *sum[SCHEDULE_MAX_ACCUMULATORS];
    for (int i = 0; i < tiles * vectors; i++)
        sum[i] = k_var(b, k_number(b, K_F32, lanes, 0));
    KVal *v = k_add(b, k_muli(b, point, w->v_point), k_muli(b, tile, w->v_tile));
    KVal *u = k_add(b, k_muli(b, point, w->shape.outs * ins), k_muli(b, channel, ins));
    KVal *in = k_for(b, 0, ins, 1, 0);
    u = k_add(b, u, k_muli(b, in, lanes));
    v = k_add(b, v, in);
    KVal *weight[SCHEDULE_MAX_ACCUMULATORS];
    for (int i = 0; i < vectors; i++)
        weight[i] = k_load_at(b, w->u, u, i * ins * lanes, lanes);
    for (int t = 0; t < tiles; t++) {
        KVal *x = k_splat(b, k_load_at(b, w->v, v, t * w->v_tile, 1), lanes);
        for (int i = 0; i < vectors; i++)
            k_set(b, sum[t * vectors + i], k_fma(b, weight[i], x, sum[t * vectors + i]));
    }
    k_end(b);
    KVal *to = k_add(b, k_muli(b, point, w->products_point), k_muli(b, tile, w->products_tile));
    to = k_add(b, to, channel);
    for (int i = 0; i < tiles * vectors; i++)
        k_store_at(b, w->products, to, i / vectors * w->products_tile + i % vectors * lanes,
                   sum[i]);
}

/* All points' products, by register tiles. */
static void multiply(Winograd *w) {
    KBuilder *b = w->b;
    const Schedule *s = w->nest->s;
    int64_t vectors = w->shape.outs / w->lanes, tile = s->tile[w->shape.w];
    KVal *point = k_for(b, 0, w->points, 1, 0);
    for (int64_t at = 0, size; at < vectors; at += size) {
        size = vectors - at < s->vectors ? vectors - at : s->vectors;
        int64_t whole = (vectors - at) / size * size;
        KVal *channel = k_for(b, at * w->lanes, (at + whole) * w->lanes, size * w->lanes, 0);
        for (int64_t first = 0, tiles; first < w->tiles; first += tiles) {
            tiles = w->tiles - first < tile ? w->tiles - first : tile;
            int64_t all = (w->tiles - first) / tiles * tiles;
            KVal *t = k_for(b, first, first + all, tiles, 0);
            multiply_tile(w, point, t, (int)tiles, channel, (int)size);
            k_end(b);
            first += all - tiles;
        }
        k_end(b);
        at += whole - size;
    }
    k_end(b);
}

/* The results of one tile and vector of channels, to the parts: [row][column][lane]. */
static void transform_products(Winograd *w, KVal *tile, KVal *channel, KVal *column) {
    KBuilder *b = w->b;
    KVal *in[WINOGRAD_MAX * WINOGRAD_MAX], *out[WINOGRAD_MAX * WINOGRAD_MAX];
    KVal *from = k_add(b, k_muli(b, tile, w->products_tile), channel);
    for (int i = 0; i < w->points; i++)
        in[i] = k_load_at(b, w->products, from, i * w->products_point, w->lanes);
    winograd_apply_both(b, w->matrices.a, w->m, w->n, in, out);
    KVal *zero = k_number(b, K_F32, w->lanes, 0);
    KVal *bad = k_copy(b, w->bad);
    for (int i = 0; i < w->m * w->m; i++) {
        bad = k_fma(b, out[i], zero, bad);
        int64_t at = (int64_t)(i / w->m * w->lanes + i % w->m) * w->lanes;
        k_store_at(b, w->parts, k_muli(b, column, w->lanes), at, out[i]);
    }
    k_set(b, w->bad, bad);
}

/* As many tiles side by side as fill a vector, turned back to planes. */
static void transform_results(Winograd *w, KVal *image_in_block) {
    KBuilder *b = w->b;
    Nest *nest = w->nest;
    int lanes = w->lanes;
    int64_t group = lanes / w->m, last = (w->tile_columns + group - 1) / group * group;
    KVal *ty = k_for(b, 0, w->rows, 1, 0);
    KVal *tx = k_for(b, 0, last, group, 0);
    KVal *channel = k_for(b, 0, w->shape.outs, lanes, 0);
    KVal *row = k_add(b, k_muli(b, image_in_block, w->rows), ty);
    KVal *left = k_min(b, k_sub(b, k_index(b, w->tile_columns), tx), k_index(b, group));
    left = k_assume(b, left, 1, group);
    KVal *i = k_for_values(b, k_index(b, 0), left, 1, 0);
    KVal *tile = k_add(b, k_muli(b, row, w->tile_columns), k_add(b, tx, i));
    tile = k_assume(b, tile, 0, w->tiles - 1);
    transform_products(w, tile, channel, k_muli(b, i, w->m));
    k_end(b);
    KVal *r = k_for(b, 0, w->m, 1, 0);
    KVal *value[K_MAX_LANES];
    for (int l = 0; l < lanes; l++)
        value[l] =
            k_load_at(b, w->parts, k_muli(b, r, (int64_t)lanes * lanes), (int64_t)l * lanes, lanes);
    lower_transpose(b, value, lanes);
    KVal *to = k_muli(b, k_add(b, k_muli(b, ty, w->m), r), nest->total_stride[w->shape.h]);
    to = k_add(b, to, k_muli(b, tx, w->m));
    to = k_add(b, to, k_muli(b, channel, nest->total_stride[w->shape.out]));
    if (w->shape.n >= 0)
        to = k_add(b, to, k_muli(b, image_in_block, nest->total_stride[w->shape.n]));
    for (int l = 0; l < lanes; l++)
        k_store_at(b, nest->totals, to, l * nest->total_stride[w->shape.out], value[l]);
    k_end(b);
    k_end(b);
    k_end(b);
    k_end(b);
}

/* The element of the operand at the row or column, or 0 outside. */
static void add_tap(Winograd *w, KVal *sum, KVal *from, KVal *weight, KVal *y, KVal *x) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    const ContractOperand *a = &c->operand[CONTRACT_A];
    int64_t height = a->map.dim[c->dims[w->shape.h].axis[CONTRACT_A]];
    int64_t width = a->map.dim[c->dims[w->shape.w].axis[CONTRACT_A]];
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

/* One picture of the block by plain sums, to the totals. */
static void sum_plainly(Winograd *w, KVal *image, KVal *image_in_block) {
    KBuilder *b = w->b;
    Nest *nest = w->nest;
    const Contraction *c = nest->c;
    const WinogradShape *shape = &w->shape;
    KVal *out = k_for(b, 0, shape->outs, 1, 0);
    KVal *row = k_for(b, 0, w->rows * w->m, 1, 0);
    KVal *column = k_for(b, 0, shape->width, 1, 0);
    KVal *sum = k_var(b, k_number(b, K_F32, 1, 0));
    KVal *in = k_for(b, 0, shape->ins, 1, 0);
    KVal *kh = k_for(b, 0, WINOGRAD_WINDOW, 1, 0);
    KVal *kw = k_for(b, 0, WINOGRAD_WINDOW, 1, 0);
    KVal *y = k_add(b, k_muli(b, w->row, w->m), k_addi(b, row, shape->first_row));
    KVal *x = k_addi(b, column, shape->first_column);
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
    KVal *to = k_add(b, k_muli(b, out, nest->total_stride[shape->out]), column);
    to = k_add(b, to, k_muli(b, row, nest->total_stride[shape->h]));
    if (shape->n >= 0) to = k_add(b, to, k_muli(b, image_in_block, nest->total_stride[shape->n]));
    k_store(b, nest->totals, to, k_copy(b, sum));
    for (int i = 0; i < 3; i++)
        k_end(b);
}

/* The block's totals, by [picture][channel][row][column], through the epilogue. */
static void finish_block(Winograd *w) {
    KBuilder *b = w->b;
    Nest *nest = w->nest;
    const WinogradShape *shape = &w->shape;
    const int64_t *window = nest->request->window;
    const Schedule *whole = nest->s;
    Schedule finish = {.lane = shape->w, .lanes = w->lanes, .vectors = (int)window[shape->w]};
    nest->s = &finish;
    nest->phase = NEST_FINISH;
    if (shape->n >= 0) {
        nest->within[shape->n] = k_for(b, 0, w->images, 1, 0);
        nest->at[shape->n] = k_add(b, w->image, nest->within[shape->n]);
        nest->size[shape->n] = 1;
    }
    nest->at[shape->out] = k_for(b, 0, shape->outs, 1, 0);
    nest->size[shape->out] = 1;
    int64_t rows = w->rows * w->m;
    KVal *first = k_muli(b, w->row, w->m);
    KVal *end = k_min(b, k_addi(b, first, rows), k_index(b, shape->height));
    KVal *row = k_for_values(b, first, end, window[shape->h], 0);
    nest->at[shape->h] = k_assume(b, row, 0, shape->height - window[shape->h]);
    nest->within[shape->h] = k_assume(b, k_sub(b, row, first), 0, rows - window[shape->h]);
    nest->size[shape->h] = window[shape->h];
    int64_t tile = window[shape->w] * w->lanes, all = shape->width / tile * tile;
    for (int64_t at = 0; at < shape->width; at = all) {
        nest->size[shape->w] = at < all ? tile : shape->width - all;
        nest->at[shape->w] = k_for(b, at, at < all ? all : shape->width, nest->size[shape->w], 0);
        contract_tile(nest);
        k_end(b);
        if (at == all) break;
    }
    k_end(b);
    k_end(b);
    if (shape->n >= 0) k_end(b);
    nest->s = whole;
}

/* For each picture of the block. */
static void each_image(Winograd *w, void (*body)(Winograd *, KVal *image, KVal *image_in_block)) {
    KVal *i = k_for(w->b, 0, w->images, 1, 0);
    body(w, k_add(w->b, w->image, i), i);
    k_end(w->b);
}

static void take_picture(Winograd *w, KVal *image, KVal *image_in_block) {
    copy_picture(w, image);
    transform_tiles(w, image_in_block);
}

static void give_results(Winograd *w, KVal *image, KVal *image_in_block) {
    (void)image;
    transform_results(w, image_in_block);
}

static void bind_buffers(Winograd *w) {
    KBuilder *b = w->b;
    Nest *nest = w->nest;
    const WinogradShape *shape = &w->shape;
    int64_t ins = shape->ins, rows = w->rows * w->m;
    w->x = k_input(b, nest->c->operand[CONTRACT_A].node);
    int64_t padded = (rows + WINOGRAD_WINDOW - 1) * w->columns * ins;
    w->padded = k_scratch(b, DT_F32, padded, "rows with zeros around, channels innermost");
    w->v = k_scratch(b, DT_F32, w->points * w->v_point, "transformed tiles");
    w->products = k_scratch(b, DT_F32, w->points * w->products_point, "their products");
    w->parts = k_local(b, DT_F32, (int64_t)w->m * w->lanes * w->lanes, "results of a row of tiles");
    int64_t width = (w->tile_columns * w->m + w->lanes - 1) / w->lanes * w->lanes;
    nest->total_stride[shape->w] = 1;
    nest->total_stride[shape->h] = width;
    nest->total_stride[shape->out] = width * rows;
    int64_t all = width * rows * shape->outs;
    if (shape->n >= 0) nest->total_stride[shape->n] = all;
    nest->totals = k_scratch(b, DT_F32, all * w->images, "sums of a block");
}

/* The transformed weights: [point][vector of results][channel][lane]. */
static void bind_weights(Winograd *w) {
    Nest *nest = w->nest;
    NestCopy *copy = &nest->copy[CONTRACT_B];
    int64_t count = w->points * w->shape.outs * w->shape.ins;
    if (nest->packing) {
        w->u = k_output(w->b, copy->ahead);
    } else if (nest->request->prepared[CONTRACT_B]) {
        copy->ahead = ARENA_NEW(nest->values, Node);
        *copy->ahead = (Node){.op = OP_input, .name = "transformed"};
        copy->ahead->type = type_make(DT_F32, 1, &count);
        w->u = k_input(w->b, copy->ahead);
    } else {
        w->u = k_scratch(w->b, DT_F32, count, "transformed weights");
    }
}

static void transform_weights(Winograd *w) {
    KBuilder *b = w->b;
    const Contraction *c = w->nest->c;
    const WinogradShape *shape = &w->shape;
    KBuf *weights = k_input(b, c->operand[CONTRACT_B].node);
    int64_t step = operand_stride(c, CONTRACT_B, shape->out);
    KVal *out = k_for(b, 0, shape->outs, w->lanes, 0);
    KVal *in = k_for(b, 0, shape->ins, 1, 0);
    KVal *from = k_index(b, c->operand[CONTRACT_B].map.offset);
    from = k_add(b, from, k_muli(b, out, step));
    from = k_add(b, from, k_muli(b, in, operand_stride(c, CONTRACT_B, shape->in)));
    KVal *value[WINOGRAD_WINDOW * WINOGRAD_WINDOW], *result[WINOGRAD_MAX * WINOGRAD_MAX];
    for (int i = 0; i < WINOGRAD_WINDOW * WINOGRAD_WINDOW; i++) {
        int64_t kh = i / WINOGRAD_WINDOW, kw = i % WINOGRAD_WINDOW;
        if (shape->flipped) kh = WINOGRAD_WINDOW - 1 - kh, kw = WINOGRAD_WINDOW - 1 - kw;
        int64_t at = kh * operand_stride(c, CONTRACT_B, shape->kh) +
                     kw * operand_stride(c, CONTRACT_B, shape->kw);
        value[i] = k_load_strided(b, weights, k_addi(b, from, at), step, w->lanes, w->lanes);
    }
    winograd_apply_both(b, w->matrices.g, w->n, WINOGRAD_WINDOW, value, result);
    KVal *to = k_add(b, k_muli(b, out, shape->ins), k_muli(b, in, w->lanes));
    for (int i = 0; i < w->points; i++)
        k_store_at(b, w->u, to, i * shape->outs * shape->ins, result[i]);
    k_end(b);
    k_end(b);
}

void winograd_prepare(Nest *nest) {
    Winograd w = winograd_begin(nest);
    bind_weights(&w);
    transform_weights(&w);
}

void winograd_emit(Nest *nest) {
    Winograd w = winograd_begin(nest);
    KBuilder *b = w.b;
    bind_buffers(&w);
    bind_weights(&w);
    epilogue_begin(nest);
    if (!nest->copy[CONTRACT_B].ahead) transform_weights(&w);
    fill_zeros(b, w.padded, k_index(b, 0), w.padded->count, w.lanes);
    int64_t tile_rows = (w.shape.height + w.m - 1) / w.m;
    w.image = k_for(b, 0, w.shape.images, w.images, 0);
    w.row = k_for(b, 0, tile_rows, w.rows, 0);
    KVal *zero = k_number(b, K_F32, w.lanes, 0);
    w.bad = k_var(b, zero);
    each_image(&w, take_picture);
    multiply(&w);
    each_image(&w, give_results);
    k_if(b, k_ne(b, k_sum_lanes(b, k_copy(b, w.bad)), k_number(b, K_F32, 1, 0)));
    each_image(&w, sum_plainly);
    k_end(b);
    finish_block(&w);
    k_end(b);
    k_end(b);
    epilogue_end(nest);
}
