#include "codegen/schedule_text.h"

#include <cjson/cJSON.h>
#include <string.h>

/* ---- keys ---- */

/* Dims of one name are told apart by numbers: k, k_2. */
static void put_name(Buf *out, const Contraction *c, int dim) {
    int before = 0;
    for (int d = 0; d < dim; d++)
        before += strcmp(c->dims[d].name, c->dims[dim].name) == 0;
    buf_puts(out, c->dims[dim].name);
    if (before > 0) buf_printf(out, "_%d", before + 1);
}

/* Elements from neighbour to neighbour of each dim, where the value lies; and where what is read
 * isn't what lies there, the coordinates of both, axis by axis. */
static void put_operand(Buf *out, const Contraction *c, int operand) {
    const ContractOperand *o = &c->operand[operand];
    int64_t lo[MAX_RANK], hi[MAX_RANK];
    bool inside = true;
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        int axis = c->dims[d].axis[operand];
        int64_t stride = axis < 0 ? 0 : o->map.stride[axis] * c->dims[d].coef[operand];
        buf_printf(out, " %lld", (long long)stride);
    }
    for (int axis = 0; axis < o->map.rank; axis++) {
        contract_range(c, operand, axis, &lo[axis], &hi[axis]);
        inside &= lo[axis] == 0 && hi[axis] < o->map.dim[axis] && o->spread[axis] == 1;
    }
    for (int axis = 0; axis < o->map.rank && !inside; axis++) {
        buf_printf(out, "%s%lld..%lld/%lld", axis ? " " : " at ", (long long)lo[axis],
                   (long long)hi[axis], (long long)o->map.dim[axis]);
        if (o->spread[axis] != 1) buf_printf(out, "*%lld", (long long)o->spread[axis]);
    }
}

void schedule_key(Buf *out, const Contraction *c, const ScheduleRequest *request) {
    const Node *anchor = c->anchor;
    buf_printf(out, "%s %s", op_info(anchor->op)->name, dtype_name(anchor->type.dtype));
    for (int d = 0; d < c->out_count + c->sum_count; d++) {
        buf_puts(out, d == c->out_count ? " sum " : " ");
        put_name(out, c, d);
        buf_printf(out, " %lld", (long long)c->dims[d].extent);
    }
    for (int operand = 0; operand < 2; operand++) {
        buf_printf(out, ", %c", 'a' + operand);
        put_operand(out, c, operand);
        if (request->prepared[operand]) buf_puts(out, " ahead");
    }
    buf_puts(out, ", y");
    for (int d = 0; d < c->out_count; d++) {
        const ContractDim *dim = &c->dims[d];
        int64_t stride = dim->coef[CONTRACT_OUT];
        for (int axis = dim->axis[CONTRACT_OUT] + 1; axis < anchor->type.rank; axis++)
            stride *= anchor->type.dim[axis];
        buf_printf(out, " %lld", (long long)stride);
    }
    for (int d = 0; d < c->out_count; d++) {
        if (request->window[d] == 1) continue;
        buf_puts(out, ", pool ");
        put_name(out, c, d);
        buf_printf(out, " %lld", (long long)request->window[d]);
    }
    buf_printf(out, ", %s, %s", request->target->name, precision_name(request->precision));
}

/* ---- schedules ---- */

static void put_quoted(Buf *out, const Contraction *c, int dim) {
    buf_putc(out, '"');
    put_name(out, c, dim);
    buf_putc(out, '"');
}

void schedule_json(Buf *out, const Contraction *c, const Schedule *s) {
    buf_putc(out, '{');
    if (s->winograd) buf_printf(out, "\"winograd\": %d, ", s->winograd);
    if (s->slide) buf_puts(out, "\"slide\": true, ");
    if (s->pairs) buf_puts(out, "\"pairs\": true, ");
    if (s->pieces) {
        buf_printf(out, "\"pieces\": %d, \"row\": ", s->pieces);
        put_quoted(out, c, s->row);
        buf_puts(out, ", ");
    }
    buf_puts(out, "\"lane\": ");
    if (s->lane < 0)
        buf_puts(out, "null");
    else
        put_quoted(out, c, s->lane);
    buf_printf(out, ", \"lanes\": %d, \"vectors\": %d, \"of\": \"%c\"", s->lanes, s->vectors,
               'a' + s->vector_operand);
    if (s->pack) buf_puts(out, ", \"pack\": true");
    const char *before = ", \"tile\": {";
    for (int d = 0; d < c->out_count; d++) {
        if (d == s->lane || s->tile[d] == 1) continue;
        buf_puts(out, before);
        put_quoted(out, c, d);
        buf_printf(out, ": %lld", (long long)s->tile[d]);
        before = ", ";
    }
    if (before[2] == 0) buf_putc(out, '}');
    if (s->unroll != 1) buf_printf(out, ", \"unroll\": %d", s->unroll);
    buf_puts(out, ", \"order\": [");
    for (int i = 0; i < c->out_count; i++) {
        if (i) buf_puts(out, ", ");
        put_quoted(out, c, s->order[i]);
    }
    buf_putc(out, ']');
    if (s->chunk_dims)
        buf_printf(out, ", \"chunk_dims\": %d, \"chunk\": %lld", s->chunk_dims,
                   (long long)s->chunk);
    if (s->chunk_level) buf_printf(out, ", \"chunk_level\": %d", s->chunk_level);
    if (s->block) buf_printf(out, ", \"block\": %lld", (long long)s->block);
    buf_putc(out, '}');
}

/* ---- reading ---- */

typedef struct Reader {
    const cJSON *json;
    const Contraction *c;
    Buf *error;
} Reader;

__attribute__((format(printf, 2, 3))) static bool fail(const Reader *r, const char *format, ...) {
    if (r->error->size) return false;
    va_list args;
    va_start(args, format);
    buf_vprintf(r->error, format, args);
    va_end(args);
    return false;
}

static const cJSON *member(const Reader *r, const char *key) {
    return cJSON_GetObjectItemCaseSensitive(r->json, key);
}

/* A whole number that is not negative. */
static bool read_number(const Reader *r, const char *what, const cJSON *item, int64_t *value) {
    enum { MOST = INT32_MAX };
    double number = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(number >= 0 && number <= MOST) || number != (double)(int64_t)number)
        return fail(r, "\"%s\" should be a whole number from 0 to %d", what, MOST);
    *value = (int64_t)number;
    return true;
}

static bool get_number(const Reader *r, const char *key, int64_t otherwise, int64_t *value) {
    const cJSON *item = member(r, key);
    *value = otherwise;
    return !item || read_number(r, key, item, value);
}

static bool get_int(const Reader *r, const char *key, int otherwise, int *value) {
    int64_t number;
    if (!get_number(r, key, otherwise, &number)) return false;
    *value = (int)number;
    return true;
}

static bool get_flag(const Reader *r, const char *key, bool *value) {
    const cJSON *item = member(r, key);
    *value = cJSON_IsTrue(item);
    return !item || cJSON_IsBool(item) || fail(r, "\"%s\" should be true or false", key);
}

/* The dim of that name among the first `count`. */
static bool find_dim(const Reader *r, const char *key, const char *name, int count, int *dim) {
    Buf text = {0};
    bool found = false;
    for (int d = 0; d < count && name && !found; d++) {
        buf_clear(&text);
        put_name(&text, r->c, d);
        found = strcmp(buf_text(&text), name) == 0;
        if (found) *dim = d;
    }
    buf_free(&text);
    return found ||
           fail(r, "\"%s\" names no dim of the contraction: \"%s\"", key, name ? name : "");
}

static bool get_lane(const Reader *r, Schedule *s) {
    const cJSON *item = member(r, "lane");
    s->lane = -1;
    if (cJSON_IsNull(item)) return true;
    return find_dim(r, "lane", cJSON_GetStringValue(item), r->c->out_count + r->c->sum_count,
                    &s->lane);
}

static bool get_row(const Reader *r, Schedule *s) {
    if (!get_int(r, "pieces", 0, &s->pieces)) return false;
    const char *name = cJSON_GetStringValue(member(r, "row"));
    return !s->pieces || find_dim(r, "row", name, r->c->out_count, &s->row);
}

static bool get_operand(const Reader *r, Schedule *s) {
    const char *name = cJSON_GetStringValue(member(r, "of"));
    s->vector_operand = name && strcmp(name, "b") == 0 ? CONTRACT_B : CONTRACT_A;
    return (name && (strcmp(name, "a") == 0 || s->vector_operand == CONTRACT_B)) ||
           fail(r, "\"of\" should be \"a\" or \"b\"");
}

static bool get_tile(const Reader *r, Schedule *s) {
    const cJSON *tile = member(r, "tile"), *item;
    for (int d = 0; d < r->c->out_count; d++)
        s->tile[d] = 1;
    if (tile && !cJSON_IsObject(tile)) return fail(r, "\"tile\" should be an object");
    cJSON_ArrayForEach(item, tile) {
        int dim;
        if (!find_dim(r, "tile", item->string, r->c->out_count, &dim) ||
            !read_number(r, item->string, item, &s->tile[dim]))
            return false;
        if (dim == s->lane) return fail(r, "the tile of the lane dim is said by \"vectors\"");
    }
    bool vectors = s->lane >= 0 && s->lane < r->c->out_count && !s->winograd;
    if (vectors) s->tile[s->lane] = (int64_t)s->vectors * s->lanes;
    return true;
}

static bool get_order(const Reader *r, Schedule *s) {
    const cJSON *order = member(r, "order"), *item;
    int count = 0;
    if (!cJSON_IsArray(order) || cJSON_GetArraySize(order) != r->c->out_count)
        return fail(r, "\"order\" should be a list of the %d result dims", r->c->out_count);
    cJSON_ArrayForEach(item, order) {
        if (!find_dim(r, "order", cJSON_GetStringValue(item), r->c->out_count, &s->order[count++]))
            return false;
    }
    return true;
}

/* A word that no schedule has would be a choice that is passed over. */
static bool check_words(const Reader *r) {
    static const char *const words[] = {"winograd", "slide",      "pairs", "lane",        "lanes",
                                        "vectors",  "of",         "pack",  "tile",        "unroll",
                                        "order",    "chunk_dims", "chunk", "chunk_level", "block",
                                        "pieces",   "row"};
    enum { WORDS = sizeof words / sizeof *words };
    const cJSON *item;
    if (!cJSON_IsObject(r->json)) return fail(r, "a schedule should be an object");
    cJSON_ArrayForEach(item, r->json) {
        int i = 0;
        while (i < WORDS && strcmp(words[i], item->string) != 0)
            i++;
        if (i == WORDS) return fail(r, "a schedule has no \"%s\"", item->string);
    }
    return true;
}

bool schedule_parse(const cJSON *json, const Contraction *c, Schedule *s, Buf *error) {
    Reader r = {json, c, error};
    *s = (Schedule){0};
    if (!check_words(&r) || !get_int(&r, "winograd", 0, &s->winograd) ||
        !get_flag(&r, "slide", &s->slide) || !get_flag(&r, "pairs", &s->pairs) ||
        !get_flag(&r, "pack", &s->pack) || !get_int(&r, "lanes", 1, &s->lanes) ||
        !get_int(&r, "vectors", 1, &s->vectors) || !get_int(&r, "unroll", 1, &s->unroll))
        return false;
    bool nest = !s->winograd && !s->slide;
    return get_lane(&r, s) && get_row(&r, s) && get_operand(&r, s) && get_tile(&r, s) &&
           get_order(&r, s) && get_int(&r, "chunk_dims", 0, &s->chunk_dims) &&
           get_number(&r, "chunk", nest ? 1 : 0, &s->chunk) &&
           get_int(&r, "chunk_level", 0, &s->chunk_level) && get_number(&r, "block", 0, &s->block);
}
