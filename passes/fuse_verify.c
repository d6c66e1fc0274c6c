/* The checks behind the invariants in fuse.h: order, sources, and that everything flattens. */
#include "passes/flatten.h"
#include "passes/index_map.h"

static bool fail(Buf *error, const Group *group, const char *what, const Node *node) {
    buf_printf(error, "group %s: %s: %%%u %s", group->name, what, node->id,
               op_info(node->op)->name);
    return false;
}

static bool is_elementwise(const Node *node) {
    return op_info(node->op)->traits & TRAIT_ELEMENTWISE;
}

static bool is_input(const Group *group, const Node *node) {
    for (int i = 0; i < group->input_count; i++)
        if (group->inputs[i] == node) return true;
    return false;
}

/* Whether `root` flattens with loads of inputs only. `held` are the values that a kernel has. */
static bool flattens(const Group *group, const Node *root, Node *const *held, int held_count,
                     Buf *error) {
    Arena scratch = {0};
    FlattenRequest request = {.group = group,
                              .roots = (const Node *const *)&root,
                              .root_count = 1,
                              .held = (const Node *const *)held,
                              .held_count = held_count};
    Flat flat;
    bool ok = flatten(&request, &flat, &scratch) || fail(error, group, "no index map", root);
    for (int i = 0; ok && i < flat.count; i++) {
        if (flat.values[i].kind != FLAT_LOAD) continue;
        if (!is_input(group, flat.values[i].node))
            ok = fail(error, group, "reads what it does not list", flat.values[i].node);
    }
    arena_free(&scratch);
    return ok;
}

/* What members may refer to without computing it: anchors, poolings, reductions, results. */
static int held_values(const Group *group, Node **held) {
    int count = 0;
    for (int i = 0; i < group->node_count; i++) {
        Node *node = group->nodes[i];
        bool moved = op_is_view(node->op) || node->op == OP_const || node->op == OP_iota;
        if (!moved && !is_elementwise(node)) held[count++] = node;
    }
    return count;
}

static bool check_group(const Group *group, Arena *scratch, Buf *error) {
    Node **held = ARENA_ARRAY(scratch, Node *, (size_t)group->node_count);
    int held_count = held_values(group, held);
    if (group->output_count == 0) return fail(error, group, "stores nothing", group->nodes[0]);
    for (int i = 0; i < group->output_count; i++) {
        const Node *output = group->outputs[i];
        if (!group_has(group, output)) return fail(error, group, "stores a stranger", output);
        if (group->kind == GROUP_ELEMENTWISE &&
            !type_same_shape(&output->type, &group->outputs[0]->type))
            return fail(error, group, "outputs differ in shape", output);
        if (!flattens(group, output, held, held_count, error)) return false;
    }
    for (int i = 0; i < held_count; i++) {
        bool reduction = op_info(held[i]->op)->traits & TRAIT_REDUCTION;
        if (group->kind == GROUP_REDUCTION && !reduction)
            return fail(error, group, "not a reduction", held[i]);
        for (int k = 0; k < held[i]->input_count; k++)
            if (!flattens(group, held[i]->inputs[k], held, held_count, error)) return false;
    }
    for (int k = 0; group->kind == GROUP_CONTRACTION && k < group->anchor->input_count; k++) {
        IndexMap map;
        const Node *base = group_read(group, group->anchor->inputs[k], &map);
        if (base->op != OP_const && !is_input(group, base))
            return fail(error, group, "an operand is not in memory", base);
    }
    if (group->kind == GROUP_ELEMENTWISE && held_count > 0)
        return fail(error, group, "computes across elements", held[0]);
    return true;
}

bool fusion_verify(const Fusion *fusion, Buf *error) {
    Arena scratch = {0};
    bool *stored = ARENA_ARRAY(&scratch, bool, fusion->graph->nodes.count);
    bool ok = true;
    for (int g = 0; g < fusion->group_count && ok; g++) {
        const Group *group = fusion->groups[g];
        for (int i = 0; i < group->input_count && ok; i++) {
            const Node *input = group->inputs[i];
            if (!stored[input->id] && input->op != OP_input && input->op != OP_const)
                ok = fail(error, group, "reads what is not there yet", input);
        }
        for (int i = 0; i < group->output_count && ok; i++) {
            if (stored[group->outputs[i]->id])
                ok = fail(error, group, "stores again", group->outputs[i]);
            stored[group->outputs[i]->id] = true;
        }
        ok = ok && check_group(group, &scratch, error);
    }
    for (size_t i = 0; i < fusion->graph->outputs.count && ok; i++) {
        const Node *value = fusion->graph->outputs.items[i].value;
        if (!stored[value->id] && value->op != OP_input && value->op != OP_const) {
            buf_printf(error, "output %s is not stored", fusion->graph->outputs.items[i].name);
            ok = false;
        }
    }
    arena_free(&scratch);
    return ok;
}
