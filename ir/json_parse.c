/* Reading a program's JSON form back. The first error ends the reading; its message names the place
 * as a path, such as functions[0].nodes[3]. Nodes go through graph_add, so that a graph that is
 * accepted is a graph that verifies. Keys that the form lacks are ignored. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"
#include "ir/text_names.h"

enum { MAX_ID = 1 << 22 };

typedef struct Reader {
    Arena *arena;
    const Sources *sources;
    Buf where; /* the place that is being read */
    Buf *error;
    Graph *graph;
    VEC(Node *) nodes; /* by the text's numbers */
} Reader;

static bool fail(Reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(Reader *reader, const char *format, ...) {
    if (reader->error->size) return false;
    if (reader->where.size) buf_printf(reader->error, "%s: ", buf_text(&reader->where));
    va_list args;
    va_start(args, format);
    buf_vprintf(reader->error, format, args);
    va_end(args);
    return false;
}

/* The member of that key and type; NULL with an error when there is none. */
static const cJSON *need(Reader *reader, const cJSON *object, const char *key, int type) {
    static const struct {
        int type;
        const char *name;
    } names[] = {{cJSON_String, "text"}, {cJSON_Array, "a list"}, {cJSON_Object, "an object"}};
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (item && (item->type & 0xFF) == type) return item;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type) fail(reader, "\"%s\" should be %s", key, names[i].name);
    return NULL;
}

static const char *need_text(Reader *reader, const cJSON *object, const char *key) {
    const cJSON *item = need(reader, object, key, cJSON_String);
    return item ? arena_strdup(reader->arena, item->valuestring) : NULL;
}

typedef bool ReadItem(Reader *reader, const cJSON *item, void *to);

/* Reads every item of the object's list, `where` naming each. */
static bool read_list(Reader *reader, const cJSON *object, const char *key, ReadItem *read_item,
                      void *to) {
    const cJSON *list = need(reader, object, key, cJSON_Array), *item;
    if (!list) return false;
    size_t outside = reader->where.size;
    int index = 0;
    cJSON_ArrayForEach(item, list) {
        buf_printf(&reader->where, "%s%s[%d]", outside ? "." : "", key, index++);
        if (!read_item(reader, item, to)) return false;
        reader->where.size = outside;
        reader->where.data[outside] = 0;
    }
    return true;
}

static bool int_of(const cJSON *item, int64_t *out) {
    if (cJSON_IsNumber(item)) {
        double value = item->valuedouble;
        if (!(fabs(value) <= (double)JSON_EXACT) || value != floor(value)) return false;
        *out = (int64_t)value;
        return true;
    }
    if (!cJSON_IsString(item)) return false;
    char *end;
    errno = 0;
    *out = strtoll(item->valuestring, &end, 10);
    return end > item->valuestring && *end == 0 && errno == 0;
}

static bool float_of(const cJSON *item, double *out) {
    static const char *const names[] = {"inf", "-inf", "nan"};
    const double values[] = {(double)INFINITY, -(double)INFINITY, (double)NAN};
    if (cJSON_IsNumber(item)) *out = item->valuedouble;
    if (cJSON_IsNumber(item)) return true;
    for (int i = 0; cJSON_IsString(item) && i < 3; i++) {
        if (strcmp(item->valuestring, names[i]) != 0) continue;
        *out = values[i];
        return true;
    }
    return false;
}

static bool need_int(Reader *reader, const cJSON *object, const char *key, int64_t least,
                     int64_t most, int64_t *out) {
    if (int_of(cJSON_GetObjectItemCaseSensitive(object, key), out) && *out >= least && *out <= most)
        return true;
    return fail(reader, "\"%s\" should be an integer from %lld to %lld", key, (long long)least,
                (long long)most);
}

static bool need_float(Reader *reader, const cJSON *object, const char *key, double *out) {
    return float_of(cJSON_GetObjectItemCaseSensitive(object, key), out) ||
           fail(reader, "\"%s\" should be a number", key);
}

static bool need_dtype(Reader *reader, const cJSON *object, const char *key, DType *out) {
    const char *name = need_text(reader, object, key);
    return name && (dtype_from_name(name, out) || fail(reader, "no type `%s`", name));
}

/* The index in a table of names, or -1 with an error. */
static int need_name(Reader *reader, const cJSON *object, const char *key, const char *const *names,
                     int count) {
    const char *name = need_text(reader, object, key);
    if (!name) return -1;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return i;
    fail(reader, "no %s `%s`", key, name);
    return -1;
}

static bool read_type(Reader *reader, const cJSON *object, Type *out) {
    DType dtype;
    const cJSON *shape = need(reader, object, "shape", cJSON_Array), *item;
    if (!shape || !need_dtype(reader, object, "dtype", &dtype)) return false;
    Type type = type_scalar(dtype);
    cJSON_ArrayForEach(item, shape) {
        if (type.rank == MAX_RANK) return fail(reader, "more than %d dims", MAX_RANK);
        if (!int_of(item, &type.dim[type.rank++]))
            return fail(reader, "\"shape\" should hold integers");
    }
    *out = type;
    return type_valid(&type) || fail(reader, "the type is not valid");
}

static bool read_ints(Reader *reader, const cJSON *list, Attr *attr) {
    const cJSON *item;
    attr->ints.count = cJSON_GetArraySize(list);
    int64_t *items = ARENA_ARRAY(reader->arena, int64_t, (size_t)attr->ints.count + 1);
    attr->ints.items = items;
    cJSON_ArrayForEach(item, list) {
        if (!int_of(item, items++)) return fail(reader, "a list of integers is expected");
    }
    return true;
}

static bool pack_element(DType dtype, const cJSON *item, Buf *bytes) {
    double number;
    int64_t value;
    if (!dtype_is_float(dtype)) return int_of(item, &value) && text_pack_int(bytes, dtype, value);
    if (!float_of(item, &number)) return false;
    text_pack_float(bytes, dtype, number);
    return true;
}

static bool read_data(Reader *reader, const cJSON *data, const Type *type, Attr *attr) {
    Buf bytes = {0};
    const cJSON *item;
    bool ok = cJSON_IsArray(data);
    if (cJSON_IsString(data)) {
        const char *end = text_unhex(&bytes, type->dtype, data->valuestring);
        ok = end && *end == 0;
    } else {
        cJSON_ArrayForEach(item, data) ok = ok && pack_element(type->dtype, item, &bytes);
    }
    attr->data.size = bytes.size;
    attr->data.bytes = arena_copy(reader->arena, bytes.data, bytes.size, 1);
    buf_free(&bytes);
    return ok || fail(reader, "\"data\" should list elements of %s or spell their bytes",
                      dtype_name(type->dtype));
}

static bool read_attr(Reader *reader, const cJSON *attrs, const cJSON *item, const Type *type,
                      Attr *attr) {
    const char *key = item->string;
    if (!attr_from_name(key, &attr->name)) return fail(reader, "no attribute `%s`", key);
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INT:
        return need_int(reader, attrs, key, INT64_MIN, INT64_MAX, &attr->i);
    case ATTR_KIND_INTS:
        return need(reader, attrs, key, cJSON_Array) && read_ints(reader, item, attr);
    case ATTR_KIND_FLOAT:
        return need_float(reader, attrs, key, &attr->f);
    case ATTR_KIND_DTYPE:
        return need_dtype(reader, attrs, key, &attr->dtype);
    case ATTR_KIND_TEXT:
        return (attr->text = need_text(reader, attrs, key)) != NULL;
    case ATTR_KIND_DATA:
        return read_data(reader, item, type, attr);
    }
    return false;
}

static bool define(Reader *reader, int64_t id, Node *node) {
    while (reader->nodes.count <= (size_t)id)
        VEC_PUSH(reader->nodes, NULL);
    if (reader->nodes.items[id]) return fail(reader, "node %lld is defined twice", (long long)id);
    reader->nodes.items[id] = node;
    return true;
}

static bool find(Reader *reader, const cJSON *item, Node **out) {
    int64_t id;
    if (!int_of(item, &id)) return fail(reader, "a node's number is expected");
    *out = id >= 0 && (size_t)id < reader->nodes.count ? reader->nodes.items[id] : NULL;
    return *out || fail(reader, "node %lld is not defined before its use", (long long)id);
}

/* A node as it stands in the text. */
typedef struct NodeText {
    Op op;
    VEC(Node *) inputs;
    VEC(Type) types;
    Attr attrs[MAX_OP_ATTRS];
    int attr_count;
} NodeText;

static bool read_operand(Reader *reader, const cJSON *item, void *to) {
    NodeText *text = to;
    Node *node;
    if (!find(reader, item, &node)) return false;
    VEC_PUSH(text->inputs, node);
    return true;
}

static bool read_result_type(Reader *reader, const cJSON *item, void *to) {
    NodeText *text = to;
    Type type;
    if (!read_type(reader, item, &type)) return false;
    VEC_PUSH(text->types, type);
    return true;
}

static bool read_node_text(Reader *reader, const cJSON *object, NodeText *text) {
    const char *name = need_text(reader, object, "op");
    if (!name) return false;
    if (!op_from_name(name, &text->op) || text->op == OP_input)
        return fail(reader, "no op `%s`", name);
    if (!read_list(reader, object, "inputs", read_operand, text) ||
        !read_list(reader, object, "types", read_result_type, text))
        return false;
    if (text->types.count != (size_t)op_info(text->op)->results)
        return fail(reader, "%s has %d results", name, op_info(text->op)->results);
    const cJSON *attrs = need(reader, object, "attrs", cJSON_Object), *item;
    if (!attrs) return false;
    cJSON_ArrayForEach(item, attrs) {
        if (text->attr_count == MAX_OP_ATTRS) return fail(reader, "too many attributes");
        Attr *attr = &text->attrs[text->attr_count++];
        if (!read_attr(reader, attrs, item, &text->types.items[0], attr)) return false;
    }
    return true;
}

static Node *add_node(Reader *reader, const NodeText *text) {
    Node *node = graph_add(reader->graph, text->op, text->inputs.items, (int)text->inputs.count,
                           text->attrs, text->attr_count, (Span){0});
    if (!node) fail(reader, "%s", buf_text(&reader->graph->error));
    for (size_t i = 0; node && i < text->types.count; i++) {
        if (type_equal(node_type(node, (int)i), &text->types.items[i])) continue;
        Buf given = {0};
        type_print(&given, node_type(node, (int)i));
        fail(reader, "the result's type is %s", buf_text(&given));
        buf_free(&given);
        return NULL;
    }
    return node;
}

/* The node's name and its place in a registered source, both optional. */
static bool read_origin(Reader *reader, const cJSON *object, Node *node) {
    if (cJSON_HasObjectItem(object, "name") && !node->name &&
        !(node->name = need_text(reader, object, "name")))
        return false;
    if (!cJSON_HasObjectItem(object, "file") || node->span.file) return true;
    const char *path = need_text(reader, object, "file");
    int64_t line, column;
    if (!path || !need_int(reader, object, "line", 1, UINT32_MAX, &line) ||
        !need_int(reader, object, "column", 1, UINT32_MAX, &column))
        return false;
    node->span = text_place(reader->sources, path, strlen(path), (uint64_t)line, (uint64_t)column);
    return true;
}

static bool read_node(Reader *reader, const cJSON *object, void *to) {
    (void)to;
    int64_t id;
    NodeText text = {0};
    Node *node = NULL;
    if (need_int(reader, object, "id", 0, MAX_ID, &id) && read_node_text(reader, object, &text))
        node = add_node(reader, &text);
    VEC_FREE(text.inputs);
    VEC_FREE(text.types);
    return node && define(reader, id, node) && read_origin(reader, object, node);
}

static bool read_graph_input(Reader *reader, const cJSON *object, void *to) {
    (void)to;
    int64_t id, slot;
    Type type;
    const char *name = need_text(reader, object, "name");
    int role = name ? need_name(reader, object, "role", ROLE_NAMES, ROLE_COUNT) : -1;
    return role >= 0 && need_int(reader, object, "id", 0, MAX_ID, &id) &&
           need_int(reader, object, "slot", -1, INT32_MAX, &slot) &&
           read_type(reader, object, &type) &&
           define(reader, id, graph_input(reader->graph, name, type, (InputRole)role, (int)slot));
}

static bool read_graph_output(Reader *reader, const cJSON *object, void *to) {
    (void)to;
    Node *value;
    int64_t updates = -1;
    const char *name = need_text(reader, object, "name");
    if (!name || !find(reader, cJSON_GetObjectItemCaseSensitive(object, "value"), &value))
        return false;
    if (op_info(value->op)->results > 1)
        return fail(reader, "%s has several results: use `result`", op_info(value->op)->name);
    bool update = cJSON_HasObjectItem(object, "updates");
    if (update) {
        int64_t last = (int64_t)reader->graph->inputs.count - 1;
        if (!need_int(reader, object, "updates", 0, last, &updates)) return false;
        if (!type_equal(&reader->graph->inputs.items[updates].node->type, &value->type))
            return fail(reader, "input %lld has another type", (long long)updates);
    }
    graph_output(reader->graph, name, value, update ? OUT_UPDATE : OUT_RESULT, (int)updates);
    return true;
}

/* Absent unless several sizes were asked for. */
static bool need_batch(Reader *reader, const cJSON *object, int64_t *out) {
    *out = 0;
    return !cJSON_HasObjectItem(object, "batch") ||
           need_int(reader, object, "batch", 1, INT64_MAX, out);
}

static bool read_function(Reader *reader, const cJSON *object, void *to) {
    Program *program = to;
    int kind = need_name(reader, object, "kind", FUNCTION_NAMES, FUNCTION_COUNT);
    const char *name = kind >= 0 ? need_text(reader, object, "name") : NULL;
    int64_t batch;
    if (!name || !need_batch(reader, object, &batch)) return false;
    reader->graph = graph_new(reader->arena, name);
    VEC_FREE(reader->nodes);
    VEC_PUSH(program->functions, (ProgramFunction){(FunctionKind)kind, reader->graph, batch});
    return read_list(reader, object, "inputs", read_graph_input, NULL) &&
           read_list(reader, object, "nodes", read_node, NULL) &&
           read_list(reader, object, "outputs", read_graph_output, NULL);
}

static bool read_entry(Reader *reader, const cJSON *object, ProgramEntry *entry, size_t before) {
    int64_t tied_to = -1;
    entry->key = need_text(reader, object, "key");
    if (!entry->key || !read_type(reader, object, &entry->type)) return false;
    if (cJSON_HasObjectItem(object, "tied_to") &&
        !need_int(reader, object, "tied_to", 0, (int64_t)before - 1, &tied_to))
        return false;
    entry->tied_to = (int)tied_to;
    return !cJSON_HasObjectItem(object, "fill") || need_float(reader, object, "fill", &entry->fill);
}

static bool read_field(Reader *reader, const cJSON *object, ProgramField *field) {
    field->name = need_text(reader, object, "name");
    return field->name && read_type(reader, object, &field->type);
}

/* What read_list calls for each array of the program. */
#define READ_ENTRIES(array)                                                                        \
    static bool read_##array(Reader *reader, const cJSON *object, void *to) {                      \
        Program *program = to;                                                                     \
        ProgramEntry entry = {0};                                                                  \
        if (!read_entry(reader, object, &entry, program->array.count)) return false;               \
        VEC_PUSH(program->array, entry);                                                           \
        return true;                                                                               \
    }
#define READ_FIELDS(array)                                                                         \
    static bool read_##array(Reader *reader, const cJSON *object, void *to) {                      \
        Program *program = to;                                                                     \
        ProgramField field;                                                                        \
        if (!read_field(reader, object, &field)) return false;                                     \
        VEC_PUSH(program->array, field);                                                           \
        return true;                                                                               \
    }
READ_ENTRIES(params)
READ_ENTRIES(buffers)
READ_ENTRIES(states)
READ_FIELDS(inputs)
READ_FIELDS(outputs)
READ_FIELDS(targets)

static bool read_hyper(Reader *reader, const cJSON *object, void *to) {
    Program *program = to;
    ProgramHyper hyper = {.name = need_text(reader, object, "name")};
    if (!hyper.name || !need_dtype(reader, object, "dtype", &hyper.dtype) ||
        !need_float(reader, object, "value", &hyper.value))
        return false;
    VEC_PUSH(program->hypers, hyper);
    return true;
}

static bool read_program(Reader *reader, const cJSON *root, Program *program) {
    return (program->name = need_text(reader, root, "name")) != NULL &&
           need_batch(reader, root, &program->batch) &&
           read_list(reader, root, "params", read_params, program) &&
           read_list(reader, root, "buffers", read_buffers, program) &&
           read_list(reader, root, "states", read_states, program) &&
           read_list(reader, root, "hypers", read_hyper, program) &&
           read_list(reader, root, "inputs", read_inputs, program) &&
           read_list(reader, root, "outputs", read_outputs, program) &&
           read_list(reader, root, "targets", read_targets, program) &&
           read_list(reader, root, "functions", read_function, program);
}

Program *program_from_json(Arena *arena, Sources *sources, const char *text, size_t size,
                           Buf *error) {
    Reader reader = {.arena = arena, .sources = sources, .error = error};
    Program *program = ARENA_NEW(arena, Program);
    program->arena = arena;
    program->sources = sources;
    const char *end = text;
    cJSON *root = cJSON_ParseWithLengthOpts(text, size, &end, false);
    bool good = root != NULL;
    if (!good) fail(&reader, "byte %zu: not JSON", (size_t)(end - text));
    while (end < text + size && (*end == ' ' || (*end >= '\t' && *end <= '\r')))
        end++;
    if (good && end < text + size) good = fail(&reader, "text after the program's end");
    good = good && read_program(&reader, root, program);
    cJSON_Delete(root);
    VEC_FREE(reader.nodes);
    buf_free(&reader.where);
    if (good) return program;
    program_release(program);
    return NULL;
}
