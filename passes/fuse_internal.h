/* Shared by the files of fusion; see fuse.c for the order of its steps. */
#ifndef NNC_PASSES_FUSE_INTERNAL_H
#define NNC_PASSES_FUSE_INTERNAL_H

#include "passes/fuse.h"
#include "passes/index_map.h"

/* A group while it is made. */
typedef struct Draft {
    int id;
    GroupKind kind;
    Node *anchor, *pool, *pool_index;
    VEC(Node *) members; /* nodes computed here (views and constants come later) */
    VEC(Node *) inlined; /* nodes of other groups recomputed here */
    int depth;           /* more than that of every group it reads */
    bool read;           /* another group reads it */
    bool param_only;
    bool again;             /* all it computes comes after a value that is computed again */
    bool merged;            /* its members went elsewhere */
    bool reduced[MAX_RANK]; /* reduction: the axes */
    Type space;             /* index space; of a reduction the full one */
    IndexMap row_map;       /* reduction: how the full space reads a row value */
} Draft;

typedef struct Fuser {
    const Graph *graph;
    Arena *arena; /* what lives on in the Fusion */
    Arena *scratch;
    bool *live;
    bool *copied;     /* by id: views (and iotas) that are stored: a reader can't do without */
    bool *param_only; /* by id; NULL: does not matter */
    Draft **home;     /* by id: the group that computes the node */
    VEC(Draft *) drafts;
    bool *stored;    /* by id: others read it from memory */
    bool *long_sum;  /* by id: an add on the way of a sum over many values */
    uint32_t *stamp; /* by id: last collection that met the node */
    uint32_t stamps;
} Fuser;

enum {
    DRAFT_LIMIT = 96, /* computed members of one group */
    LONGEST_SUM = 24, /* additions that merge into one group */
};

/* What a group computes and reads, found by walking back from what it stores. */
typedef struct Collection {
    Node **nodes; /* computed nodes, views and constants, by id */
    int node_count;
    Node **inputs; /* by id */
    int input_count;
} Collection;

/* fuse_join.c: which group may compute a node beside what it computes already. */
/* Inputs and constants: read by whoever wants them, computed by nobody. */
bool is_leaf(const Fuser *fuser, const Node *node);
/* A view that is stored counts as computed. */
bool is_computed(const Fuser *fuser, const Node *node);
/* What an operand is read from, past views, and how. */
Node *fuse_base(const Fuser *fuser, const Node *operand, IndexMap *map);
/* The operand number i; a stored view's is what it copies from, past all views it can look through.
 */
Node *fuse_operand(const Fuser *fuser, const Node *reader, int i, IndexMap *map);
bool draft_accepts(const Fuser *fuser, const Draft *draft, const Node *node);
/* How members may read each other. */
bool draft_reads_member(const Draft *draft, const Node *reader, const Node *base,
                        const IndexMap *map);
/* Puts the node there; it must be accepted. */
void draft_add(Fuser *fuser, Draft *draft, Node *node);
Draft *draft_new(Fuser *fuser, Node *node);
/* The group becomes a reduction over the axes of `reduction`. */
void draft_reduce(Draft *draft, Node *reduction);
bool is_non_overlapping(const Node *window);
bool is_inlined(const Draft *draft, const Node *node);

/* fuse_inline.c: recomputes cheap values where they are read. */
void fuse_inline(Fuser *fuser);
/* fuse_merge.c: merges groups that feed one other group only, where that can hold both. */
void fuse_merge(Fuser *fuser);

/* fuse_finish.c */
/* With `part`, of the anchor's operands only that one, from 1. */
Collection fuse_collect(Fuser *fuser, const Draft *draft, int part, Arena *arena);
Fusion *fuse_finish(Fuser *fuser);

/* fuse_reads.c */
void group_find_bases(Group *group, Arena *arena);
/* Makes the key, once all else is there. */
void group_make_key(Group *group, Arena *arena);
/* fuse_order.c: sorts the groups, which stand in the order of their first nodes. */
void fuse_order(const Graph *graph, Group **groups, int count, Arena *scratch);
/* fuse_name.c: an identifier; others may have it too. */
const char *fuse_name(const Graph *graph, const Group *group, Arena *arena);

#endif
