/* Graphs: pure SSA over tensors with static types.
 *
 * A graph only grows; nodes stand in topological order (an input's id is less than its user's), so
 * walks are loops over ids. graph_add infers the type, checks the attributes and hash-conses:
 * asking twice for the same node gives the same one. Passes build a new graph from an old one. */
#ifndef NNC_IR_GRAPH_H
#define NNC_IR_GRAPH_H

#include "ir/op.h"
#include "ir/type.h"
#include "support/arena.h"
#include "support/buf.h"
#include "support/source.h"

typedef struct Node {
    uint32_t id;
    Op op;
    Type type;              /* the type of result 0 */
    const Type *more_types; /* types of results 1.., or NULL */
    struct Node *const *inputs;
    int input_count;
    const Attr *attrs; /* in the order that the op's row lists */
    int attr_count;
    bool again;       /* computes what another node does, later: to be kept apart */
    Span span;        /* the user's source that made it */
    const char *name; /* hint from the source ("conv1"), or NULL: only names and comments use it */
} Node;

/* What a graph input is; decides where emitted code finds it. */
typedef enum InputRole {
    ROLE_DATA,   /* an argument of forward, or a batch's tensor (targets too) */
    ROLE_PARAM,  /* trainable entry of the state dict */
    ROLE_BUFFER, /* other entry of the state dict */
    ROLE_GRAD,   /* accumulated gradient of a parameter */
    ROLE_STATE,  /* optimizer state */
    ROLE_HYPER,  /* a number that may change from call to call: lr */
    ROLE_KEY,    /* random key */
} InputRole;

typedef struct GraphInput {
    Node *node;       /* op input */
    const char *name; /* public name: "x", "conv1.weight", "lr" */
    InputRole role;
    int slot; /* index among the program's entries of that role, or -1 */
} GraphInput;

typedef enum OutputRole {
    OUT_RESULT, /* something that the caller reads: forward's result, the loss */
    OUT_UPDATE, /* the new value of input `updates` */
} OutputRole;

typedef struct GraphOutput {
    Node *value;
    const char *name;
    OutputRole role;
    int updates; /* index into inputs for OUT_UPDATE, else -1 */
} GraphOutput;

typedef struct Graph {
    Arena *arena; /* not owned */
    const char *name;
    VEC(Node *) nodes; /* by id */
    VEC(GraphInput) inputs;
    VEC(GraphOutput) outputs;
    Buf error; /* message of the last graph_add that failed */
    Span span; /* given to the nodes that build.h's shorthands add */
    struct NodeTable *table;
} Graph;

Graph *graph_new(Arena *arena, const char *name);
/* Frees the growing arrays and tables; nodes go with the arena. */
void graph_free(Graph *graph);

/* Adds a node, or finds the equal one. NULL with a message in graph->error when the operands or
 * attributes break the op's type rule. Attributes may come in any order; missing ones are an error.
 * Inputs, attribute lists and data are copied into the arena. */
Node *graph_add(Graph *graph, Op op, Node *const *inputs, int input_count, const Attr *attrs,
                int attr_count, Span span);
/* As graph_add, but always a new node, marked `again`: nobody may take an equal one for it. */
Node *graph_add_again(Graph *graph, Op op, Node *const *inputs, int input_count, const Attr *attrs,
                      int attr_count, Span span);
/* A new input (never hash-consed). */
Node *graph_input(Graph *graph, const char *name, Type type, InputRole role, int slot);
void graph_output(Graph *graph, const char *name, Node *value, OutputRole role, int updates);
/* The graph that a node's copy lives in is chosen by the caller: same op and attrs, new inputs. */
Node *graph_copy_node(Graph *to, const Node *node, Node *const *inputs);

/* Reading attributes; asking for one that the op lacks is a bug. */
const Attr *node_attr(const Node *node, AttrName name);
int64_t node_int(const Node *node, AttrName name);
double node_float(const Node *node, AttrName name);
const int64_t *node_ints(const Node *node, AttrName name, int *count);
const Type *node_type(const Node *node, int result);

/* Attribute literals: attr_int(ATTR_axis, 1). */
Attr attr_int(AttrName name, int64_t value);
Attr attr_float(AttrName name, double value);
Attr attr_dtype(DType dtype);
Attr attr_text(AttrName name, const char *text);
Attr attr_ints(AttrName name, const int64_t *items, int count);
Attr attr_data(const void *bytes, size_t size);

/* Uses: how many nodes and outputs read each node; array by id from the arena. */
uint32_t *graph_use_counts(const Graph *graph, Arena *arena);

#endif
