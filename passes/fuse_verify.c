/* The checks behind the invariants in fuse.h: order, sources, and that everything flattens. */
#include "passes/flatten.h"
#include "passes/index_map.h"

static bool fail(Buf *error, const Group *group, const char *what, const Node *node) {
    buf_printf(error, "group %s: %s: %%%u %s", group->name, what, node->id,
               op_info(node->op)->name);
    return false;
}

/* Whether the root flattens with loads of inputs only. */
static bool flattens(const Group *group, const GroupRoots *roots, int root, Buf *error) {
    Arena scratch = {0};
    Flat flat;
    bool ok = group_flatten_root(group, roots, root, &flat, &scratch) ||
              fail(error, group, "no index map", roots->items[root]);
    for (int i = 0; ok && i < flat.count; i++) {
        if (flat.values[i].kind != FLAT_LOAD) continue;
        if (group_input(group, flat.values[i].node) < 0)
            ok = fail(error, group, "reads what it does not list", flat.values[i].node);
    }
    arena_free(&scratch);
    return ok;
}

static bool check_group(const Group *group, Arena *scratch, Buf *error) {
    GroupRoots roots = group_roots(group, scratch);
    if (group->output_count == 0) return fail(error, group, "stores nothing", group->nodes[0]);
    for (int i = 0; i < group->output_count; i++) {
        const Node *output = group->outputs[i];
        if (!group_has(group, output)) return fail(error, group, "stores a stranger", output);
        if (group->kind == GROUP_ELEMENTWISE &&
            !type_same_shape(&output->type, &group->outputs[0]->type))
            return fail(error, group, "outputs differ in shape", output);
    }
    for (int r = 0; r < roots.count; r++)
        if (!flattens(group, &roots, r, error)) return false;
    for (int i = 0; group->kind == GROUP_REDUCTION && i < roots.held_count; i++)
        if (!(op_info(roots.held[i]->op)->traits & TRAIT_REDUCTION))
            return fail(error, group, "not a reduction", roots.held[i]);
    for (int k = 0; group->kind == GROUP_CONTRACTION && k < group->anchor->input_count; k++) {
        IndexMap map;
        const Node *base = group_read(group, group->anchor->inputs[k], &map);
        if (base->op != OP_const && group_input(group, base) < 0)
            return fail(error, group, "an operand is not in memory", base);
    }
    if (group->kind == GROUP_ELEMENTWISE && roots.held_count > 0)
        return fail(error, group, "computes across elements", roots.held[0]);
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
            if (stored[group->outputs[i]->id] && group->part <= 1)
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
