/* Sums of products of tiles, and what has to hold for them (matrix.h). */
#include "codegen/matrix.h"

#include "support/checked.h"

/* Pieces that are multiplied: of the rows, and of the lanes. From one to the next mostly one side
 * changes, so that the tiles of the other stay. */
typedef struct Product {
    int rows, lanes;
} Product;

static const Product six[] = {{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}};
static const Product three[] = {{1, 0}, {0, 1}};
static const Product one[] = {{0, 0}};

int64_t matrix_steps(const Nest *nest) {
    int64_t steps = 1;
    for (int d = nest->c->out_count; d < nest->c->out_count + nest->c->sum_count; d++)
        steps *= nest->size[d];
    return steps;
}

/* The tiles of a nest's tile. */
typedef struct Shape {
    int rows, vectors;
} Shape;

static KVal *operand_at(const Nest *nest, int operand) {
    const NestOperand *o = &nest->operand[operand];
    KBuilder *b = nest->b;
    KVal *address = k_index(b, o->start);
    for (int d = 0; d < nest->c->out_count + nest->c->sum_count; d++)
        if (nest->at[d]) address = k_add(b, address, k_muli(b, nest->at[d], o->stride[d]));
    return address;
}

static void load_rows(const Nest *nest, Shape shape, KVal *at, int piece) {
    int operand = 1 - nest->s->vector_operand;
    int64_t stride = nest->operand[operand].inner[nest->s->row];
    const NestCopy *copy = &nest->copy[operand];
    for (int r = 0; r < shape.rows; r++) {
        KVal *from = k_addi(nest->b, at, piece * copy->plane + r * MATRIX_SIDE * stride);
        k_tile_load(nest->b, MATRIX_TILES + r, copy->packed, from, stride);
    }
}

/* Lanes that stay in tiles of their own, or take turns. */
static int lane_tile(Shape shape, int vector) {
    int first = MATRIX_TILES + shape.rows;
    return first + vector % (K_TILES - first);
}

static void load_lanes(const Nest *nest, Shape shape, KVal *at, int piece, int vector) {
    const NestCopy *copy = &nest->copy[nest->s->vector_operand];
    KVal *from = k_addi(nest->b, at, piece * copy->plane + vector * MATRIX_SIDE);
    k_tile_load(nest->b, lane_tile(shape, vector), copy->packed, from,
                (int64_t)nest->s->vectors * MATRIX_SIDE);
}

/* Those products, step by step. */
static void add_products(const Nest *nest, Shape shape, const Product *products, int count) {
    KBuilder *b = nest->b;
    int lanes = nest->s->vector_operand;
    bool stay = shape.vectors <= K_TILES - MATRIX_TILES - shape.rows;
    KVal *rows_at = operand_at(nest, 1 - lanes), *lanes_at = operand_at(nest, lanes);
    KVal *step = k_for(b, 0, round_up_i64(matrix_steps(nest), MATRIX_SIDE), MATRIX_SIDE, 0);
    rows_at = k_add(b, rows_at, step);
    lanes_at = k_add(b, lanes_at, k_muli(b, step, (int64_t)nest->s->vectors * MATRIX_SIDE));
    for (int i = 0; i < count; i++) {
        const Product *p = &products[i];
        if (i == 0 || p->rows != p[-1].rows) load_rows(nest, shape, rows_at, p->rows);
        bool loads = i == 0 || p->lanes != p[-1].lanes || !stay;
        for (int v = 0; v < shape.vectors; v++) {
            if (loads) load_lanes(nest, shape, lanes_at, p->lanes, v);
            for (int r = 0; r < shape.rows; r++)
                k_tile_dot(b, r * shape.vectors + v, MATRIX_TILES + r, lane_tile(shape, v));
        }
    }
    k_end(b);
}

/* Accumulators lie by result dims; a tile of which only some rows exist spills over what comes
 * behind, which is stored later. */
static void store_sums(Nest *nest, const Tile *tile, Shape shape) {
    const Schedule *s = nest->s;
    KBuilder *b = nest->b;
    bool lanes_last = s->lane > s->row;
    int64_t row = MATRIX_SIDE * (lanes_last ? tile->count[s->lane] : 1);
    int64_t vector = MATRIX_SIDE * (lanes_last ? 1 : tile->count[s->row]);
    if (!nest->finished)
        nest->finished = k_local(b, DT_F32, MATRIX_TILES * MATRIX_SIDE * MATRIX_SIDE, "sums");
    nest->finished->fresh = true;
    for (int v = 0; v < shape.vectors; v++)
        for (int r = 0; r < shape.rows; r++)
            k_tile_store(b, r * shape.vectors + v, nest->finished,
                         k_index(b, r * MATRIX_SIDE * row + v * vector), row);
}

void matrix_sums(Nest *nest, const Tile *tile) {
    const Schedule *s = nest->s;
    Shape shape = {(int)((tile->count[s->row] + MATRIX_SIDE - 1) / MATRIX_SIDE),
                   (int)tile->count[s->lane]};
    for (int t = 0; t < shape.rows * shape.vectors; t++)
        k_tile_zero(nest->b, t);
    if (s->pieces == 3) add_products(nest, shape, six, sizeof six / sizeof *six);
    if (s->pieces == 2) add_products(nest, shape, three, sizeof three / sizeof *three);
    add_products(nest, shape, one, 1);
    store_sums(nest, tile, shape);
}

/* ---- values ---- */

/* Magnitudes as bits, which are ordered like them; those of NaN come behind infinity's. The lowest
 * piece of a number from LEAST on is none that the unit takes for zero. An operand that has one
 * from LARGE on, and none above MOST, has products of which those that vanish are no more than
 * 2^-46 of the largest, and no sum of pieces' products becomes infinite. */
enum { LEAST = (127 - 100) << 23, LARGE = (127 - 40) << 23, MOST = (127 + 50) << 23 };

static KVal *lanes_of(KBuilder *b, int64_t value) {
    return k_integer(b, K_I32, MATRIX_SIDE, value);
}

/* A vector of magnitudes: of no lane the least, nor the most, without it. */
static void note_magnitudes(KBuilder *b, KVal *values, KVal *least, KVal *most) {
    KVal *bits = k_binary(b, KOP_AND, k_bitcast(b, values, K_I32), lanes_of(b, INT32_MAX));
    KVal *counted = k_select(b, k_eq(b, bits, lanes_of(b, 0)), lanes_of(b, INT32_MAX), bits);
    k_set(b, most, k_max(b, most, bits));
    k_set(b, least, k_min(b, least, counted));
}

static KVal *any_lane(KBuilder *b, KVal *mask) {
    KVal *count = k_sum_lanes(b, k_unary(b, KOP_MASK_INT, mask));
    return k_ne(b, count, k_integer(b, K_I32, 1, 0));
}

/* Of all that the operand's memory holds. */
static KVal *operand_exact(const Nest *nest, int operand) {
    KBuilder *b = nest->b;
    KBuf *buf = k_input(b, nest->c->operand[operand].node);
    KVal *least = k_var(b, lanes_of(b, INT32_MAX)), *most = k_var(b, lanes_of(b, 0));
    int64_t whole = buf->count / MATRIX_SIDE * MATRIX_SIDE;
    KVal *i = k_for(b, 0, whole, MATRIX_SIDE, 0);
    note_magnitudes(b, k_load(b, buf, i, MATRIX_SIDE), least, most);
    k_end(b);
    if (whole < buf->count) {
        KVal *tail = k_load_tail(b, buf, k_index(b, whole), MATRIX_SIDE, (int)(buf->count - whole));
        note_magnitudes(b, tail, least, most);
    }
    KVal *fine = k_unary(
        b, KOP_NOT,
        any_lane(b, k_or(b, k_lt(b, least, lanes_of(b, LEAST)), k_gt(b, most, lanes_of(b, MOST)))));
    return k_and(b, fine, any_lane(b, k_ge(b, most, lanes_of(b, LARGE))));
}

/* Behind the planes of all pieces. */
static KVal *note_index(const Nest *nest, int operand) {
    return k_index(nest->b, nest->copy[operand].plane * nest->s->pieces);
}

void matrix_note_exact(Nest *nest, int operand) {
    KVal *exact = k_unary(nest->b, KOP_MASK_INT, operand_exact(nest, operand));
    k_store(nest->b, nest->copy[operand].packed, note_index(nest, operand),
            k_splat(nest->b, exact, MATRIX_SIDE));
}

KVal *matrix_exact(Nest *nest) {
    KBuilder *b = nest->b;
    KVal *exact[2];
    for (int operand = 0; operand < 2; operand++) {
        const NestCopy *copy = &nest->copy[operand];
        if (copy->prepared) {
            KVal *note = k_load(b, copy->packed, note_index(nest, operand), 1);
            exact[operand] = k_ne(b, note, k_integer(b, K_I32, 1, 0));
        } else {
            exact[operand] = operand_exact(nest, operand);
        }
    }
    return k_and(b, exact[0], exact[1]);
}
