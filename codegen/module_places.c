/* Where a function's graph inputs and outputs live in the caller's structs, as C expressions; and
 * the same for weights that become constants, as bytes. */
#include <stdlib.h>
#include <string.h>

#include "codegen/c/print.h"
#include "codegen/kernel_interp.h"
#include "codegen/module.h"
#include "support/checked.h"

/* "(const float *)in->x"; a scalar is a plain field, so its address is taken. */
static const char *field_expression(const Module *module, const char *base,
                                    const ModuleField *field, bool written) {
    return arena_printf(module->arena, "(%s%s *)%s%s%s", written ? "" : "const ",
                        dtype_c_type(field->type.dtype), field->type.rank == 0 ? "&" : "", base,
                        field->ident);
}

/* Params stand behind their own pointer in forward and init, inside the train struct elsewhere. */
static const char *params_base(FunctionKind kind) {
    return kind == FUNCTION_FORWARD || kind == FUNCTION_INIT ? "params->" : "train->params.";
}

static const char *weight_constant(Module *module, const GraphInput *input) {
    size_t number = (size_t)input->slot;
    if (input->role == ROLE_BUFFER) number += module->program->params.count;
    return arena_printf(
        module->arena, "%sconstant_%zu", module->options->cuda ? "memory->" : "",
        file_add_constant(&module->parts, &input->node->type, module->program->weights[number]));
}

static const char *data_expression(const Module *module, FunctionKind kind, int slot) {
    if (kind == FUNCTION_INIT) return "&seed";
    if (slot < module->in.count) {
        return field_expression(module, "in->", &module->in.fields[slot], false);
    }
    slot -= module->in.count;
    if (kind == FUNCTION_BACKWARD) {
        return field_expression(module, "grad->", &module->out.fields[slot], false);
    }
    return field_expression(module, "target->", &module->target.fields[slot], false);
}

static const char *input_expression(Module *module, FunctionKind kind, const GraphInput *input,
                                    bool written) {
    int slot = input->slot;
    switch (input->role) {
    case ROLE_DATA:
        return data_expression(module, kind, slot);
    case ROLE_PARAM:
    case ROLE_BUFFER: {
        if (module->options->embed_weights) return weight_constant(module, input);
        int field =
            input->role == ROLE_PARAM ? module->param_field[slot] : module->buffer_field[slot];
        return field_expression(module, params_base(kind), &module->params.fields[field], written);
    }
    case ROLE_GRAD:
        return field_expression(module, "train->grads.",
                                &module->grads.fields[module->param_field[slot]], written);
    case ROLE_STATE:
        return field_expression(module, "train->states.", &module->states.fields[slot], written);
    case ROLE_HYPER:
        return arena_printf(module->arena, "&%shyper_%d", module->options->cuda ? "memory->" : "",
                            slot);
    case ROLE_KEY:
        return "train->key";
    }
    NNC_BUG("an input of role %d", (int)input->role);
}

const char **module_inputs(Module *module, const ModuleFunction *function, int variant) {
    const Graph *graph = function->graph;
    const char **names = ARENA_ARRAY(module->arena, const char *, graph->inputs.count);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        const GraphInput *input = &graph->inputs.items[i];
        bool weight = input->role == ROLE_PARAM || input->role == ROLE_BUFFER;
        /* Weights that only the prepare steps read don't become constants. */
        if (weight && module->options->embed_weights &&
            !plan_reads_input(&function->plans[variant]->run, (int)i)) {
            continue;
        }
        names[i] = input_expression(module, function->kind, input, false);
    }
    return names;
}

/* Result number `result` of init is the entry of that slot. */
static const char *init_expression(const Module *module, int result) {
    int params = (int)module->program->params.count;
    int field =
        result < params ? module->param_field[result] : module->buffer_field[result - params];
    return field_expression(module, "params->", &module->params.fields[field], true);
}

const char **module_outputs(Module *module, const ModuleFunction *function) {
    const Graph *graph = function->graph;
    const char **names = ARENA_ARRAY(module->arena, const char *, graph->outputs.count);
    int result = 0;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (output->role == OUT_UPDATE) {
            names[i] = input_expression(module, function->kind,
                                        &graph->inputs.items[output->updates], true);
        } else if (function->kind == FUNCTION_INIT) {
            names[i] = init_expression(module, result++);
        } else if (function->kind == FUNCTION_TRAIN_STEP) {
            names[i] = arena_printf(module->arena, "result_%d", result++);
        } else {
            names[i] = field_expression(module, "out->", &module->out.fields[result++], true);
        }
    }
    return names;
}

static void *weight_bytes(const Module *module, const GraphInput *input) {
    size_t number = (size_t)input->slot;
    if (input->role == ROLE_BUFFER) number += module->program->params.count;
    union {
        const void *read;
        void *write;
    } address = {.read = module->program->weights[number]};
    return address.write; /* kernels only read it */
}

static void *place_bytes(const Module *module, const Graph *graph, const Place *place,
                         unsigned char *arena, unsigned char *prepared) {
    union {
        const void *read;
        void *write;
    } address = {.write = NULL};
    switch (place->kind) {
    case PLACE_INPUT:
        address.write = weight_bytes(module, &graph->inputs.items[place->index]);
        break;
    case PLACE_CONST:
        address.read = node_attr(place->node, ATTR_data)->data.bytes;
        break;
    case PLACE_ARENA:
        address.write = arena + place->offset;
        break;
    case PLACE_PREPARED:
        address.write = prepared + place->offset;
        break;
    case PLACE_OUTPUT:
        NNC_BUG("a prepare step writes an output");
    }
    return (unsigned char *)address.write + place->skip;
}

static void run_prepare(Module *module, ModuleFunction *function, int variant) {
    const Plan *plan = function->plans[variant];
    size_t alignment = PLAN_ALIGNMENT;
    unsigned char *arena = xcalloc(1, plan->prepare.arena_bytes + alignment);
    unsigned char *prepared = arena_alloc(module->arena, plan->prepared_bytes + 1);
    for (int s = 0; s < plan->prepare.count; s++) {
        const PlanStep *step = &plan->prepare.items[s];
        void **arguments = ARENA_ARRAY(module->arena, void *, (size_t)step->argument_count);
        for (int i = 0; i < step->argument_count; i++) {
            arguments[i] = place_bytes(module, plan->graph, &step->arguments[i], arena, prepared);
        }
        bool good = kernel_run(kernel_decode(kernel_code(step->kernel), module->arena), arguments);
        NNC_CHECK(good, "a prepare step faults");
    }
    free(arena);
    function->prepared[variant] = prepared;
}

void module_embed(Module *module) {
    for (int f = 0; f < module->function_count; f++)
        for (int i = 0; i < module->variant_count; i++)
            run_prepare(module, &module->functions[f], i);
    module->prepared_bytes = 0;
}
