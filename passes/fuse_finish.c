/* The end of fusion: what each group computes and reads, in which order groups run, their names.
 *
 * Order: a group runs after those that it reads; where possible, after those that read an input
 * whose update it stores, so that the update can take the input's place; else as in the graph. */
#include <stdlib.h>
#include <string.h>

#include "passes/fuse_internal.h"
#include "support/checked.h"

static int compare_ids(const void *a, const void *b) {
    const Node *x = *(Node *const *)a, *y = *(Node *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

typedef VEC(Node *) NodeList;

static void meet(Fuser *fuser, NodeList *list, Node *node) {
    if (fuser->stamp[node->id] == fuser->stamps) return;
    fuser->stamp[node->id] = fuser->stamps;
    VEC_PUSH(*list, node);
}

static bool is_here(const Fuser *fuser, const Draft *draft, const Node *node) {
    return fuser->home[node->id] == draft || is_inlined(draft, node);
}

static Node **list_copy(Arena *arena, NodeList *list) {
    if (list->count > 0) qsort(list->items, list->count, sizeof(Node *), compare_ids);
    Node **items = arena_copy(arena, list->items, list->count, sizeof(Node *));
    VEC_FREE(*list);
    return items;
}

Collection fuse_collect(Fuser *fuser, const Draft *draft, int part, Arena *arena) {
    NodeList nodes = {0}, inputs = {0};
    fuser->stamps++;
    for (size_t i = 0; i < draft->members.count; i++)
        if (fuser->stored[draft->members.items[i]->id])
            meet(fuser, &nodes, draft->members.items[i]);
    for (size_t at = 0; at < nodes.count; at++) {
        Node *node = nodes.items[at];
        bool through = op_is_view(node->op) && !is_here(fuser, draft, node);
        for (int i = 0; i < node->input_count && !through; i++) {
            if (part > 0 && node == draft->anchor && i != part - 1) continue;
            IndexMap map;
            Node *base = fuse_operand(fuser, node, i, &map);
            for (Node *view = node->inputs[i]; view != base; view = view->inputs[0])
                meet(fuser, &nodes, view);
            bool leaf = is_leaf(fuser, base) && base->op != OP_input;
            if (leaf && type_numel(&base->type) > FUSE_SMALL_CONST && base->op == OP_const)
                meet(fuser, &inputs, base);
            else if (leaf || is_here(fuser, draft, base))
                meet(fuser, &nodes, base);
            else
                meet(fuser, &inputs, base);
        }
    }
    Collection all = {.node_count = (int)nodes.count, .input_count = (int)inputs.count};
    all.nodes = list_copy(arena, &nodes);
    all.inputs = list_copy(arena, &inputs);
    return all;
}

static Group *make_group(Fuser *fuser, const Draft *draft, int part) {
    Collection all = fuse_collect(fuser, draft, part, fuser->arena);
    if (all.node_count == 0) return NULL;
    Group *group = ARENA_NEW(fuser->arena, Group);
    group->kind = draft->kind;
    group->part = part;
    group->anchor = draft->anchor;
    group->nodes = all.nodes;
    group->node_count = all.node_count;
    group->inputs = all.inputs;
    group->input_count = all.input_count;
    NNC_CHECK(group->anchor == NULL || group_has(group, group->anchor), "a group lost its anchor");
    if (draft->pool != NULL && group_has(group, draft->pool)) group->pool = draft->pool;
    if (draft->pool_index != NULL && group_has(group, draft->pool_index))
        group->pool_index = draft->pool_index;
    group->outputs = ARENA_ARRAY(fuser->arena, Node *, (size_t)all.node_count);
    for (int i = 0; i < all.node_count; i++) {
        Node *node = all.nodes[i];
        if (fuser->home[node->id] == draft && fuser->stored[node->id])
            group->outputs[group->output_count++] = node;
    }
    const Node *first = group->anchor != NULL ? group->anchor : group->outputs[0];
    group->span = first->span;
    group_find_bases(group, fuser->arena);
    group_make_key(group, fuser->arena);
    return group;
}

/* Groups that a concat is split into; 0: it is one. */
static int part_count(const Fuser *fuser, const Draft *draft) {
    const Node *anchor = draft->anchor;
    bool parts = anchor != NULL && anchor->op == OP_concat && fuser->stored[anchor->id] &&
                 anchor->input_count > FUSE_MAX_PARTS && type_numel(&anchor->type) > 0;
    return parts ? anchor->input_count : 0;
}

/* A name, and the number that the next group of this stem may try first. */
typedef struct Name {
    const char *text;
    int next;
} Name;

/* An open-addressing set of names. */
typedef struct NameSet {
    Name *slots;
    size_t mask;
} NameSet;

/* The name's slot, or the free one where it belongs. */
static Name *name_set_find(NameSet *set, const char *name) {
    size_t hash = 5381;
    for (const char *c = name; *c != '\0'; c++)
        hash = hash * 33 + (unsigned char)*c;
    size_t at = hash & set->mask;
    while (set->slots[at].text != NULL && strcmp(set->slots[at].text, name) != 0)
        at = (at + 1) & set->mask;
    return &set->slots[at];
}

/* Several groups may have the same stem: later ones get a number. */
static void name_groups(Fuser *fuser, Group **groups, int count) {
    NameSet set = {.mask = 15};
    while (set.mask < 2 * (size_t)count)
        set.mask = 2 * set.mask + 1;
    set.slots = ARENA_ARRAY(fuser->scratch, Name, set.mask + 1);
    for (int g = 0; g < count; g++) {
        groups[g]->id = g;
        const char *name = fuse_name(fuser->graph, groups[g], fuser->arena);
        Name *stem = name_set_find(&set, name), *slot = stem;
        while (slot->text != NULL) {
            name = arena_printf(fuser->arena, "%s_%d", stem->text, stem->next++);
            slot = name_set_find(&set, name);
        }
        *slot = (Name){name, 2};
        groups[g]->name = name;
    }
}

Fusion *fuse_finish(Fuser *fuser) {
    Fusion *fusion = ARENA_NEW(fuser->arena, Fusion);
    fusion->graph = fuser->graph;
    VEC(Group *) groups = {0};
    for (size_t d = 0; d < fuser->drafts.count; d++) {
        const Draft *draft = fuser->drafts.items[d];
        int parts = part_count(fuser, draft);
        for (int part = parts > 0; part <= parts; part++) {
            Group *group = make_group(fuser, draft, part);
            if (group != NULL) VEC_PUSH(groups, group);
        }
    }
    fusion->group_count = (int)groups.count;
    fusion->groups = arena_copy(fuser->arena, groups.items, groups.count, sizeof(Group *));
    VEC_FREE(groups);
    fuse_order(fuser->graph, fusion->groups, fusion->group_count, fuser->scratch);
    name_groups(fuser, fusion->groups, fusion->group_count);
    return fusion;
}

const char *group_kind_name(GroupKind kind) {
    static const char *const NAMES[] = {"elementwise", "contraction", "reduction", "window",
                                        "other"};
    return NAMES[kind];
}

static void print_nodes(Buf *out, const char *title, Node *const *nodes, int count) {
    buf_printf(out, "  %s:", title);
    for (int i = 0; i < count; i++)
        buf_printf(out, " %%%u", nodes[i]->id);
    buf_putc(out, '\n');
}

void fusion_print(Buf *out, const Fusion *fusion) {
    for (int g = 0; g < fusion->group_count; g++) {
        const Group *group = fusion->groups[g];
        buf_printf(out, "%s: %s", group->name, group_kind_name(group->kind));
        for (int i = 0; i < group->node_count; i++)
            if (!op_is_view(group->nodes[i]->op) && group->nodes[i]->op != OP_const)
                buf_printf(out, " %s", op_info(group->nodes[i]->op)->name);
        buf_putc(out, '\n');
        print_nodes(out, "reads", group->inputs, group->input_count);
        print_nodes(out, "stores", group->outputs, group->output_count);
    }
}
