/* The order in which groups run: a topological sort that keeps to the graph's order where it can,
 * but frees memory early. */
#include "passes/fuse_internal.h"
#include "support/checked.h"

typedef struct Link {
    int to, next; /* next: of the same source; -1: the last */
} Link;

typedef struct Order {
    int count;
    VEC(Link) links;
    int *first;   /* by source */
    int *waiting; /* by group: how many it still waits for */
    int *visited; /* by group: last search that met it */
    int searches;
    int *stack;
    int *heap; /* turns of groups that may run, the least first */
    int heap_count;
} Order;

static void add_link(Order *order, int from, int to) {
    VEC_PUSH(order->links, (Link){to, order->first[from]});
    order->first[from] = (int)order->links.count - 1;
    order->waiting[to]++;
}

static bool reaches(Order *order, int from, int to) {
    int depth = 0;
    if (order->links.items == NULL) return from == to;
    order->searches++;
    order->stack[depth++] = from;
    order->visited[from] = order->searches;
    while (depth > 0) {
        int at = order->stack[--depth];
        if (at == to) return true;
        for (int l = order->first[at]; l >= 0; l = order->links.items[l].next) {
            int next = order->links.items[l].to;
            if (order->visited[next] == order->searches) continue;
            order->visited[next] = order->searches;
            order->stack[depth++] = next;
        }
    }
    return false;
}

static void heap_push(Order *order, int item) {
    int at = order->heap_count++;
    while (at > 0 && order->heap[(at - 1) / 2] > item) {
        order->heap[at] = order->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    order->heap[at] = item;
}

static int heap_pop(Order *order) {
    int least = order->heap[0], last = order->heap[--order->heap_count], at = 0;
    for (;;) {
        int child = 2 * at + 1;
        if (child >= order->heap_count) break;
        if (child + 1 < order->heap_count && order->heap[child + 1] < order->heap[child]) child++;
        if (order->heap[child] >= last) break;
        order->heap[at] = order->heap[child];
        at = child;
    }
    order->heap[at] = last;
    return least;
}

/* Readers of an input before the group that stores its update, where that makes no circle. */
static void order_updates(Order *order, const Graph *graph, Group *const *groups,
                          const int *group_of) {
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (output->role != OUT_UPDATE) continue;
        int writer = group_of[output->value->id];
        const Node *input = graph->inputs.items[output->updates].node;
        for (int g = 0; g < order->count && writer >= 0; g++) {
            bool reads = false;
            for (int k = 0; k < groups[g]->input_count; k++)
                reads = reads || groups[g]->inputs[k] == input;
            if (reads && g != writer && !reaches(order, writer, g)) add_link(order, g, writer);
        }
    }
}

static bool is_again(const Group *group) {
    for (int i = 0; i < group->output_count; i++)
        if (group->outputs[i]->again) return true;
    return false;
}

/* What is computed again comes after all else that its readers wait for: right before them, where
 * that makes no circle. A reader that is computed again waits for what its own readers do. */
static void order_again(Order *order, Group *const *groups, const int *group_of, Arena *scratch) {
    typedef VEC(int) Groups;
    Groups *readers = ARENA_ARRAY(scratch, Groups, (size_t)order->count + 1);
    int *after = ARENA_ARRAY(scratch, int, (size_t)order->count + 1); /* or -1 */
    for (int g = 0; g < order->count; g++) {
        after[g] = -1;
        for (int i = 0; i < groups[g]->input_count; i++) {
            int from = group_of[groups[g]->inputs[i]->id];
            if (from < 0 || from == g) continue;
            if (is_again(groups[from]))
                VEC_PUSH(readers[from], g);
            else if (from > after[g])
                after[g] = from;
        }
    }
    for (int g = order->count; g-- > 0;) {
        if (!is_again(groups[g])) continue;
        after[g] = -1;
        for (size_t i = 0; i < readers[g].count; i++) {
            int wanted = after[readers[g].items[i]];
            if (wanted <= after[g] || reaches(order, g, wanted)) continue;
            add_link(order, wanted, g);
            after[g] = wanted;
        }
        VEC_FREE(readers[g]);
    }
}

/* Who has done with all that it reads and makes nothing for others, as a weight's gradient with its
 * update, is first. */
static int turn_of(const Order *order, int group) {
    return order->first[group] < 0 ? group : group + order->count;
}

static void sort(const Graph *graph, Group **groups, int count, bool again, Arena *scratch) {
    Order order = {.count = count};
    size_t size = (size_t)count + 1;
    order.first = ARENA_ARRAY(scratch, int, size);
    order.waiting = ARENA_ARRAY(scratch, int, size);
    order.visited = ARENA_ARRAY(scratch, int, size);
    order.stack = ARENA_ARRAY(scratch, int, size);
    order.heap = ARENA_ARRAY(scratch, int, size);
    int *group_of = ARENA_ARRAY(scratch, int, graph->nodes.count);
    for (size_t id = 0; id < graph->nodes.count; id++)
        group_of[id] = -1;
    for (int g = 0; g < count; g++) {
        order.first[g] = -1;
        for (int i = 0; i < groups[g]->output_count; i++) {
            int *of = &group_of[groups[g]->outputs[i]->id];
            if (*of >= 0) add_link(&order, *of, g); /* the part before this one */
            *of = g;
        }
    }
    for (int g = 0; g < count; g++)
        for (int i = 0; i < groups[g]->input_count; i++) {
            int from = group_of[groups[g]->inputs[i]->id];
            if (from >= 0 && from != g) add_link(&order, from, g);
        }
    order_updates(&order, graph, groups, group_of);
    if (again) order_again(&order, groups, group_of, scratch);

    Group **sorted = ARENA_ARRAY(scratch, Group *, size);
    int done = 0;
    for (int g = 0; g < count; g++)
        if (order.waiting[g] == 0) heap_push(&order, turn_of(&order, g));
    while (order.heap_count > 0) {
        int g = heap_pop(&order) % count;
        sorted[done++] = groups[g];
        for (int l = order.first[g]; l >= 0; l = order.links.items[l].next)
            if (--order.waiting[order.links.items[l].to] == 0)
                heap_push(&order, turn_of(&order, order.links.items[l].to));
    }
    NNC_CHECK(done == count, "%d of %d groups wait for each other", count - done, count);
    for (int g = 0; g < count; g++)
        groups[g] = sorted[g];
    VEC_FREE(order.links);
}

void fuse_order(const Graph *graph, Group **groups, int count, Arena *scratch) {
    sort(graph, groups, count, false, scratch);
    bool again = false;
    for (int g = 0; g < count; g++)
        again = again || is_again(groups[g]);
    if (again) sort(graph, groups, count, true, scratch); /* now that it's known what comes when */
}
