/* Printing graphs and programs as text; ir/text.h shows the form. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/interp.h"
#include "ir/text.h"
#include "ir/text_names.h"

enum { LISTED_ELEMENTS = 16 };

const char *const ROLE_NAMES[ROLE_COUNT] = {
    [ROLE_DATA] = "data",   [ROLE_PARAM] = "param", [ROLE_BUFFER] = "buffer", [ROLE_GRAD] = "grad",
    [ROLE_STATE] = "state", [ROLE_HYPER] = "hyper", [ROLE_KEY] = "key",
};

const char *const FUNCTION_NAMES[FUNCTION_COUNT] = {"forward", "backward", "train_step", "init"};

void text_quote(Buf *out, const char *text) {
    buf_putc(out, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            buf_printf(out, "\\%c", *at);
        else if (*at < ' ' || *at == 127)
            buf_printf(out, "\\x%02x", *at);
        else
            buf_putc(out, (char)*at);
    }
    buf_putc(out, '"');
}

void text_float(Buf *out, DType dtype, double value) {
    char text[40];
    int least = dtype_is_half(dtype) ? 3 : 6;
    for (int digits = least; dtype != DT_F64 && isfinite(value) && digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (dtype_round(dtype, strtod(text, NULL)) != value) continue;
        value = strtod(text, NULL);
        break;
    }
    buf_put_double(out, value);
}

/* Whether printed numbers read back as these very bytes: all but NaNs with a payload do. */
static bool prints_exactly(DType dtype, double value, const void *bytes) {
    if (value == value) return true;
    double nan;
    dtype_store_float(dtype, &nan, (double)NAN);
    return memcmp(&nan, bytes, dtype_size(dtype)) == 0;
}

bool text_lists(const Type *type, const Attr *attr) {
    const unsigned char *at = attr->data.bytes;
    int64_t count = type_numel(type);
    if (count > LISTED_ELEMENTS) return false;
    for (int64_t k = 0; k < count; k++, at += dtype_size(type->dtype)) {
        double f = 0;
        int64_t i = 0;
        Tensor64 item = tensor64_item(type->dtype, at, &f, &i);
        if (item.f && !prints_exactly(type->dtype, f, at)) return false;
    }
    return true;
}

void text_hex(Buf *out, const Attr *attr) {
    const unsigned char *bytes = attr->data.bytes;
    for (size_t i = 0; i < attr->data.size; i++)
        buf_printf(out, "%02x", bytes[i]);
}

static void print_data(Buf *out, const Type *type, const Attr *attr) {
    if (!text_lists(type, attr)) {
        buf_puts(out, "0x");
        text_hex(out, attr);
        return;
    }
    const unsigned char *at = attr->data.bytes;
    buf_putc(out, '[');
    for (int64_t k = 0; k < type_numel(type); k++, at += dtype_size(type->dtype)) {
        double f = 0;
        int64_t i = 0;
        Tensor64 item = tensor64_item(type->dtype, at, &f, &i);
        if (k) buf_putc(out, ',');
        if (item.f)
            text_float(out, type->dtype, f);
        else
            buf_printf(out, "%lld", (long long)i);
    }
    buf_putc(out, ']');
}

static void print_ints(Buf *out, const Attr *attr) {
    buf_putc(out, '[');
    for (int i = 0; i < attr->ints.count; i++)
        buf_printf(out, "%s%lld", i ? "," : "", (long long)attr->ints.items[i]);
    buf_putc(out, ']');
}

static void print_attrs(Buf *out, const Node *node) {
    const char *separator = " {";
    for (int i = 0; i < node->attr_count; i++) {
        const Attr *attr = &node->attrs[i];
        if (attr->name == ATTR_shape || attr->name == ATTR_dtype) continue;
        buf_printf(out, "%s%s=", separator, attr_name(attr->name));
        separator = ", ";
        switch (attr_kind(attr->name)) {
        case ATTR_KIND_INT:
            buf_printf(out, "%lld", (long long)attr->i);
            break;
        case ATTR_KIND_INTS:
            print_ints(out, attr);
            break;
        case ATTR_KIND_FLOAT:
            buf_put_double(out, attr->f);
            break;
        case ATTR_KIND_DTYPE:
            buf_puts(out, dtype_name(attr->dtype));
            break;
        case ATTR_KIND_TEXT:
            text_quote(out, attr->text);
            break;
        case ATTR_KIND_DATA:
            print_data(out, &node->type, attr);
            break;
        }
    }
    if (separator[0] == ',') buf_putc(out, '}');
}

static void print_node(Buf *out, const Node *node, const uint32_t *numbers,
                       const Sources *sources) {
    buf_printf(out, "  %%%u = %s%s(", numbers[node->id], node->again ? "again " : "",
               op_info(node->op)->name);
    for (int i = 0; i < node->input_count; i++)
        buf_printf(out, "%s%%%u", i ? ", " : "", numbers[node->inputs[i]->id]);
    buf_putc(out, ')');
    print_attrs(out, node);
    buf_puts(out, " : ");
    for (int i = 0; i < op_info(node->op)->results; i++) {
        if (i) buf_puts(out, ", ");
        type_print(out, node_type(node, i));
    }
    if (node->name) {
        buf_putc(out, ' ');
        text_quote(out, node->name);
    }
    const Source *source =
        sources && node->span.file ? sources_get(sources, node->span.file) : NULL;
    if (source) {
        Position position = sources_position(sources, node->span);
        buf_printf(out, " %s:%u:%u", source->path, position.line, position.column);
    }
    buf_putc(out, '\n');
}

uint32_t *text_numbers(const Graph *graph, Arena *arena) {
    uint32_t *numbers = ARENA_ARRAY(arena, uint32_t, graph->nodes.count);
    uint32_t next = 0;
    for (size_t i = 0; i < graph->inputs.count; i++)
        numbers[graph->inputs.items[i].node->id] = next++;
    for (size_t i = 0; i < graph->nodes.count; i++) {
        if (graph->nodes.items[i]->op != OP_input) numbers[i] = next++;
    }
    return numbers;
}

void graph_print(Buf *out, const Graph *graph, const Sources *sources) {
    Arena scratch = {0};
    uint32_t *numbers = text_numbers(graph, &scratch);
    buf_printf(out, "graph @%s(", graph->name);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const GraphInput *input = &graph->inputs.items[i];
        buf_printf(out, "%s%%%zu ", i ? ", " : "", i);
        text_quote(out, input->name);
        buf_puts(out, ": ");
        type_print(out, &input->node->type);
        buf_printf(out, " %s %d", ROLE_NAMES[input->role], input->slot);
    }
    buf_puts(out, ") {\n");
    for (size_t i = 0; i < graph->nodes.count; i++) {
        if (graph->nodes.items[i]->op != OP_input)
            print_node(out, graph->nodes.items[i], numbers, sources);
    }
    buf_puts(out, "  return");
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        buf_printf(out, "%s %%%u ", i ? "," : "", numbers[output->value->id]);
        text_quote(out, output->name);
        if (output->role == OUT_UPDATE) buf_printf(out, " updates %d", output->updates);
    }
    buf_puts(out, "\n}\n");
    arena_free(&scratch);
}

static void print_entry(Buf *out, const char *kind, size_t index, const char *name,
                        const Type *type) {
    buf_printf(out, "  %s %zu ", kind, index);
    text_quote(out, name);
    buf_puts(out, ": ");
    type_print(out, type);
}

void program_print(Buf *out, const Program *program) {
    buf_printf(out, "program @%s {\n", program->name);
    for (size_t i = 0; i < program->params.count; i++) {
        const ProgramEntry *entry = &program->params.items[i];
        print_entry(out, "param", i, entry->key, &entry->type);
        if (entry->tied_to >= 0) buf_printf(out, " tied to %d", entry->tied_to);
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < program->buffers.count; i++) {
        const ProgramEntry *entry = &program->buffers.items[i];
        print_entry(out, "buffer", i, entry->key, &entry->type);
        if (entry->tied_to >= 0) buf_printf(out, " tied to %d", entry->tied_to);
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < program->states.count; i++) {
        const ProgramEntry *entry = &program->states.items[i];
        print_entry(out, "state", i, entry->key, &entry->type);
        buf_puts(out, " fill ");
        buf_put_double(out, entry->fill);
        buf_putc(out, '\n');
    }
    for (size_t i = 0; i < program->hypers.count; i++) {
        const ProgramHyper *hyper = &program->hypers.items[i];
        Type type = type_scalar(hyper->dtype);
        print_entry(out, "hyper", i, hyper->name, &type);
        buf_puts(out, " = ");
        buf_put_double(out, hyper->value);
        buf_putc(out, '\n');
    }
    const ProgramField *fields[] = {program->inputs.items, program->outputs.items,
                                    program->targets.items};
    size_t counts[] = {program->inputs.count, program->outputs.count, program->targets.count};
    static const char *const names[] = {"in", "out", "target"};
    for (int f = 0; f < 3; f++) {
        for (size_t i = 0; i < counts[f]; i++) {
            print_entry(out, names[f], i, fields[f][i].name, &fields[f][i].type);
            buf_putc(out, '\n');
        }
    }
    buf_puts(out, "}\n");
    for (size_t i = 0; i < program->functions.count; i++) {
        const ProgramFunction *function = &program->functions.items[i];
        buf_printf(out, "\n// %s\n", FUNCTION_NAMES[function->kind]);
        graph_print(out, function->graph, program->sources);
    }
}
