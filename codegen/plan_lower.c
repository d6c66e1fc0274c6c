/* Lowering all groups of a fusion, each distinct one once.
 *
 * Groups with equal keys, the time steps of a loop for instance, get twins of one kernel: equal
 * code whose buffers stand for other values. What lowering packs ahead of the run is made once,
 * too, however many kernels read it. */
#include <string.h>

#include "codegen/lower.h"
#include "codegen/plan_internal.h"
#include "support/checked.h"
#include "support/hash.h"

/* A group that has been lowered, and how. */
typedef struct Lowered {
    uint64_t hash;
    Buf key;
    const Group *group;
    const Kernel *kernel;
    const Kernel *ahead[LOWER_MAX_AHEAD]; /* what it reads that is packed ahead */
    int ahead_count;
} Lowered;

/* A kernel that packs ahead, with its body as text; empty where no other one can be equal. */
typedef struct Pack {
    const Kernel *kernel;
    Buf body;
} Pack;

typedef struct Lowering {
    Planner *planner;
    LowerContext context;
    const bool *param_only;
    Lists *lists;
    VEC(Lowered) lowered;
    VEC(Pack) packs;
    bool *known;             /* by value id: prepare steps can read it */
    const uint32_t *readers; /* by value id: groups that read it */
} Lowering;

/* Whether everything that the group reads is known when the prepare steps run. */
static bool group_is_prepared(const Lowering *l, const Group *group, const Kernel *kernel) {
    if (!l->param_only || kernel->faults) return false;
    for (int i = 0; i < group->output_count; i++) {
        if (!l->param_only[group->outputs[i]->id]) return false;
    }
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (buf->role != KBUF_IN) continue;
        /* Inputs and constants are all that has a place so far. */
        bool leaf = l->planner->values[buf->node->id].placed;
        const bool *set = leaf ? l->param_only : l->lists->prepared;
        if (!set[buf->node->id]) return false;
    }
    return true;
}

static void mark_outputs(bool *set, const Kernel *kernel) {
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (buf->role == KBUF_OUT) set[buf->node->id] = true;
    }
}

/* The group's own key, and what the prepare steps can do for it. */
static Lowered new_entry(const Lowering *l, const Group *group) {
    Lowered entry = {.group = group};
    buf_add(&entry.key, group->key, group->key_size);
    for (int i = 0; l->param_only && i < group->input_count; i++)
        buf_putc(&entry.key, l->known[group->inputs[i]->id] ? 'k' : '-');
    for (int i = 0; l->param_only && i < group->output_count; i++)
        buf_putc(&entry.key, l->param_only[group->outputs[i]->id] ? 'p' : '-');
    entry.hash = hash_bytes(0, entry.key.data, entry.key.size);
    return entry;
}

static const Lowered *find_lowered(const Lowering *l, const Lowered *entry) {
    for (size_t i = 0; i < l->lowered.count; i++) {
        const Lowered *other = &l->lowered.items[i];
        bool same = other->hash == entry->hash && other->key.size == entry->key.size &&
                    memcmp(other->key.data, entry->key.data, entry->key.size) == 0;
        if (same) return other;
    }
    return NULL;
}

/* Whether another group may pack the same. Constants are nobody's inputs. */
static bool may_repeat(const Lowering *l, const Kernel *pack) {
    for (size_t i = 0; i < pack->buffers.count; i++) {
        const KBuf *buf = pack->buffers.items[i];
        if (buf->role == KBUF_IN && buf->node->op != OP_const && l->readers[buf->node->id] < 2)
            return false;
    }
    return true;
}

static KBuf *result_of(const Kernel *pack) {
    for (size_t i = 0; i < pack->buffers.count; i++)
        if (pack->buffers.items[i]->role == KBUF_OUT) return pack->buffers.items[i];
    NNC_BUG("%s packs nothing", pack->name);
}

static bool reads_same(const Kernel *a, const Kernel *b) {
    for (size_t i = 0; i < a->buffers.count; i++) {
        const KBuf *x = a->buffers.items[i], *y = b->buffers.items[i];
        if (x->role == KBUF_IN && (x->node != y->node || x->base != y->base)) return false;
    }
    return true;
}

/* The kernel that does the same already, or NULL. `body` is NULL for twins. */
static const Kernel *find_pack(const Lowering *l, const Kernel *kernel, const Buf *body) {
    for (size_t i = 0; i < l->packs.count; i++) {
        const Pack *pack = &l->packs.items[i];
        bool same = body ? pack->body.size == body->size &&
                               memcmp(pack->body.data, body->data, body->size) == 0
                         : kernel_code(pack->kernel) == kernel_code(kernel);
        if (same && pack->kernel->buffers.count == kernel->buffers.count &&
            reads_same(pack->kernel, kernel))
            return pack->kernel;
    }
    return NULL;
}

/* What stands in the group for a value of the group that has been lowered. */
static const Node *counterpart(const Lowered *lowered, const Group *group, const Node *node) {
    int input = group_input(lowered->group, node);
    if (input >= 0) return group->inputs[input];
    if (node->op == OP_const) return node; /* the key tells constants apart */
    for (int i = 0; i < lowered->group->output_count; i++)
        if (lowered->group->outputs[i] == node) return group->outputs[i];
    return NULL;
}

static void bind(KBuf *buf, const Node *node, int64_t base) {
    buf->node = node;
    buf->base = base;
    buf->count = type_numel(&node->type) - base;
}

/* The twin of a kernel that packs one of the group's inputs. */
static Kernel *twin_pack(Lowering *l, const Lowered *lowered, const Group *group,
                         const Kernel *pack) {
    Arena *arena = l->planner->arena;
    const char *name = arena_printf(arena, "%s_pack", group->name);
    Kernel *twin = kernel_twin(pack, name, group->span, arena);
    for (size_t i = 0; i < twin->buffers.count; i++) {
        KBuf *buf = twin->buffers.items[i];
        if (buf->role != KBUF_IN) continue;
        const Node *node = counterpart(lowered, group, buf->node);
        bind(buf, node, group_base(group, node));
    }
    return twin;
}

static void add_ahead(Lowering *l, Kernel *kernel) {
    l->lists->first[l->lists->first_count++] = kernel;
    mark_outputs(l->lists->prepared, kernel);
}

/* A kernel like that of the other group, over this one's values. */
static Kernel *lower_alike(Lowering *l, const Lowered *lowered, const Group *group) {
    Arena *arena = l->planner->arena;
    Kernel *kernel = kernel_twin(lowered->kernel, group->name, group->span, arena);
    const Node *packed[LOWER_MAX_AHEAD];
    for (int i = 0; i < lowered->ahead_count; i++) {
        Kernel *pack = twin_pack(l, lowered, group, lowered->ahead[i]);
        const Kernel *same = find_pack(l, pack, NULL);
        if (!same) {
            KBuf *result = result_of(pack);
            Node *node = arena_copy(arena, result->node, 1, sizeof *node);
            node->id = l->context.next_value++;
            result->node = node;
            add_ahead(l, pack);
            VEC_PUSH(l->packs, (Pack){.kernel = pack});
        }
        packed[i] = result_of(same ? same : pack)->node;
    }
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        KBuf *buf = kernel->buffers.items[i];
        if (!buf->node) continue;
        const Node *node = counterpart(lowered, group, buf->node);
        for (int k = 0; k < lowered->ahead_count && !node; k++)
            if (result_of(lowered->ahead[k])->node == buf->node) node = packed[k];
        bind(buf, node, group_base(group, node));
    }
    return kernel;
}

/* Shows a group's kernels to the reader, who may have done with their bodies. */
static void read_kernels(const Planner *planner, Kernel **ahead, int ahead_count, Kernel **kernel,
                         bool prepares) {
    const PlanReader *reader = planner->reader;
    if (!reader) return;
    bool needed = false;
    for (int i = 0; i <= ahead_count; i++) {
        Kernel **place = i < ahead_count ? &ahead[i] : kernel;
        bool first = i < ahead_count || prepares;
        if (reader->read(reader->context, *place, first, planner->arena))
            *place = kernel_outline(*place, planner->arena);
        else
            needed = true;
    }
    if (needed)
        arena_adopt(planner->arena, reader->scratch);
    else
        arena_reset(reader->scratch);
}

static void read_from(const Kernel *kernel, const Node *old, const Node *node) {
    for (size_t i = 0; i < kernel->buffers.count; i++)
        if (kernel->buffers.items[i]->node == old) kernel->buffers.items[i]->node = node;
}

/* What others have packed alike is taken from there. */
static void add_packs(Lowering *l, Lowered *entry, const Kernel *kernel, Kernel **ahead,
                      Buf *bodies, int count) {
    for (int i = 0; i < count; i++) {
        const Kernel *same = bodies[i].size ? find_pack(l, ahead[i], &bodies[i]) : NULL;
        if (same) {
            read_from(kernel, result_of(ahead[i])->node, result_of(same)->node);
            buf_free(&bodies[i]);
        } else {
            add_ahead(l, ahead[i]);
            VEC_PUSH(l->packs, (Pack){ahead[i], bodies[i]});
        }
        entry->ahead[entry->ahead_count++] = same ? same : ahead[i];
    }
}

static Kernel *lower_anew(Lowering *l, Lowered *entry) {
    Planner *planner = l->planner;
    Kernel *kernel = lower_group(entry->group, planner->plan->target, &l->context);
    kernel->split = planner->options.split > 0 &&
                    kernel_cycles(kernel) >= (double)planner->options.split &&
                    kernel_splits(kernel);
    Kernel **ahead = l->context.ahead.items;
    int count = (int)l->context.ahead.count;
    NNC_CHECK(count <= LOWER_MAX_AHEAD, "%s packs %d values", kernel->name, count);
    Buf bodies[LOWER_MAX_AHEAD] = {0};
    for (int i = 0; i < count; i++) {
        if (may_repeat(l, ahead[i])) kernel_dump_body(&bodies[i], ahead[i]);
        mark_outputs(l->lists->prepared, ahead[i]);
    }
    read_kernels(planner, ahead, count, &kernel, group_is_prepared(l, entry->group, kernel));
    add_packs(l, entry, kernel, ahead, bodies, count);
    l->context.ahead.count = 0;
    entry->kernel = kernel;
    VEC_PUSH(l->lowered, *entry);
    return kernel;
}

static Kernel *lower_once(Lowering *l, const Group *group) {
    Lowered entry = new_entry(l, group);
    const Lowered *lowered = find_lowered(l, &entry);
    if (!lowered) return lower_anew(l, &entry);
    buf_free(&entry.key);
    return lower_alike(l, lowered, group);
}

static const uint32_t *count_readers(const Fusion *fusion, size_t value_count, Arena *arena) {
    uint32_t *readers = ARENA_ARRAY(arena, uint32_t, value_count);
    for (int g = 0; g < fusion->group_count; g++)
        for (int i = 0; i < fusion->groups[g]->input_count; i++)
            readers[fusion->groups[g]->inputs[i]->id]++;
    return readers;
}

static void lowering_free(Lowering *l) {
    for (size_t i = 0; i < l->lowered.count; i++)
        buf_free(&l->lowered.items[i].key);
    for (size_t i = 0; i < l->packs.count; i++)
        buf_free(&l->packs.items[i].body);
    VEC_FREE(l->lowered);
    VEC_FREE(l->packs);
    VEC_FREE(l->context.ahead);
}

void plan_lower(Planner *planner, const Fusion *fusion, const bool *param_only, Lists *lists) {
    Plan *plan = planner->plan;
    Lowering l = {.planner = planner, .param_only = param_only, .lists = lists};
    l.context = (LowerContext){.arena = planner->reader ? planner->reader->scratch : planner->arena,
                               .values = planner->arena,
                               .next_value = (uint32_t)planner->graph->nodes.count,
                               .threads = planner->options.split > 0,
                               .precision = planner->options.precision,
                               .schedules = planner->options.schedules,
                               .candidates = planner->options.candidates};
    l.readers = count_readers(fusion, planner->value_count, planner->arena);
    l.known = ARENA_ARRAY(planner->arena, bool, planner->value_count);
    for (size_t id = 0; param_only && id < planner->graph->nodes.count; id++) {
        l.known[id] = param_only[id] && planner->values[id].placed;
    }
    if (param_only) l.context.known = l.known;
    for (int g = 0; g < fusion->group_count; g++) {
        Kernel *kernel = lower_once(&l, fusion->groups[g]);
        if (group_is_prepared(&l, fusion->groups[g], kernel)) {
            lists->first[lists->first_count++] = kernel;
            mark_outputs(lists->prepared, kernel);
            mark_outputs(l.known, kernel);
        } else {
            lists->run[lists->run_count++] = kernel;
            plan->flops += kernel->flops;
        }
    }
    lowering_free(&l);
}
