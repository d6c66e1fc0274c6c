/* From a Program to a Module: names of structs and fields, optimized graphs, plans. */
#include "codegen/module.h"

#include <ctype.h>
#include <stdatomic.h>
#include <string.h>

#include "passes/pass.h"
#include "support/checked.h"
#include "support/parallel.h"

#ifdef NDEBUG
enum { VERIFY_PASSES = false };
#else
enum { VERIFY_PASSES = true };
#endif

/* An identifier that no macro or type of C's headers has: names of two or more capitals and no
 * small letter (NULL, INT_MAX), printf's formats (PRId64), and types get a '_' at the end. */
static const char *field_ident(Arena *arena, const char *text) {
    const char *ident = c_identifier(arena, text);
    int capitals = 0, small = 0;
    for (const char *c = ident; *c; c++) {
        capitals += *c >= 'A' && *c <= 'Z';
        small += *c >= 'a' && *c <= 'z';
    }
    size_t size = strlen(ident);
    bool type = size > 2 && strcmp(ident + size - 2, "_t") == 0;
    bool format = strncmp(ident, "PRI", 3) == 0 || strncmp(ident, "SCN", 3) == 0;
    bool macro = (capitals > 1 && small == 0) || format;
    return type || macro ? arena_printf(arena, "%s_", ident) : ident;
}

/* An identifier made from the text that none of the fields before has. */
static const char *unique_ident(Arena *arena, const ModuleField *fields, int count,
                                const char *text) {
    const char *base = field_ident(arena, text), *ident = base;
    for (int copy = 2, i = 0; i < count; i++) {
        if (strcmp(fields[i].ident, ident) != 0) continue;
        ident = arena_printf(arena, "%s_%d", base, copy++);
        i = -1;
    }
    return ident;
}

static int add_field(Arena *arena, ModuleStruct *structure, const char *name, Type type) {
    ModuleField *field = &structure->fields[structure->count];
    *field =
        (ModuleField){unique_ident(arena, structure->fields, structure->count, name), name, type};
    return structure->count++;
}

/* "my_net" -> "MyNet". */
static const char *camel_case(Arena *arena, const char *text) {
    char *out = arena_strdup(arena, text);
    size_t size = 0;
    bool upper = true;
    for (; *text; text++) {
        if (*text == '_') {
            upper = true;
            continue;
        }
        out[size++] = (char)(upper ? toupper((unsigned char)*text) : *text);
        upper = false;
    }
    out[size] = '\0';
    return c_identifier(arena, out);
}

static const char *upper_case(Arena *arena, const char *text) {
    char *out = arena_strdup(arena, text);
    for (char *c = out; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return out;
}

static ModuleStruct new_struct(const Module *module, const char *name, size_t capacity) {
    return (ModuleStruct){.type_name =
                              arena_printf(module->arena, "%s%s", module->type_prefix, name),
                          .fields = ARENA_ARRAY(module->arena, ModuleField, capacity)};
}

/* Tied entries share the field of the entry that they are another name of. */
static const int *add_entries(Module *module, const ProgramEntry *entries, size_t count) {
    int *field = ARENA_ARRAY(module->arena, int, count);
    for (size_t i = 0; i < count; i++) {
        const ProgramEntry *entry = &entries[i];
        field[i] = entry->tied_to >= 0
                       ? field[entry->tied_to]
                       : add_field(module->arena, &module->params, entry->key, entry->type);
    }
    return field;
}

static void add_program_fields(Module *module, ModuleStruct *structure, const char *name,
                               const ProgramField *fields, size_t count) {
    *structure = new_struct(module, name, count);
    for (size_t i = 0; i < count; i++) {
        add_field(module->arena, structure, fields[i].name, fields[i].type);
    }
}

/* Names of the train step's parameters: all of them are one scope. */
static void lay_out_train_parameters(Module *module, const Graph *graph) {
    static const char *const others[] = {"ctx", "train", "in", "target"};
    enum { OTHERS = sizeof others / sizeof *others };
    const Program *program = module->program;
    size_t outputs = graph ? graph->outputs.count : 0, hypers = program->hypers.count;
    ModuleStruct names = {.fields =
                              ARENA_ARRAY(module->arena, ModuleField, OTHERS + hypers + outputs)};
    for (int i = 0; i < OTHERS; i++) {
        add_field(module->arena, &names, others[i], type_scalar(DT_F32));
    }
    for (size_t i = 0; i < hypers; i++) {
        add_field(module->arena, &names, program->hypers.items[i].name,
                  type_scalar(program->hypers.items[i].dtype));
    }
    for (size_t i = 0; i < outputs; i++) {
        const GraphOutput *output = &graph->outputs.items[i];
        if (output->role != OUT_RESULT) continue;
        add_field(module->arena, &names, output->name ? output->name : "loss", output->value->type);
    }
    module->hypers = names.fields + OTHERS;
    module->results = (ModuleStruct){.fields = module->hypers + hypers,
                                     .count = names.count - OTHERS - (int)hypers};
}

/* The train step may see another batch than forward. */
static void lay_out_train_inputs(Module *module, const Graph *graph) {
    module->train_in = new_struct(module, "TrainIn", (size_t)module->in.count);
    module->train_in.count = module->in.count;
    module->same_in = true;
    for (int i = 0; i < module->in.count; i++) {
        module->train_in.fields[i] = module->in.fields[i];
    }
    for (size_t i = 0; graph && i < graph->inputs.count; i++) {
        const GraphInput *input = &graph->inputs.items[i];
        if (input->role != ROLE_DATA || input->slot >= module->in.count) continue;
        module->train_in.fields[input->slot].type = input->node->type;
        module->same_in &= type_equal(&input->node->type, &module->in.fields[input->slot].type);
    }
}

static void lay_out_structs(Module *module) {
    const Program *program = module->program;
    size_t params = program->params.count, buffers = program->buffers.count;
    module->params = new_struct(module, "Params", params + buffers);
    module->param_field = add_entries(module, program->params.items, params);
    module->grads = new_struct(module, "Grads", params);
    bool backward = module_first(module, FUNCTION_BACKWARD) != NULL;
    for (int i = 0; backward && i < module->params.count; i++) {
        module->grads.fields[module->grads.count++] = module->params.fields[i];
    }
    module->buffer_field = add_entries(module, program->buffers.items, buffers);
    module->states = new_struct(module, "States", program->states.count);
    for (size_t i = 0; i < program->states.count; i++) {
        const ProgramEntry *entry = &program->states.items[i];
        add_field(module->arena, &module->states, entry->key, entry->type);
    }
    add_program_fields(module, &module->in, "In", program->inputs.items, program->inputs.count);
    add_program_fields(module, &module->out, "Out", program->outputs.items, program->outputs.count);
    add_program_fields(module, &module->target, "Target", program->targets.items,
                       program->targets.count);
    const ModuleFunction *step = module_first(module, FUNCTION_TRAIN_STEP);
    lay_out_train_parameters(module, step ? step->traced : NULL);
    lay_out_train_inputs(module, step ? step->traced : NULL);
}

/* A file for a processor with a matrix unit has kernels without, too: the system may refuse it. */
static void list_single(Module *module, const Target *target) {
    bool bf16 = module->options->precision == PRECISION_MEDIUM;
    if (target->tiles)
        module->variants[module->variant_count++] = target_least(target, bf16, false);
    module->variants[module->variant_count++] = target;
}

/* The matrix unit is for those who ask for it, as long as none was measured. */
static void list_dispatched(Module *module) {
    static const char *const names[] = {"none", "avx2", "avx512", "avx512bf16"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const Target *target = target_find(names[i]);
        if (target->bf16 && module->options->precision != PRECISION_MEDIUM) continue;
        module->variants[module->variant_count++] = target;
    }
}

static bool choose_variants(Module *module, Buf *error) {
    const CodegenOptions *options = module->options;
    const Target *target =
        options->cuda ? target_gpu() : target_for(options->vector, options->precision);
    if (!target) {
        buf_printf(error, "unknown vector unit '%s'", options->vector);
        return false;
    }
    if (options->dispatch)
        list_dispatched(module);
    else
        list_single(module, target);
    return true;
}

bool module_dispatches(const Module *module) {
    return module->variant_count > 1;
}

bool module_keeps_isa(const Module *module) {
    return module->tiles && module_has_params(module) && module_first(module, FUNCTION_FORWARD);
}

static bool has_tiles(const PlanSteps *steps) {
    for (int i = 0; i < steps->count; i++)
        if (steps->items[i].kernel && steps->items[i].kernel->tiles) return true;
    return false;
}

/* The variant for a matrix unit goes unless some kernel uses it. */
static void drop_idle_variant(Module *module) {
    int last = module->variant_count - 1;
    if (!module->variants[last]->tiles) return;
    for (int i = 0; i < module->function_count && !module->tiles; i++)
        if (module->functions[i].kind != FUNCTION_INIT)
            module->tiles = has_tiles(&module->functions[i].plans[last]->run);
    module->variant_count -= !module->tiles;
}

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

/* The memory of the context: every variant of every function but init fits. */
static void count_memory(Module *module, const Plan *plan) {
    static const PlanSteps none;
    const PlanSteps *prepare = module->options->embed_weights ? &none : &plan->prepare;
    size_t bytes = larger(plan->run.arena_bytes, prepare->arena_bytes);
    size_t bound = larger(plan->run.arena_lower_bound, prepare->arena_lower_bound);
    bytes = (bytes + PLAN_ALIGNMENT - 1) / PLAN_ALIGNMENT * PLAN_ALIGNMENT;
    module->arena_bytes = larger(module->arena_bytes, bytes);
    module->arena_lower_bound = larger(module->arena_lower_bound, bound);
    module->prepared_bytes = larger(module->prepared_bytes, plan->prepared_bytes);
    module->worker_bytes = larger(module->worker_bytes, file_worker_bytes(&plan->run));
}

enum { DRAFT = -1 };

/* What there is to do: a function's graph to optimize, or a variant of it to plan. */
typedef struct Job {
    const Module *module;
    ModuleFunction *function;
    Gate *drafted; /* of the function */
    int variant;   /* or DRAFT */
    Uses *uses;    /* of the kernels' texts */
    atomic_bool taken;
} Job;

/* What a worker uses for one kernel after the other. */
typedef struct Worker {
    Arena arena;
    Buf text;
} Worker;

typedef struct Jobs {
    VEC(Job) list;
    Worker workers[PARALLEL_MAX];
} Jobs;

static const Fusion *fuse_graph(const CodegenOptions *options, const Graph *graph, Arena *arena) {
    return passes_include(options->level, options->passes, "fuse") ? fuse(graph, arena)
                                                                   : fuse_nothing(graph, arena);
}

static PlanOptions plan_options(const CodegenOptions *options, FunctionKind kind) {
    return (PlanOptions){.prepare =
                             kind == FUNCTION_FORWARD && !(options->cuda && options->embed_weights),
                         .split = kind == FUNCTION_INIT ? 0 : options->split,
                         .precision = options->precision,
                         .schedules = options->schedules,
                         .candidates = options->candidates};
}

/* The arena of a training function that has this graph: of the variant that needs most. */
static size_t measure_arena(const void *measurer, const Graph *graph) {
    const Module *module = measurer;
    size_t most = 0;
    for (int i = 0; i < module->variant_count; i++) {
        Arena arena = {0};
        const Fusion *fusion = fuse_graph(module->options, graph, &arena);
        PlanOptions options = plan_options(module->options, FUNCTION_TRAIN_STEP);
        most = larger(
            most, plan_graph(fusion, module->variants[i], options, NULL, &arena)->run.arena_bytes);
        arena_free(&arena);
    }
    return most;
}

/* Optimizes and fuses a function's graph. */
static void draft(const Module *module, ModuleFunction *function) {
    const CodegenOptions *options = module->options;
    PassContext pass_context = {.arena = &function->arena,
                                .inference = function->kind == FUNCTION_FORWARD,
                                .gpu = options->cuda,
                                .verify = VERIFY_PASSES,
                                .dump = options->dump,
                                .dump_out = options->dump_out,
                                .sources = module->program->sources,
                                .measure = measure_arena,
                                .measurer = module};
    if (function->kind == FUNCTION_BACKWARD || function->kind == FUNCTION_TRAIN_STEP)
        pass_context.recompute = options->recompute;
    function->graph = passes_run(function->traced, options->level, options->passes, &pass_context);
    function->fusion = fuse_graph(options, function->graph, &function->arena);
    if (pass_is_dumped(options->dump, "fuse")) {
        buf_puts(options->dump_out, "// after fuse\n");
        fusion_print(options->dump_out, function->fusion);
    }
}

/* A kernel's text is made as soon as the kernel is: while it is in the cache, and in memory that
 * the next one will use again. */
typedef struct Reading {
    const Job *job;
    Worker *worker;
} Reading;

static bool print_at_once(void *context, Kernel *kernel, bool prepares, Arena *arena) {
    const Reading *reading = context;
    const Module *module = reading->job->module;
    if (prepares && module->options->embed_weights) return false; /* it runs here and now */
    kernel->text = print_kernel_text(kernel, module->program->sources, reading->job->uses,
                                     &reading->worker->text, arena);
    return true;
}

static void plan(Job *job, Worker *worker) {
    ModuleFunction *function = job->function;
    Arena *arena = &function->arenas[job->variant];
    Reading reading = {job, worker};
    PlanReader reader = {print_at_once, &reading, &worker->arena};
    job->uses = uses_new(arena);
    const CodegenOptions *options = job->module->options;
    /* Weights are drawn on the CPU; what a GPU's kernels would prepare can't be run here. */
    bool host = function->kind == FUNCTION_INIT && options->cuda;
    const Target *target = host ? target_find("none") : job->module->variants[job->variant];
    function->plans[job->variant] =
        plan_graph(function->fusion, target, plan_options(options, function->kind), &reader, arena);
}

/* The first job that nobody has taken and that need not wait for a draft; else the first one. */
static Job *take_job(Jobs *jobs) {
    for (bool waits = false;; waits = true) {
        for (size_t i = 0; i < jobs->list.count; i++) {
            Job *job = &jobs->list.items[i];
            if (atomic_load(&job->taken)) continue;
            bool ready = job->variant == DRAFT || waits || gate_is_open(job->drafted);
            if (ready && !atomic_exchange(&job->taken, true)) return job;
        }
    }
}

static void do_job(void *context, int index, int worker) {
    (void)index; /* there is a job for each */
    Jobs *jobs = context;
    Job *job = take_job(jobs);
    if (job->variant == DRAFT) {
        draft(job->module, job->function);
        gate_open(job->drafted);
    } else {
        gate_wait(job->drafted);
        plan(job, &jobs->workers[worker]);
    }
}

static void list_jobs(Module *module, Jobs *jobs) {
    int count = module->function_count;
    Gate *drafted = ARENA_ARRAY(module->arena, Gate, (size_t)count);
    for (int i = count; i-- > 0;) { /* the train step takes longest: it is first */
        drafted[i] = gate_shut();
        VEC_PUSH(jobs->list, (Job){module, &module->functions[i], &drafted[i], DRAFT, NULL, false});
    }
    for (int i = count; i-- > 0;) {
        ModuleFunction *function = &module->functions[i];
        int variants = function->kind == FUNCTION_INIT ? 1 : module->variant_count;
        for (int variant = variants; variant-- > 0;) /* the ablest has most text */
            VEC_PUSH(jobs->list, (Job){module, function, &drafted[i], variant, NULL, false});
    }
}

static void make_functions(Module *module) {
    const CodegenOptions *options = module->options;
    Jobs jobs = {0};
    list_jobs(module, &jobs);
    int drafts = module->function_count, count = (int)jobs.list.count;
    for (int i = drafts; options->dump && i-- > 0;)
        do_job(&jobs, i, 0); /* into one text: in the functions' order */
    for (int i = drafts; options->dump && i < count; i++)
        do_job(&jobs, i, 0);
    if (!options->dump) parallel_for(count, do_job, &jobs);
    FileParts *parts = &module->parts;
    parts->uses = uses_new(module->arena);
    parts->device_uses = options->devices ? uses_new(module->arena) : parts->uses;
    for (int i = 0; i < count; i++) {
        const Job *job = &jobs.list.items[i];
        bool host = job->function->kind == FUNCTION_INIT;
        if (job->uses) uses_add(host ? parts->uses : parts->device_uses, job->uses);
    }
    for (int i = 0; i < PARALLEL_MAX; i++) {
        arena_free(&jobs.workers[i].arena);
        buf_free(&jobs.workers[i].text);
    }
    VEC_FREE(jobs.list);
    drop_idle_variant(module);
    module->parts.attributes = module_dispatches(module);
    for (int i = 0; i < module->function_count; i++) {
        if (!pass_is_dumped(options->dump, "memplan")) continue;
        buf_puts(options->dump_out, "// after memplan\n");
        plan_print(options->dump_out, module->functions[i].plans[0]);
    }
}

static void count_all_memory(Module *module) {
    for (int i = 0; i < module->function_count; i++) {
        const ModuleFunction *function = &module->functions[i];
        if (function->kind == FUNCTION_INIT) continue;
        for (int variant = 0; variant < module->variant_count; variant++)
            count_memory(module, function->plans[variant]);
    }
}

static bool check_functions(const Module *module, Buf *error) {
    const Program *program = module->program;
    for (size_t i = 0; i < program->functions.count; i++) {
        const Graph *graph = program->functions.items[i].graph;
        FunctionKind kind = program->functions.items[i].kind;
        for (size_t j = 0; kind == FUNCTION_FORWARD && j < graph->outputs.count; j++) {
            if (graph->outputs.items[j].role != OUT_UPDATE) continue;
            buf_printf(error, "forward changes %s: compile it in eval mode",
                       graph->outputs.items[j].name);
            return false;
        }
    }
    if (module->options->embed_weights && !program->weights) {
        buf_puts(error, "no weights to put into the file: --weights names them");
        return false;
    }
    return true;
}

/* Not one that our own static names start with. A keyword is fine: no name is the prefix alone. */
const char *codegen_prefix(Arena *arena, const char *name) {
    static const char *const own[] = {"kernel", "constant", "nn",      "json",  "state", "entry",
                                      "isa",    "context",  "prepare", "train", "mem",   "str"};
    char *prefix = c_identifier(arena, name);
    size_t end = strlen(prefix);
    while (end > 1 && prefix[end - 1] == '_')
        end--; /* C++ reserves double underscores */
    prefix[end] = '\0';
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        size_t size = strlen(own[i]);
        bool clashes = strncmp(prefix, own[i], size) == 0 && (!prefix[size] || prefix[size] == '_');
        if (clashes) return arena_printf(arena, "net_%s", prefix);
    }
    return prefix;
}

static void add_function(Module *module, const ProgramFunction *function) {
    static const char *const names[] = {"forward", "backward", "train_step", "init"};
    const char *name = names[function->kind];
    if (function->batch > 0)
        name = arena_printf(module->arena, "%s_b%lld", name, (long long)function->batch);
    module->functions[module->function_count++] = (ModuleFunction){
        .kind = function->kind, .batch = function->batch, .name = name, .traced = function->graph};
    for (size_t i = 0; i < function->graph->inputs.count; i++)
        module->has_key |= function->graph->inputs.items[i].role == ROLE_KEY;
}

static void add_functions(Module *module) {
    const Program *program = module->program;
    /* With fixed weights there is nothing to train or to initialize. */
    int last = module->options->embed_weights ? FUNCTION_FORWARD : FUNCTION_INIT;
    module->functions = ARENA_ARRAY(module->arena, ModuleFunction, program->functions.count);
    for (int kind = 0; kind <= last; kind++) {
        for (size_t i = 0; i < program->functions.count; i++) {
            const ProgramFunction *function = &program->functions.items[i];
            if ((int)function->kind == kind) add_function(module, function);
        }
    }
}

const ModuleFunction *module_first(const Module *module, FunctionKind kind) {
    for (int i = 0; i < module->function_count; i++)
        if (module->functions[i].kind == kind) return &module->functions[i];
    return NULL;
}

bool module_lay_out(Module *module, const Program *program, const CodegenOptions *options,
                    Arena *arena, Buf *error) {
    *module = (Module){.arena = arena, .program = program, .options = options};
    module->parts.arena = arena;
    module->prefix = codegen_prefix(arena, options->prefix ? options->prefix : program->name);
    module->type_prefix = camel_case(arena, module->prefix);
    module->macro_prefix = upper_case(arena, module->prefix);
    if (options->header && !emit_can_include(options->header)) {
        buf_printf(error,
                   "%s: the header's name has a character that can't stand in an #include: name "
                   "the output with -o",
                   options->header);
        return false;
    }
    module->header =
        options->header ? options->header : arena_printf(arena, "%s.h", module->prefix);
    if (!choose_variants(module, error) || !check_functions(module, error)) return false;
    add_functions(module);
    lay_out_structs(module);
    return true;
}

/* Whether the goal of --recompute is reached; each function has come as near as it can. */
static bool module_fits(const Module *module, Buf *error) {
    const Recompute *wanted = &module->options->recompute;
    if (wanted->mode != RECOMPUTE_FIT || module->arena_bytes <= wanted->bytes) return true;
    buf_printf(error,
               "--recompute: the network can't run in %zu bytes of working memory; it needs "
               "at least %zu",
               wanted->bytes, module->arena_bytes);
    return false;
}

bool module_init(Module *module, const Program *program, const CodegenOptions *options,
                 Arena *arena, Buf *error) {
    if (!module_lay_out(module, program, options, arena, error)) return false;
    make_functions(module);
    if (options->schedules && !module_follows_schedules(module, error)) return false;
    if (!options->embed_weights) module_share_prepared(module);
    count_all_memory(module);
    if (!module_fits(module, error)) return false;
    if (options->embed_weights) module_embed(module);
    return true;
}

void module_free(Module *module) {
    for (int f = 0; f < module->function_count; f++) {
        ModuleFunction *function = &module->functions[f];
        if (function->graph) graph_free(function->graph);
        arena_free(&function->arena);
        for (int i = 0; i < MODULE_MAX_VARIANTS; i++)
            arena_free(&function->arenas[i]);
    }
    file_parts_free(&module->parts);
}

bool module_has_params(const Module *module) {
    return module->params.count > 0 && !module->options->embed_weights;
}

bool module_has_train(const Module *module) {
    return module_first(module, FUNCTION_BACKWARD) || module_first(module, FUNCTION_TRAIN_STEP);
}

bool module_has_threads(const Module *module) {
    bool runs = module_first(module, FUNCTION_FORWARD) || module_has_train(module);
    return module->options->split > 0 && runs;
}

const char *module_macro(const Module *module, const ModuleField *fields, int count,
                         const char *ident) {
    const char *base = upper_case(module->arena, ident), *macro = base;
    for (int copy = 2, i = 0; i < count; i++) {
        if (strcmp(fields[i].ident, macro) != 0) continue;
        macro = arena_printf(module->arena, "%s_%d", base, copy++);
        i = -1;
    }
    return macro;
}

bool codegen_c(const Program *program, const CodegenOptions *options, Buf *source, Buf *header,
               CodegenReport *report, Buf *error) {
    Arena arena = {0};
    Module module;
    bool good = module_init(&module, program, options, &arena, error);
    if (good) {
        Emitter source_emitter = {.out = source}, header_emitter = {.out = header};
        if (options->cuda)
            good = module_print_cuda(&source_emitter, &module, error);
        else
            module_print_source(&source_emitter, &module);
        module_print_header(&header_emitter, &module);
        if (report) module_report(&module, report);
    }
    module_free(&module);
    arena_free(&arena);
    return good;
}
