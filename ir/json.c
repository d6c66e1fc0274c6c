/* Programs as JSON, through cJSON: types, state, and every node with its attributes and its place
 * in the source. Numbers that JSON lacks are the strings "inf", "-inf" and "nan", and integers that
 * a double lacks are strings of digits: any reader gets the exact value. ir/json_parse.c reads it.
 */
#include <cjson/cJSON.h>
#include <math.h>

#include "ir/interp.h"
#include "ir/text.h"
#include "ir/text_names.h"
#include "support/checked.h"

static void put(cJSON *object, const char *key, cJSON *value) {
    if (!value || !cJSON_AddItemToObject(object, key, value)) fatal_memory();
}

static void push(cJSON *array, cJSON *value) {
    if (!value || !cJSON_AddItemToArray(array, value)) fatal_memory();
}

/* Spelled by us: cJSON's own spelling loses the sign of zero. */
static cJSON *json_float(DType dtype, double value) {
    Buf text = {0};
    text_float(&text, dtype, value);
    cJSON *item =
        isfinite(value) ? cJSON_CreateRaw(buf_text(&text)) : cJSON_CreateString(buf_text(&text));
    buf_free(&text);
    return item;
}

static cJSON *json_int(int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    bool exact = value >= -JSON_EXACT && value <= JSON_EXACT;
    return exact ? cJSON_CreateRaw(text) : cJSON_CreateString(text);
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
    if (!text_lists(type, attr)) {
        Buf hex = {0};
        text_hex(&hex, attr);
        cJSON *text = cJSON_CreateString(buf_text(&hex));
        buf_free(&hex);
        return text;
    }
    const unsigned char *bytes = attr->data.bytes;
    cJSON *array = cJSON_CreateArray();
    for (int64_t k = 0; k < type_numel(type); k++) {
        double f = 0;
        int64_t i = 0;
        Tensor64 item =
            tensor64_item(type->dtype, bytes + (size_t)k * dtype_size(type->dtype), &f, &i);
        push(array, item.f ? json_float(type->dtype, f) : json_int(i));
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
        return json_float(DT_F64, attr->f);
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
        if (filled) put(item, "fill", json_float(DT_F64, entries[i].fill));
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
    cJSON *root = cJSON_CreateObject();
    put(root, "name", cJSON_CreateString(program->name));
    if (program->batch) put(root, "batch", json_int(program->batch));
    put(root, "params", json_entries(program->params.items, program->params.count, false));
    put(root, "buffers", json_entries(program->buffers.items, program->buffers.count, false));
    put(root, "states", json_entries(program->states.items, program->states.count, true));
    cJSON *hypers = cJSON_CreateArray();
    for (size_t i = 0; i < program->hypers.count; i++) {
        cJSON *item = cJSON_CreateObject();
        put(item, "name", cJSON_CreateString(program->hypers.items[i].name));
        put(item, "dtype", cJSON_CreateString(dtype_name(program->hypers.items[i].dtype)));
        put(item, "value", json_float(DT_F64, program->hypers.items[i].value));
        push(hypers, item);
    }
    put(root, "hypers", hypers);
    put(root, "inputs", json_fields(program->inputs.items, program->inputs.count));
    put(root, "outputs", json_fields(program->outputs.items, program->outputs.count));
    put(root, "targets", json_fields(program->targets.items, program->targets.count));
    cJSON *functions = cJSON_CreateArray();
    for (size_t i = 0; i < program->functions.count; i++) {
        const ProgramFunction *function = &program->functions.items[i];
        cJSON *item = json_graph(function->graph, program->sources);
        if (function->batch) put(item, "batch", json_int(function->batch));
        put(item, "kind", cJSON_CreateString(FUNCTION_NAMES[function->kind]));
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
