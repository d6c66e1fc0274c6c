/* Merging: a group whose results one other group alone reads moves into it, where both compute over
 * one index space. That is how a row-wise chain that started in two places becomes one kernel.
 * No cycle arises: whatever the first group reads stands before both. */
#include "passes/fuse_internal.h"

typedef struct Merger {
    Fuser *fuser;
    Draft **sole;  /* by draft id: its only reader; NULL: none yet */
    bool *several; /* by draft id: more than one */
} Merger;

static void find_readers(Merger *merger) {
    Fuser *fuser = merger->fuser;
    for (size_t d = 0; d < fuser->drafts.count; d++) {
        Draft *draft = fuser->drafts.items[d];
        Arena scratch = {0};
        Collection all = fuse_collect(fuser, draft, 0, &scratch);
        for (int i = 0; i < all.input_count; i++) {
            const Draft *from = fuser->home[all.inputs[i]->id];
            if (from == NULL) continue;
            if (merger->sole[from->id] == NULL) merger->sole[from->id] = draft;
            if (merger->sole[from->id] != draft) merger->several[from->id] = true;
        }
        arena_free(&scratch);
    }
}

/* Every member of `from` must be something that `to` accepts; the members of `to` must read those
 * of `from` in place. Tried on a copy, to which homes point meanwhile. */
static bool try_merge(Fuser *fuser, Draft *from, Draft *to) {
    Draft merged = *to;
    merged.again |= from->again;
    if (from->kind == GROUP_REDUCTION && to->kind == GROUP_ELEMENTWISE)
        draft_reduce(&merged, from->anchor);
    merged.members.items = NULL;
    merged.members.count = merged.members.capacity = 0;
    bool ok = true;
    for (int side = 0; side < 2; side++) {
        const Draft *draft = side == 0 ? from : to;
        for (size_t i = 0; i < draft->members.count; i++)
            fuser->home[draft->members.items[i]->id] = &merged;
    }
    for (int side = 0; side < 2 && ok; side++) {
        const Draft *draft = side == 0 ? from : to;
        for (size_t i = 0; i < draft->members.count && ok; i++)
            ok = draft_accepts(fuser, &merged, draft->members.items[i]);
    }
    for (size_t i = 0; i < to->inlined.count && ok; i++) {
        const Node *node = to->inlined.items[i];
        for (int k = 0; k < node->input_count && ok; k++) {
            IndexMap map;
            const Node *base = fuse_operand(fuser, node, k, &map);
            ok = fuser->home[base->id] != &merged || is_inlined(to, base);
        }
    }
    for (int side = 0; side < 2; side++) {
        Draft *draft = side == 0 && !ok ? from : to;
        const Draft *members = side == 0 ? from : to;
        for (size_t i = 0; i < members->members.count; i++)
            fuser->home[members->members.items[i]->id] = draft;
    }
    return ok;
}

static void merge(Fuser *fuser, Draft *from, Draft *to) {
    if (from->kind == GROUP_REDUCTION &&
        (to->kind == GROUP_ELEMENTWISE || from->anchor->id > to->anchor->id))
        draft_reduce(to, from->anchor);
    to->again |= from->again;
    for (size_t i = 0; i < from->members.count; i++)
        VEC_PUSH(to->members, from->members.items[i]);
    for (size_t i = 0; i < from->inlined.count; i++)
        if (!is_inlined(to, from->inlined.items[i])) VEC_PUSH(to->inlined, from->inlined.items[i]);
    /* Nobody else reads its results; outputs of the graph are marked again below. */
    for (size_t i = 0; i < from->members.count; i++)
        fuser->stored[from->members.items[i]->id] = false;
    for (size_t i = 0; i < fuser->graph->outputs.count; i++)
        fuser->stored[fuser->graph->outputs.items[i].value->id] = true;
    from->merged = true;
    from->members.count = from->inlined.count = 0;
}

static bool sums_on(const Fuser *fuser, const Draft *draft) {
    for (size_t i = 0; i < draft->members.count; i++)
        if (fuser->long_sum[draft->members.items[i]->id]) return true;
    return false;
}

static bool may_merge(const Draft *draft) {
    return draft->kind == GROUP_ELEMENTWISE || draft->kind == GROUP_REDUCTION;
}

void fuse_merge(Fuser *fuser) {
    size_t count = fuser->drafts.count;
    Merger merger = {.fuser = fuser,
                     .sole = ARENA_ARRAY(fuser->scratch, Draft *, count),
                     .several = ARENA_ARRAY(fuser->scratch, bool, count)};
    find_readers(&merger);
    for (size_t d = count; d-- > 0;) {
        Draft *from = fuser->drafts.items[d], *to = merger.sole[d];
        while (to != NULL && to->merged)
            to = merger.sole[to->id];
        if (to == NULL || to == from || merger.several[d]) continue;
        if (!may_merge(from) || !may_merge(to) || from->param_only != to->param_only) continue;
        if (sums_on(fuser, from)) continue;
        if (from->members.count + to->members.count > DRAFT_LIMIT) continue;
        if (try_merge(fuser, from, to)) merge(fuser, from, to);
    }
}
