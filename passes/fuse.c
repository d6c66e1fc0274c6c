/* Fusion, in four steps:
 *  1. Views that no reader can look through become copies (mark_copies).
 *  2. Nodes in order: each joins the deepest group that it reads from, if that can compute it too,
 *     else starts a group (place). Nothing else that it reads is as deep, so no cycle arises.
 *  3. Values that are cheap are recomputed by their readers instead of stored; groups that feed one
 *     other group only are merged into it (fuse_inline.c).
 *  4. Member lists, execution order and names (fuse_finish.c).
 *
 *     conv -> add(bias) -> relu -> max_pool      =>      one group "conv1_relu_pool"
 */
#include "passes/fuse_internal.h"

#include "passes/analyze.h"
#include "support/checked.h"

static bool mark_copied(Fuser *fuser, const Node *node) {
    if (fuser->copied[node->id]) return false;
    fuser->copied[node->id] = true;
    return true;
}

/* Whether the reader needs something in memory that is not: a view that it can't look through, or
 * an iota under it or under a contraction, which then comes out in `base`. */
static bool must_copy(const Fuser *fuser, const Node *reader, const Node **base) {
    const Node *root = *base;
    while (op_is_view(root->op) && (root == reader || !fuser->copied[root->id]))
        root = root->inputs[0];
    bool computed = root->op == OP_iota && !fuser->copied[root->id];
    if (op_is_view((*base)->op)) {
        if (computed) *base = root;
        return true;
    }
    return computed && (op_info(reader->op)->traits & TRAIT_CONTRACTION);
}

/* Until nothing changes: a copy may stop other readers from looking further. */
static void mark_copies(Fuser *fuser) {
    const Graph *graph = fuser->graph;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const Node *value = graph->outputs.items[i].value;
        if (op_is_view(value->op) || value->op == OP_iota) mark_copied(fuser, value);
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t id = 0; id < graph->nodes.count; id++) {
            const Node *node = graph->nodes.items[id];
            if (!fuser->live[id] || !is_computed(fuser, node)) continue;
            for (int i = 0; i < node->input_count; i++) {
                IndexMap map;
                const Node *base = fuse_operand(fuser, node, i, &map);
                if (must_copy(fuser, node, &base) && mark_copied(fuser, base)) changed = true;
            }
        }
    }
}

/* The deepest group among those that the node reads; NULL when there is none, or when joining it
 * could make a cycle: another one is as deep, and the depth can't grow as someone reads it. */
static Draft *deepest_read(const Fuser *fuser, const Node *node) {
    Draft *deepest = NULL;
    bool tie = false;
    for (int i = 0; i < node->input_count; i++) {
        IndexMap map;
        const Node *base = fuse_operand(fuser, node, i, &map);
        Draft *draft = fuser->home[base->id];
        if (draft == NULL || draft == deepest || is_leaf(fuser, base)) continue;
        if (deepest != NULL && draft->depth == deepest->depth) {
            tie = true;
            if (draft->id > deepest->id) deepest = draft;
        } else if (deepest == NULL || draft->depth > deepest->depth) {
            tie = false;
            deepest = draft;
        }
    }
    return tie && deepest->read ? NULL : deepest;
}

/* The group that draws from the same stream. It reads the seed only, so that no cycle arises. */
static Draft *same_stream(const Fuser *fuser, const Node *node) {
    for (size_t d = fuser->drafts.count; d-- > 0;) {
        Draft *draft = fuser->drafts.items[d];
        bool random = draft->anchor != NULL && draft->anchor->op == OP_random_mt;
        if (random && draft->anchor->inputs[0] == node->inputs[0]) return draft;
    }
    return NULL;
}

static void place(Fuser *fuser, Node *node, bool alone) {
    if (node->op == OP_result) {
        Draft *draft = fuser->home[node->inputs[0]->id];
        VEC_PUSH(draft->members, node);
        fuser->home[node->id] = draft;
        return;
    }
    Draft *draft = NULL;
    if (!alone)
        draft = node->op == OP_random_mt ? same_stream(fuser, node) : deepest_read(fuser, node);
    if (draft == NULL || !draft_accepts(fuser, draft, node)) draft = draft_new(fuser, node);
    draft_add(fuser, draft, node);
}

/* Params are constants of the prepare step unless the graph updates them; then, what depends on
 * them only is kept in groups of its own. */
static bool has_prepare_step(const Graph *graph) {
    bool reads = false;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        InputRole role = graph->inputs.items[i].role;
        reads = reads || role == ROLE_PARAM || role == ROLE_BUFFER;
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (output->role != OUT_UPDATE) continue;
        InputRole role = graph->inputs.items[output->updates].role;
        if (role == ROLE_PARAM || role == ROLE_BUFFER) return false;
    }
    return reads;
}

/* A sum over many values, such as the gradients of a loop's steps, is added up as they come, not in
 * one kernel: that would keep them all alive, and be as long as they are many. */
static void mark_long_sums(Fuser *fuser) {
    const Graph *graph = fuser->graph;
    uint32_t *uses = graph_use_counts(graph, fuser->scratch);
    int *adds = ARENA_ARRAY(fuser->scratch, int, graph->nodes.count);
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        if (node->op != OP_add || !fuser->live[id]) continue;
        adds[id] = 1;
        for (int i = 0; i < 2; i++)
            if (uses[node->inputs[i]->id] == 1) adds[id] += adds[node->inputs[i]->id];
    }
    for (size_t id = graph->nodes.count; id-- > 0;) {
        const Node *node = graph->nodes.items[id];
        if (adds[id] > LONGEST_SUM) fuser->long_sum[id] = true;
        for (int i = 0; i < 2 && fuser->long_sum[id]; i++) {
            const Node *operand = node->inputs[i];
            if (uses[operand->id] == 1 && adds[operand->id]) fuser->long_sum[operand->id] = true;
        }
    }
}

/* Values that are read by another group, or by the caller. */
static void mark_stored(Fuser *fuser) {
    const Graph *graph = fuser->graph;
    for (size_t i = 0; i < graph->outputs.count; i++)
        fuser->stored[graph->outputs.items[i].value->id] = true;
    for (size_t id = 0; id < graph->nodes.count; id++) {
        const Node *node = graph->nodes.items[id];
        if (fuser->home[id] == NULL) continue;
        for (int i = 0; i < node->input_count; i++) {
            IndexMap map;
            const Node *base = fuse_operand(fuser, node, i, &map);
            if (fuser->home[base->id] != fuser->home[id] && !is_leaf(fuser, base))
                fuser->stored[base->id] = true;
        }
    }
}

static Fusion *make_fusion(const Graph *graph, Arena *arena, bool alone) {
    Arena scratch = {0};
    size_t count = graph->nodes.count;
    Fuser fuser = {.graph = graph, .arena = arena, .scratch = &scratch};
    fuser.live = graph_live(graph, &scratch);
    fuser.copied = ARENA_ARRAY(&scratch, bool, count);
    fuser.stored = ARENA_ARRAY(&scratch, bool, count);
    fuser.stamp = ARENA_ARRAY(&scratch, uint32_t, count);
    fuser.long_sum = ARENA_ARRAY(&scratch, bool, count);
    fuser.home = ARENA_ARRAY(&scratch, Draft *, count);
    if (has_prepare_step(graph)) fuser.param_only = graph_param_only(graph, &scratch);

    mark_copies(&fuser);
    for (size_t id = 0; id < count; id++)
        if (fuser.live[id] && is_computed(&fuser, graph->nodes.items[id]))
            place(&fuser, graph->nodes.items[id], alone);
    mark_stored(&fuser);
    mark_long_sums(&fuser);
    if (!alone) {
        fuse_inline(&fuser);
        fuse_merge(&fuser);
    }
    Fusion *fusion = fuse_finish(&fuser);

    for (size_t i = 0; i < fuser.drafts.count; i++) {
        VEC_FREE(fuser.drafts.items[i]->members);
        VEC_FREE(fuser.drafts.items[i]->inlined);
    }
    VEC_FREE(fuser.drafts);
    arena_free(&scratch);
    return fusion;
}

Fusion *fuse(const Graph *graph, Arena *arena) {
    return make_fusion(graph, arena, false);
}

Fusion *fuse_nothing(const Graph *graph, Arena *arena) {
    return make_fusion(graph, arena, true);
}
