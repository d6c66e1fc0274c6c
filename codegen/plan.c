/* From an optimized graph to a plan.
 *
 * Steps are numbered in order; copies to outputs that could not be written directly come after the
 * last kernel, first those into the arena (old values of inputs that are about to be replaced),
 * then those to outputs. Lifetimes are whole steps. Places of values are kept by node id. */
#include "codegen/plan_internal.h"

#include "passes/analyze.h"
#include "support/checked.h"

bool kbuf_is_parameter(const KBuf *buf) {
    return buf->role == KBUF_IN || buf->role == KBUF_OUT || buf->role == KBUF_SCRATCH;
}

static size_t kbuf_bytes(const KBuf *buf) {
    size_t bytes;
    NNC_CHECK(mul_size((size_t)buf->count, dtype_size(buf->dtype), &bytes), "buffer too large");
    return bytes;
}

/* Of the whole value, whatever part of it the kernel is passed. */
static size_t value_bytes(const KBuf *buf) {
    return type_bytes(&buf->node->type);
}

static int kernel_parameters(const Kernel *kernel) {
    int count = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        count += kbuf_is_parameter(kernel->buffers.items[i]);
    }
    return count;
}

static Value *value_of(Planner *planner, const Node *node) {
    return &planner->values[node->id];
}

static void place_value(Planner *planner, const Node *node, Place place) {
    Value *value = value_of(planner, node);
    place.node = node;
    place.bytes = type_bytes(&node->type);
    *value = (Value){true, place, -1, value->last_use};
}

/* Offsets are known only after all lifetimes: until then a place holds its item's index. */
static Place arena_place(Planner *planner, const Node *node, size_t bytes, int first, int last) {
    VEC_PUSH(planner->items, (PlanItem){.bytes = bytes, .first = first, .last = last});
    return (Place){
        .kind = PLACE_ARENA, .index = (int)planner->items.count - 1, .bytes = bytes, .node = node};
}

static void place_leaves(Planner *planner) {
    for (size_t i = 0; i < planner->graph->nodes.count; i++) {
        const Node *node = planner->graph->nodes.items[i];
        if (node->op == OP_const) place_value(planner, node, (Place){.kind = PLACE_CONST});
    }
    for (size_t i = 0; i < planner->graph->inputs.count; i++) {
        place_value(planner, planner->graph->inputs.items[i].node,
                    (Place){.kind = PLACE_INPUT, .index = (int)i});
    }
}

/* The step at which each value is read last. Copies to outputs read after all kernels. */
static void find_last_uses(Planner *planner, bool outputs) {
    for (size_t i = 0; i < planner->value_count; i++)
        planner->values[i].last_use = -1;
    for (int s = 0; s < planner->kernel_count; s++) {
        for (size_t i = 0; i < planner->kernels[s]->buffers.count; i++) {
            const KBuf *buf = planner->kernels[s]->buffers.items[i];
            if (buf->role == KBUF_IN) value_of(planner, buf->node)->last_use = s;
        }
    }
    if (!outputs) return;
    for (size_t i = 0; i < planner->graph->outputs.count; i++) {
        const Node *node = planner->graph->outputs.items[i].value;
        bool leaf = node->op == OP_input || node->op == OP_const;
        if (leaf) value_of(planner, node)->last_use = planner->kernel_count + 1;
    }
}

static KBuf *kernel_input(const Kernel *kernel, const Node *node) {
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        KBuf *buf = kernel->buffers.items[i];
        if (buf->role == KBUF_IN && buf->node == node) return buf;
    }
    return NULL;
}

/* Whether output `index` can be written by step `s` already: what it replaces is read no more, but
 * perhaps by the same kernel, element by element. */
static bool output_is_free(Planner *planner, int index, int s, KBuf *buf) {
    const GraphOutput *output = &planner->graph->outputs.items[index];
    if (output->role != OUT_UPDATE) return true;
    const Node *old = planner->graph->inputs.items[output->updates].node;
    int last = value_of(planner, old)->last_use;
    if (last < s) return true;
    KBuf *reads = last == s ? kernel_input(planner->kernels[s], old) : NULL;
    if (!reads || !reads->inplace || value_bytes(reads) != value_bytes(buf)) return false;
    reads->aliased = true;
    buf->aliased = true;
    return true;
}

/* An input of step `s` that dies there and whose memory the output may take over. */
static bool place_in_dying_input(Planner *planner, int s, KBuf *out) {
    Kernel *kernel = planner->kernels[s];
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        KBuf *in = kernel->buffers.items[i];
        if (in->role != KBUF_IN || !in->inplace || in->aliased) continue;
        Value *value = value_of(planner, in->node);
        if (value->place.kind != PLACE_ARENA || value->last_use != s) continue;
        if (value_bytes(in) != value_bytes(out)) continue;
        in->aliased = true;
        out->aliased = true;
        place_value(planner, out->node, value->place);
        PlanItem *item = &planner->items.items[value->place.index];
        int last = value_of(planner, out->node)->last_use;
        if (last > item->last) item->last = last;
        return true;
    }
    return false;
}

static void place_output(Planner *planner, int s, KBuf *buf, bool outputs) {
    const Graph *graph = planner->graph;
    if (value_of(planner, buf->node)->placed) return; /* a prepared value */
    for (size_t i = 0; outputs && i < graph->outputs.count; i++) {
        if (graph->outputs.items[i].value != buf->node) continue;
        if (!output_is_free(planner, (int)i, s, buf)) continue;
        place_value(planner, buf->node, (Place){.kind = PLACE_OUTPUT, .index = (int)i});
        return;
    }
    for (size_t i = 0; outputs && i < graph->outputs.count; i++) {
        if (graph->outputs.items[i].value == buf->node) {
            value_of(planner, buf->node)->last_use = planner->kernel_count + 1;
        }
    }
    if (place_in_dying_input(planner, s, buf)) return;
    int last = value_of(planner, buf->node)->last_use;
    place_value(planner, buf->node,
                arena_place(planner, buf->node, value_bytes(buf), s, last < s ? s : last));
}

static PlanStep *push_step(Planner *planner, Kernel *kernel, int argument_count) {
    PlanStep *step = &planner->steps->items[planner->steps->count++];
    step->kernel = kernel;
    step->argument_count = argument_count;
    step->arguments = ARENA_ARRAY(planner->arena, Place, (size_t)argument_count);
    return step;
}

static void plan_step(Planner *planner, int s, bool outputs) {
    Kernel *kernel = planner->kernels[s];
    PlanStep *step = push_step(planner, kernel, kernel_parameters(kernel));
    int argument = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        KBuf *buf = kernel->buffers.items[i];
        if (buf->role == KBUF_OUT) place_output(planner, s, buf, outputs);
    }
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        KBuf *buf = kernel->buffers.items[i];
        if (!kbuf_is_parameter(buf)) continue;
        Place *place = &step->arguments[argument++];
        if (buf->role == KBUF_SCRATCH) {
            *place = arena_place(planner, NULL, kbuf_bytes(buf), s, s);
            place->shared = buf->shared;
        } else {
            Value *value = value_of(planner, buf->node);
            NNC_CHECK(value->placed, "%s reads a value that nobody stores", kernel->name);
            *place = value->place;
            place->skip = (size_t)buf->base * dtype_size(buf->dtype);
        }
    }
}

static void push_copy(Planner *planner, Place from, Place to) {
    PlanStep *step = push_step(planner, NULL, 2);
    step->arguments[0] = from;
    step->arguments[1] = to;
}

/* Outputs that no kernel wrote directly. An input's old value that another output reads is saved
 * first when the input is about to be replaced. */
static void plan_output_copies(Planner *planner) {
    const Graph *graph = planner->graph;
    size_t count = graph->outputs.count;
    Place *from = ARENA_ARRAY(planner->arena, Place, count);
    for (size_t i = 0; i < count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        // Nothing is stored for a value without elements.
        if (type_bytes(&output->value->type) == 0) continue;
        from[i] = value_of(planner, output->value)->place;
        NNC_CHECK(value_of(planner, output->value)->placed, "output %s is not stored",
                  output->name);
        if (from[i].kind != PLACE_INPUT) continue;
        bool replaced = false;
        for (size_t j = 0; j < count; j++) {
            replaced |= graph->outputs.items[j].role == OUT_UPDATE &&
                        graph->outputs.items[j].updates == from[i].index;
        }
        if (output->role == OUT_UPDATE && output->updates == from[i].index) continue;
        if (!replaced) continue;
        Place saved = arena_place(planner, output->value, from[i].bytes, planner->kernel_count,
                                  planner->kernel_count + 1);
        push_copy(planner, from[i], saved);
        from[i] = saved;
    }
    for (size_t i = 0; i < count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (type_bytes(&output->value->type) == 0) continue;
        if (from[i].kind == PLACE_OUTPUT && from[i].index == (int)i) continue;
        push_copy(planner, from[i],
                  (Place){.kind = PLACE_OUTPUT,
                          .index = (int)i,
                          .bytes = from[i].bytes,
                          .node = output->value});
    }
}

static void assign_offsets(Planner *planner) {
    PlanReport report =
        plan_places(planner->steps, planner->items.items, (int)planner->items.count);
    planner->steps->arena_bytes = report.peak;
    planner->steps->arena_lower_bound = report.lower_bound;
    for (int s = 0; s < planner->steps->count; s++) {
        PlanStep *step = &planner->steps->items[s];
        for (int i = 0; i < step->argument_count; i++) {
            Place *place = &step->arguments[i];
            if (place->kind != PLACE_ARENA) continue;
            place->offset = planner->items.items[place->index].offset;
            place->index = 0;
        }
    }
}

static void plan_steps(Planner *planner, PlanSteps *steps, Kernel **kernels, int count,
                       bool outputs) {
    planner->steps = steps;
    planner->kernels = kernels;
    planner->kernel_count = count;
    steps->items =
        ARENA_ARRAY(planner->arena, PlanStep, (size_t)count + 2 * planner->graph->outputs.count);
    find_last_uses(planner, outputs);
    for (int s = 0; s < count; s++)
        plan_step(planner, s, outputs);
    if (outputs) plan_output_copies(planner);
    plan_roll(steps, planner->arena);
    assign_offsets(planner);
    VEC_FREE(planner->items);
}

/* A value of the prepare steps that the run reads has a place of its own. */
static void keep_prepared(Planner *planner, const Node *node, const bool *prepared) {
    if (!prepared[node->id] || value_of(planner, node)->placed) return;
    size_t *end = &planner->plan->prepared_bytes;
    place_value(planner, node, (Place){.kind = PLACE_PREPARED, .offset = *end});
    *end += (type_bytes(&node->type) + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
}

static void keep_all_prepared(Planner *planner, Kernel *const *run, int run_count,
                              const bool *prepared) {
    for (int s = 0; s < run_count; s++) {
        for (size_t i = 0; i < run[s]->buffers.count; i++) {
            const KBuf *buf = run[s]->buffers.items[i];
            if (buf->role == KBUF_IN) keep_prepared(planner, buf->node, prepared);
        }
    }
    for (size_t i = 0; i < planner->graph->outputs.count; i++) {
        keep_prepared(planner, planner->graph->outputs.items[i].value, prepared);
    }
}

Plan *plan_graph(const Fusion *fusion, const Target *target, PlanOptions options,
                 const PlanReader *reader, Arena *arena) {
    const Graph *graph = fusion->graph;
    Plan *plan = ARENA_NEW(arena, Plan);
    *plan = (Plan){.graph = graph, .target = target};
    Planner planner = {
        .plan = plan, .graph = graph, .reader = reader, .arena = arena, .options = options};
    size_t groups = (size_t)fusion->group_count;
    planner.value_count = graph->nodes.count + LOWER_MAX_AHEAD * groups;
    planner.values = ARENA_ARRAY(arena, Value, planner.value_count);
    place_leaves(&planner);
    Lists lists = {.first = ARENA_ARRAY(arena, Kernel *, (1 + LOWER_MAX_AHEAD) * groups),
                   .run = ARENA_ARRAY(arena, Kernel *, groups),
                   .prepared = ARENA_ARRAY(arena, bool, planner.value_count)};
    plan_lower(&planner, fusion, options.prepare ? graph_param_only(graph, arena) : NULL, &lists);
    keep_all_prepared(&planner, lists.run, lists.run_count, lists.prepared);
    plan_steps(&planner, &plan->prepare, lists.first, lists.first_count, false);
    plan_steps(&planner, &plan->run, lists.run, lists.run_count, true);
    plan_meet(&plan->run, graph);
    return plan;
}

bool plan_reads_input(const PlanSteps *steps, int input) {
    for (int s = 0; s < steps->count; s++) {
        for (int i = 0; i < steps->items[s].argument_count; i++) {
            const Place *place = &steps->items[s].arguments[i];
            if (place->kind == PLACE_INPUT && place->index == input) return true;
        }
    }
    return false;
}
