/* Recomputing instead of storing, and merging what feeds one group only.
 *
 * A stored elementwise value is recomputed by all its readers when its expression, back to values
 * that are stored anyway, is cheap, or when one group alone reads it (then it just moves there).
 * Values are looked at from the last to the first; what a recomputation reads stays stored. */
#include <stdlib.h>

#include "passes/flatten.h"
#include "passes/fuse_internal.h"
#include "support/checked.h"

enum {
    LARGEST_CLOSURE = 24, /* nodes recomputed for one value */
    CHEAP = 8,            /* cost up to which several readers may recompute */
    LARGEST_MOVE = 200,   /* members and recomputed nodes of one group */
};

typedef struct Reader {
    Node *node;
    int operand;
} Reader;

typedef struct Closure {
    Node *nodes[LARGEST_CLOSURE];
    int count;
    Node *leaves[3 * LARGEST_CLOSURE];
    int leaf_count;
    int cost;
} Closure;

typedef struct Inliner {
    Fuser *fuser;
    bool *pinned;    /* by id: stays stored */
    uint32_t *first; /* by id: its readers are readers[first[id]] .. readers[first[id + 1]] */
    Reader *readers;
} Inliner;

static bool is_elementwise(const Node *node) {
    return op_info(node->op)->traits & TRAIT_ELEMENTWISE;
}

/* Whether the group that computes `reader` can compute this operand on the fly. */
static bool computes_operand(const Fuser *fuser, const Node *reader, int operand) {
    if (is_elementwise(reader) || fuser->copied[reader->id]) return true;
    if (op_info(reader->op)->traits & TRAIT_REDUCTION) return true;
    if (reader->op == OP_pool_scatter) return operand == 0;
    if (reader->op == OP_max_pool || reader->op == OP_max_pool_index || reader->op == OP_window_sum)
        return is_non_overlapping(reader);
    return false;
}

static void list_readers(Inliner *inliner) {
    const Fuser *fuser = inliner->fuser;
    const Graph *graph = fuser->graph;
    size_t count = graph->nodes.count;
    inliner->first = ARENA_ARRAY(fuser->scratch, uint32_t, count + 2);
    for (int fill = 0; fill < 2; fill++) {
        for (size_t id = 0; id < count; id++) {
            Node *node = graph->nodes.items[id];
            for (int i = 0; fuser->home[id] != NULL && i < node->input_count; i++) {
                IndexMap map;
                const Node *base = fuse_operand(fuser, node, i, &map);
                if (fill)
                    inliner->readers[inliner->first[base->id + 1]++] = (Reader){node, i};
                else
                    inliner->first[base->id + 2]++;
            }
        }
        if (fill) break;
        for (size_t id = 0; id < count; id++)
            inliner->first[id + 2] += inliner->first[id + 1];
        inliner->readers = ARENA_ARRAY(fuser->scratch, Reader, inliner->first[count + 1]);
    }
}

static void pin_outputs(Inliner *inliner) {
    const Fuser *fuser = inliner->fuser;
    const Graph *graph = fuser->graph;
    for (size_t i = 0; i < graph->outputs.count; i++)
        inliner->pinned[graph->outputs.items[i].value->id] = true;
    for (size_t id = 0; id < graph->nodes.count; id++) {
        inliner->pinned[id] = inliner->pinned[id] || fuser->long_sum[id];
        for (uint32_t r = inliner->first[id]; r < inliner->first[id + 1]; r++) {
            const Reader *reader = &inliner->readers[r];
            if (fuser->home[reader->node->id] != fuser->home[id] &&
                !computes_operand(fuser, reader->node, reader->operand))
                inliner->pinned[id] = true;
        }
    }
}

static bool contains(Node *const *nodes, int count, const Node *node) {
    for (int i = 0; i < count; i++)
        if (nodes[i] == node) return true;
    return false;
}

/* The expression of `value` back to what is stored anyway. False when it is too large, or would
 * need something stored that is not. */
static bool find_closure(const Inliner *inliner, Node *value, Closure *closure) {
    const Fuser *fuser = inliner->fuser;
    *closure = (Closure){.nodes = {value}, .count = 1, .cost = op_info(value->op)->cost};
    for (int at = 0; at < closure->count; at++) {
        const Node *node = closure->nodes[at];
        for (int i = 0; i < node->input_count; i++) {
            IndexMap map;
            Node *base = fuse_operand(fuser, node, i, &map);
            if (is_leaf(fuser, base) && base->op != OP_input) continue;
            if (contains(closure->nodes, closure->count, base) ||
                contains(closure->leaves, closure->leaf_count, base))
                continue;
            bool is_stored = base->op == OP_input || fuser->stored[base->id];
            bool stays = base->op == OP_input || inliner->pinned[base->id];
            bool grow = is_elementwise(base) && !stays && !fuser->copied[base->id] &&
                        !(is_stored && (op_info(base->op)->cost > 1 || closure->count >= CHEAP));
            if (!grow && !is_stored) return false;
            if (grow && closure->count == LARGEST_CLOSURE) return false;
            if (grow) {
                closure->nodes[closure->count++] = base;
                closure->cost += op_info(base->op)->cost;
            } else {
                closure->leaves[closure->leaf_count++] = base;
            }
        }
    }
    return true;
}

static bool draft_loads(const Fuser *fuser, const Draft *draft, const Node *value) {
    for (size_t m = 0; m < draft->members.count; m++) {
        const Node *member = draft->members.items[m];
        for (int i = 0; i < member->input_count; i++) {
            IndexMap map;
            if (fuse_operand(fuser, member, i, &map) == value) return true;
        }
    }
    return false;
}

static const Node *operand_of(const Fuser *fuser, const Reader *reader) {
    return fuser->copied[reader->node->id] ? reader->node : reader->node->inputs[reader->operand];
}

static int compare_ids(const void *a, const void *b) {
    const Node *x = *(Node *const *)a, *y = *(Node *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Whether the operand flattens when the closure is computed on the way. */
static bool flattens(const Fuser *fuser, const Closure *closure, const Reader *reader) {
    Arena scratch = {0};
    VEC(Node *) members = {0};
    for (int i = -1; i < closure->count; i++) {
        const Node *node = i < 0 ? reader->node : closure->nodes[i];
        int from = i < 0 ? reader->operand : 0;
        int to = i < 0 ? reader->operand + 1 : node->input_count;
        if (i >= 0) VEC_PUSH(members, closure->nodes[i]);
        for (int k = from; k < to; k++) {
            IndexMap map;
            Node *base = fuse_operand(fuser, node, k, &map);
            Node *view = fuser->copied[node->id] ? reader->node : node->inputs[k];
            for (; view != base; view = view->inputs[0])
                VEC_PUSH(members, view);
            if (base->op == OP_iota && is_leaf(fuser, base)) VEC_PUSH(members, base);
        }
    }
    qsort(members.items, members.count, sizeof(Node *), compare_ids);
    Group group = {.nodes = members.items, .node_count = (int)members.count};
    const Node *root = operand_of(fuser, reader);
    FlattenRequest request = {.group = &group, .roots = &root, .root_count = 1};
    Flat flat;
    bool ok = flatten(&request, &flat, &scratch);
    VEC_FREE(members);
    arena_free(&scratch);
    return ok;
}

/* Elements read for each element of the value: more than 1 where it is broadcast. */
static bool is_broadcast(const Fuser *fuser, const Node *value, const Reader *reader) {
    return type_numel(&operand_of(fuser, reader)->type) > type_numel(&value->type);
}

typedef struct Verdict {
    Draft *drafts[16]; /* groups that read the value from memory */
    int draft_count;
    bool broadcast;
} Verdict;

/* Who reads the value; false when someone can't compute it. */
static bool survey(const Inliner *inliner, const Node *value, const Closure *closure,
                   Verdict *verdict) {
    const Fuser *fuser = inliner->fuser;
    *verdict = (Verdict){0};
    for (uint32_t r = inliner->first[value->id]; r < inliner->first[value->id + 1]; r++) {
        const Reader *reader = &inliner->readers[r];
        Draft *draft = fuser->home[reader->node->id];
        if (draft == fuser->home[value->id]) continue;
        verdict->broadcast = verdict->broadcast || is_broadcast(fuser, value, reader);
        if (draft->param_only != fuser->home[value->id]->param_only && closure->leaf_count > 0)
            return false;
        if (draft->members.count + draft->inlined.count + (size_t)closure->count > LARGEST_MOVE)
            return false;
        if (!flattens(fuser, closure, reader)) return false;
        bool known = false;
        for (int i = 0; i < verdict->draft_count; i++)
            known = known || verdict->drafts[i] == draft;
        if (known) continue;
        if (verdict->draft_count == 16) return false;
        verdict->drafts[verdict->draft_count++] = draft;
    }
    return verdict->draft_count > 0;
}

static bool is_sole_result(const Fuser *fuser, const Draft *draft, const Node *value) {
    for (size_t i = 0; i < draft->members.count; i++)
        if (draft->members.items[i] != value && fuser->stored[draft->members.items[i]->id])
            return false;
    return draft->kind == GROUP_ELEMENTWISE;
}

/* Whether recomputing costs less than a store and loads. */
static bool pays(const Fuser *fuser, const Node *value, const Closure *closure,
                 const Verdict *verdict) {
    int64_t count = type_numel(&value->type);
    if (verdict->broadcast) {
        for (int i = 0; i < closure->leaf_count; i++)
            if (type_numel(&closure->leaves[i]->type) > count) return false;
        return closure->cost <= (count == 1 ? CHEAP : 2);
    }
    if (verdict->draft_count == 1 && is_sole_result(fuser, fuser->home[value->id], value))
        return true;
    if (closure->cost > CHEAP) return false;
    int more_loads = 0;
    for (int d = 0; d < verdict->draft_count; d++)
        for (int i = 0; i < closure->leaf_count; i++)
            if (type_numel(&closure->leaves[i]->type) * 2 > count &&
                !draft_loads(fuser, verdict->drafts[d], closure->leaves[i]))
                more_loads++;
    return more_loads <= 1 + verdict->draft_count;
}

static void inline_value(Inliner *inliner, Node *value) {
    Fuser *fuser = inliner->fuser;
    Closure closure;
    Verdict verdict;
    if (!find_closure(inliner, value, &closure) || !survey(inliner, value, &closure, &verdict) ||
        !pays(fuser, value, &closure, &verdict)) {
        inliner->pinned[value->id] = true;
        return;
    }
    for (int d = 0; d < verdict.draft_count; d++)
        for (int i = 0; i < closure.count; i++)
            if (!is_inlined(verdict.drafts[d], closure.nodes[i]))
                VEC_PUSH(verdict.drafts[d]->inlined, closure.nodes[i]);
    for (int i = 0; i < closure.leaf_count; i++)
        inliner->pinned[closure.leaves[i]->id] = true;
    fuser->stored[value->id] = false;
}

void fuse_inline(Fuser *fuser) {
    size_t count = fuser->graph->nodes.count;
    Inliner inliner = {.fuser = fuser, .pinned = ARENA_ARRAY(fuser->scratch, bool, count)};
    list_readers(&inliner);
    pin_outputs(&inliner);
    for (size_t id = count; id-- > 0;) {
        Node *node = fuser->graph->nodes.items[id];
        if (fuser->stored[id] && !inliner.pinned[id] && is_elementwise(node))
            inline_value(&inliner, node);
    }
}
