/* Names of groups: what the source calls the main node, then what is done to it. */
#include <ctype.h>
#include <string.h>

#include "passes/fuse_internal.h"

enum { LONGEST_NAME = 40 };

static void put_identifier(Buf *name, const char *text) {
    for (; *text != '\0' && name->size < LONGEST_NAME; text++) {
        unsigned char c = (unsigned char)*text;
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (ok)
            buf_putc(name, (char)c);
        else if (name->size > 0 && name->data[name->size - 1] != '_')
            buf_putc(name, '_');
    }
    while (name->size > 0 && name->data[name->size - 1] == '_') {
        name->size--;
        name->data[name->size] = '\0';
    }
}

static void put_part(Buf *name, const char *part) {
    if (name->size > 0 && name->size < LONGEST_NAME) buf_putc(name, '_');
    put_identifier(name, part);
}

/* Members that say nothing to a reader: data movement, types, bookkeeping. */
static bool is_silent(Op op) {
    switch (op) {
    case OP_cast:
    case OP_detach:
    case OP_add:
    case OP_sub:
    case OP_mul:
    case OP_neg:
    case OP_where:
    case OP_result:
    case OP_max_pool_index:
    case OP_const:
    case OP_iota:
        return true;
    default:
        return op_is_view(op) || op_info(op)->traits & TRAIT_PIECEWISE_CONSTANT;
    }
}

static const char *short_name(Op op) {
    switch (op) {
    case OP_max_pool:
    case OP_window_sum:
        return "pool";
    case OP_reduce_sum:
        return "sum";
    case OP_reduce_max:
        return "max";
    case OP_reduce_min:
        return "min";
    case OP_dot:
        return "matmul";
    default:
        return op_info(op)->name;
    }
}

/* "conv1" of the input "conv1.weight" that a contraction reads. */
static bool put_weight_name(const Graph *graph, const Node *anchor, Buf *name) {
    for (int i = 0; i < anchor->input_count; i++) {
        const Node *node = anchor->inputs[i];
        while (op_is_view(node->op))
            node = node->inputs[0];
        if (node->op != OP_input) continue;
        const GraphInput *input = &graph->inputs.items[node_int(node, ATTR_index)];
        const char *dot = strrchr(input->name, '.');
        if (input->role != ROLE_PARAM || dot == NULL) continue;
        char *stem = arena_strndup(graph->arena, input->name, (size_t)(dot - input->name));
        put_identifier(name, stem);
        return true;
    }
    return false;
}

/* The names of the inputs that the group's outputs are updates of. */
static const char *updated_name(const Graph *graph, const Group *group) {
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (output->role != OUT_UPDATE) continue;
        for (int k = 0; k < group->output_count; k++)
            if (group->outputs[k] == output->value &&
                graph->inputs.items[output->updates].role == ROLE_PARAM)
                return graph->inputs.items[output->updates].name;
    }
    return NULL;
}

/* The name that the source gives to the anchor, or else to the first member that has one. */
static const char *hint_of(const Group *group) {
    if (group->anchor == NULL) return NULL;
    if (group->anchor->name != NULL || group->kind == GROUP_CONTRACTION) return group->anchor->name;
    for (int i = 0; i < group->node_count; i++)
        if (group->nodes[i]->name != NULL) return group->nodes[i]->name;
    return NULL;
}

static void put_stem(const Graph *graph, const Group *group, Buf *name) {
    const Node *anchor = group->anchor;
    const char *hint = hint_of(group);
    if (anchor == NULL) return;
    if (hint != NULL)
        put_identifier(name, hint);
    else if (group->kind == GROUP_CONTRACTION && put_weight_name(graph, anchor, name)) {
        if (anchor->op == OP_conv_dx) put_part(name, "dx");
    }
    if (name->size == 0) put_identifier(name, short_name(anchor->op));
}

/* A hint that names the whole group, as a softmax: its pieces need not be listed. */
static bool names_all(const Group *group) {
    return group->kind == GROUP_REDUCTION && hint_of(group) != NULL;
}

/* What is done besides the anchor, in order. */
static void put_members(const Group *group, Buf *name) {
    Op last = group->anchor != NULL ? group->anchor->op : OP_COUNT;
    for (int i = 0; i < group->node_count; i++) {
        const Node *node = group->nodes[i];
        if (node == group->anchor || is_silent(node->op) || node->op == last) continue;
        if (name->size > 24) break;
        put_part(name, short_name(node->op));
        last = node->op;
    }
}

const char *fuse_name(const Graph *graph, const Group *group, Arena *arena) {
    Buf name = {0};
    const char *updated = updated_name(graph, group);
    if (updated != NULL) {
        put_identifier(&name, hint_of(group) != NULL ? hint_of(group) : updated);
        put_part(&name, "update");
    } else {
        put_stem(graph, group, &name);
        if (!names_all(group)) put_members(group, &name);
    }
    for (int i = group->node_count; i-- > 0 && name.size == 0;)
        if (group->nodes[i]->op != OP_const)
            put_identifier(&name, op_info(group->nodes[i]->op)->name);
    if (name.size == 0 || isdigit((unsigned char)name.data[0])) {
        const char *plain = arena_strdup(arena, buf_text(&name));
        buf_clear(&name);
        buf_printf(&name, "k%s", plain);
    }
    const char *result = arena_strdup(arena, buf_text(&name));
    buf_free(&name);
    return result;
}
