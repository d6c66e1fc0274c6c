/* Programs as JSON, through cJSON: types, state, and every node with its attributes and its place
 * in the source. Numbers that JSON lacks are the strings "inf", "-inf" and "nan". */
#include <cjson/cJSON.h>
#include <math.h>

#include "ir/interp.h"
#include "ir/text.h"
#include "ir/text_names.h"
#include "support/checked.h"

enum { LISTED_ELEMENTS = 16 };

static void put(cJSON *object, const char *key, cJSON *value) {
    if (!value || !cJSON_AddItemToObject(object, key, value)) fatal_memory();
}

static void push(cJSON *array, cJSON *value) {
    if (!value || !cJSON_AddItemToArray(array, value)) fatal_memory();
}

static cJSON *json_number(double value) {
    if (isfinite(value)) return cJSON_CreateNumber(value);
    return cJSON_CreateString(value != value ? "nan" : value > 0 ? "inf" : "-inf");
}

/* Exact where a double is; beyond 2^53 as raw digits. */
static cJSON *json_int(int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return cJSON_CreateRaw(text);
}

static cJSON *json_ints(const int64_t *items, int count) {
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < count; i++)
        push(array, json_int(items[i]));
    return array;
}

static void put_type(cJSON *object, const Type *type) {
    put(object, "dtype", cJSON_CreateString(dtype_name(type->dtype)));
    put(object, "shape", json_ints(type->dim, type->rank));
}

/* Few elements as a list, many as bytes in hexadecimal. */
static cJSON *json_data(const Type *type, const Attr *attr) {
    int64_t count = type_numel(type);
    const unsigned char *bytes = attr->data.bytes;
    if (count > LISTED_ELEMENTS) {
        Buf hex = {0};
        for (size_t i = 0; i < attr->data.size; i++)
            buf_printf(&hex, "%02x", bytes[i]);
        cJSON *text = cJSON_CreateString(buf_text(&hex));
        buf_free(&hex);
        return text;
    }
    cJSON *array = cJSON_CreateArray();
    for (int64_t k = 0; k < count; k++) {
        double f = 0;
        int64_t i = 0;
        Tensor64 item =
            tensor64_item(type->dtype, bytes + (size_t)k * dtype_size(type->dtype), &f, &i);
        push(array, item.f ? json_number(f) : json_int(i));
    }
    return array;
}

static cJSON *json_attr(const Node *node, const Attr *attr) {
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INT:
        return json_int(attr->i);
    case ATTR_KIND_INTS:
        return json_ints(attr->ints.items, attr->ints.count);
    case ATTR_KIND_FLOAT:
        return json_number(attr->f);
    case ATTR_KIND_DTYPE:
        return cJSON_CreateString(dtype_name(attr->dtype));
    case ATTR_KIND_TEXT:
        return cJSON_CreateString(attr->text);
    case ATTR_KIND_DATA:
        return json_data(&node->type, attr);
    }
    NNC_BUG("attribute kind");
}

static cJSON *json_node(const Node *node, const uint32_t *numbers, const Sources *sources) {
    cJSON *object = cJSON_CreateObject(), *inputs = cJSON_CreateArray();
    put(object, "id", cJSON_CreateNumber(numbers[node->id]));
    put(object, "op", cJSON_CreateString(op_info(node->op)->name));
    for (int i = 0; i < node->input_count; i++)
        push(inputs, cJSON_CreateNumber(numbers[node->inputs[i]->id]));
    put(object, "inputs", inputs);
    cJSON *attrs = cJSON_CreateObject();
    for (int i = 0; i < node->attr_count; i++)
        put(attrs, attr_name(node->attrs[i].name), json_attr(node, &node->attrs[i]));
    put(object, "attrs", attrs);
    cJSON *types = cJSON_CreateArray();
    for (int i = 0; i < op_info(node->op)->results; i++) {
        cJSON *type = cJSON_CreateObject();
        put_type(type, node_type(node, i));
        push(types, type);
    }
    put(object, "types", types);
    if (node->name) put(object, "name", cJSON_CreateString(node->name));
    const Source *source =
        sources && node->span.file ? sources_get(sources, node->span.file) : NULL;
    if (source) {
        Position position = sources_position(sources, node->span);
        put(object, "file", cJSON_CreateString(source->path));
        put(object, "line", cJSON_CreateNumber(position.line));
        put(object, "column", cJSON_CreateNumber(position.column));
    }
    return object;
}

static cJSON *json_graph(const Graph *graph, const Sources *sources) {
    Arena scratch = {0};
    uint32_t *numbers = text_numbers(graph, &scratch);
    cJSON *object = cJSON_CreateObject(), *inputs = cJSON_CreateArray();
    cJSON *nodes = cJSON_CreateArray(), *outputs = cJSON_CreateArray();
    put(object, "name", cJSON_CreateString(graph->name));
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const GraphInput *input = &graph->inputs.items[i];
        cJSON *item = cJSON_CreateObject();
        put(item, "id", cJSON_CreateNumber(numbers[input->node->id]));
        put(item, "name", cJSON_CreateString(input->name));
        put(item, "role", cJSON_CreateString(ROLE_NAMES[input->role]));
        put(item, "slot", cJSON_CreateNumber(input->slot));
        put_type(item, &input->node->type);
        push(inputs, item);
    }
    for (size_t i = 0; i < graph->nodes.count; i++) {
        if (graph->nodes.items[i]->op != OP_input)
            push(nodes, json_node(graph->nodes.items[i], numbers, sources));
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        cJSON *item = cJSON_CreateObject();
        put(item, "value", cJSON_CreateNumber(numbers[output->value->id]));
        put(item, "name", cJSON_CreateString(output->name));
        if (output->role == OUT_UPDATE) put(item, "updates", cJSON_CreateNumber(output->updates));
        push(outputs, item);
    }
    put(object, "inputs", inputs);
    put(object, "nodes", nodes);
    put(object, "outputs", outputs);
    arena_free(&scratch);
    return object;
}

static cJSON *json_entries(const ProgramEntry *entries, size_t count, bool filled) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        cJSON *item = cJSON_CreateObject();
        put(item, "key", cJSON_CreateString(entries[i].key));
        put_type(item, &entries[i].type);
        if (entries[i].tied_to >= 0) put(item, "tied_to", cJSON_CreateNumber(entries[i].tied_to));
        if (filled) put(item, "fill", json_number(entries[i].fill));
        push(array, item);
    }
    return array;
}

static cJSON *json_fields(const ProgramField *fields, size_t count) {
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        cJSON *item = cJSON_CreateObject();
        put(item, "name", cJSON_CreateString(fields[i].name));
        put_type(item, &fields[i].type);
        push(array, item);
    }
    return array;
}

void program_json(Buf *out, const Program *program) {
    static const char *const kinds[] = {"forward", "backward", "train_step", "init"};
    cJSON *root = cJSON_CreateObject();
    put(root, "name", cJSON_CreateString(program->name));
    put(root, "params", json_entries(program->params.items, program->params.count, false));
    put(root, "buffers", json_entries(program->buffers.items, program->buffers.count, false));
    put(root, "states", json_entries(program->states.items, program->states.count, true));
    cJSON *hypers = cJSON_CreateArray();
    for (size_t i = 0; i < program->hypers.count; i++) {
        cJSON *item = cJSON_CreateObject();
        put(item, "name", cJSON_CreateString(program->hypers.items[i].name));
        put(item, "dtype", cJSON_CreateString(dtype_name(program->hypers.items[i].dtype)));
        put(item, "value", json_number(program->hypers.items[i].value));
        push(hypers, item);
    }
    put(root, "hypers", hypers);
    put(root, "inputs", json_fields(program->inputs.items, program->inputs.count));
    put(root, "outputs", json_fields(program->outputs.items, program->outputs.count));
    put(root, "targets", json_fields(program->targets.items, program->targets.count));
    cJSON *functions = cJSON_CreateArray();
    for (size_t i = 0; i < program->functions.count; i++) {
        cJSON *item = json_graph(program->functions.items[i].graph, program->sources);
        put(item, "kind", cJSON_CreateString(kinds[program->functions.items[i].kind]));
        push(functions, item);
    }
    put(root, "functions", functions);
    char *text = cJSON_Print(root);
    if (!text) fatal_memory();
    buf_puts(out, text);
    buf_putc(out, '\n');
    cJSON_free(text);
    cJSON_Delete(root);
}
