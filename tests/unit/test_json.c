/* The JSON form: random programs are written, read back and print the same text; every number
 * survives; JSON that is no program is refused with a message that names the place. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "tests/support/random_graph.h"

static const char SOURCE[] = "def f(x):\n    # comment é\n    return x\n";

/* A program with everything that the form holds, some of it odd. */
typedef struct Case {
    Arena arena;
    Sources sources;
    uint16_t file;
    Program program;
    RandomGraph graphs[FUNCTION_INIT + 1];
} Case;

static void start(Case *test) {
    *test = (Case){0};
    sources_init(&test->sources);
    test->file = sources_add(&test->sources, "a b.nn", SOURCE, sizeof SOURCE - 1);
    test->program = (Program){.arena = &test->arena, .name = "net", .sources = &test->sources};
}

static void finish(Case *test) {
    program_release(&test->program);
    sources_free(&test->sources);
    arena_free(&test->arena);
}

static void fill(Case *test, uint64_t seed) {
    static const double fills[] = {0, -0.0, 0.1, 1e300, 5e-324};
    Random random = {seed};
    Program *program = &test->program;
    RandomGraph types = {.random = random};
    for (int i = 0; i < 5; i++) {
        Type type = random_type(&types, (DType)random_below(&random, DT_COUNT), 0, 4);
        const char *name = arena_printf(&test->arena, "a \"%d\"\\\n.b/ü", i);
        int tied = random_below(&random, i + 1) - 1;
        VEC_PUSH(program->params, (ProgramEntry){name, type, tied, 0});
        VEC_PUSH(program->buffers, (ProgramEntry){name, type, -1, 0});
        VEC_PUSH(program->states, (ProgramEntry){name, type, -1, fills[i]});
        VEC_PUSH(program->hypers, (ProgramHyper){name, type.dtype, fills[i] / 3});
        VEC_PUSH(program->inputs, (ProgramField){name, type});
        VEC_PUSH(program->outputs, (ProgramField){name, type});
        VEC_PUSH(program->targets, (ProgramField){name, type});
    }
    program->batch = 128;
    program->states.items[0].fill = (double)INFINITY;
    program->hypers.items[1].value = -(double)INFINITY;
    program->hypers.items[2].value = (double)NAN;
    for (int kind = 0; kind <= FUNCTION_INIT; kind++) {
        RandomGraph *graph = &test->graphs[kind];
        random_graph_start(graph, &test->arena, seed * 4 + (uint64_t)kind,
                           seed % 2 ? DT_F32 : DT_F64);
        random_graph_fill(graph, 20, NULL);
        random_graph_places(graph, test->file, 10);
        graph_output(graph->graph, "new", graph->graph->inputs.items[0].node, OUT_UPDATE, 0);
        VEC_PUSH(program->functions, (ProgramFunction){(FunctionKind)kind, graph->graph, kind});
        VEC_FREE(graph->pool);
        VEC_FREE(graph->ranges);
    }
}

/* The program's JSON read back: equal as text and as JSON. */
static void check_round_trip(Case *test, uint64_t seed) {
    Buf json = {0}, again = {0}, text = {0}, back_text = {0}, error = {0};
    program_json(&json, &test->program);
    program_print(&text, &test->program);
    Program *back = program_from_json(&test->arena, &test->sources, json.data, json.size, &error);
    cr_assert_not_null(back, "seed %d: %s\n%s", (int)seed, buf_text(&error), buf_text(&json));
    program_print(&back_text, back);
    program_json(&again, back);
    cr_assert_str_eq(buf_text(&back_text), buf_text(&text));
    cr_assert_str_eq(buf_text(&again), buf_text(&json));
    for (size_t i = 0; i < back->functions.count; i++)
        cr_assert(graph_verify(back->functions.items[i].graph, &error), "%s", buf_text(&error));
    program_release(back);
    buf_free(&json);
    buf_free(&again);
    buf_free(&text);
    buf_free(&back_text);
}

Test(json, round_trip_of_random_programs) {
    for (uint64_t seed = 0; seed < 150; seed++) {
        Case test;
        start(&test);
        fill(&test, seed);
        check_round_trip(&test, seed);
        finish(&test);
    }
}

/* Signs of zero, payloads of NaN, and integers that a double lacks. */
Test(json, numbers_survive) {
    Case test;
    start(&test);
    Graph *graph = graph_new(&test.arena, "forward");
    VEC_PUSH(test.program.functions, (ProgramFunction){FUNCTION_FORWARD, graph, 0});
    const int64_t four = 4, many = 17;
    float payload;
    const uint32_t bits = 0x7fc12345u;
    memcpy(&payload, &bits, sizeof payload);
    const float singles[] = {-0.0f, INFINITY, 16777217.0f, 1e-45f};
    const float odd[] = {payload, -INFINITY, 0.1f, 3.0f};
    const double doubles[] = {-0.0, 0.1, 1.7976931348623157e308, (double)NAN};
    const int64_t integers[] = {INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1, -3};
    const uint8_t bytes[17] = {0, 255, 7};
    const struct {
        DType dtype;
        int64_t count;
        const void *data;
    } constants[] = {{DT_F32, four, singles},
                     {DT_F32, four, odd},
                     {DT_F64, four, doubles},
                     {DT_I64, four, integers},
                     {DT_U8, many, bytes}};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        Type type = type_make(constants[i].dtype, 1, &constants[i].count);
        graph_output(graph, "y", build_const(graph, type, constants[i].data), OUT_RESULT, -1);
    }
    check_round_trip(&test, 0);
    finish(&test);
}

static void expect_error(const char *text, const char *message) {
    Arena arena = {0};
    Sources sources;
    Buf error = {0};
    sources_init(&sources);
    cr_expect_null(program_from_json(&arena, &sources, text, strlen(text), &error), "accepted: %s",
                   text);
    cr_expect_not_null(strstr(buf_text(&error), message), "\"%s\" is not in: %s", message,
                       buf_text(&error));
    buf_free(&error);
    sources_free(&sources);
    arena_free(&arena);
}

#define EMPTY                                                                                      \
    "{\"name\":\"n\",\"params\":[],\"buffers\":[],\"states\":[],\"hypers\":[],\"inputs\":[],"      \
    "\"outputs\":[],\"targets\":[],\"functions\":["
#define HEAD                                                                                       \
    EMPTY "{\"kind\":\"forward\",\"name\":\"g\",\"inputs\":[{\"id\":0,\"name\":\"x\","             \
          "\"role\":\"data\",\"slot\":0,\"dtype\":\"f32\",\"shape\":[2,3]}],"
#define F23 "\"types\":[{\"dtype\":\"f32\",\"shape\":[2,3]}]"
#define NODE(op, inputs, attrs)                                                                    \
    HEAD "\"nodes\":[{\"id\":1,\"op\":\"" op "\",\"inputs\":" inputs ",\"attrs\":" attrs "," F23   \
         "}],\"outputs\":[]}]}"
#define OUTPUT(fields) HEAD "\"nodes\":[],\"outputs\":[{\"name\":\"y\"," fields "}]}]}"

Test(json, errors_name_the_place) {
    expect_error("", "byte 0: not JSON");
    expect_error("{\"name\": \"n\", ", "not JSON");
    expect_error("{\"name\":\"n\"} x", "text after the program's end");
    expect_error("3", "\"name\" should be text");
    expect_error("{\"name\":\"n\"}", "\"params\" should be a list");
    expect_error("{\"name\":\"n\",\"params\":[3]}", "params[0]: \"key\" should be text");
    expect_error(EMPTY "{\"kind\":\"sideways\"}]}", "functions[0]: no kind `sideways`");
    expect_error(NODE("frob", "[0]", "{}"), "functions[0].nodes[0]: no op `frob`");
    expect_error(NODE("add", "[0]", "{}"), "takes 2 operands, got 1");
    expect_error(NODE("add", "[0,7]", "{}"), "functions[0].nodes[0].inputs[1]: node 7 is not");
    expect_error(NODE("add", "[0,0.5]", "{}"), "a node's number is expected");
    expect_error(NODE("add", "[0,-1]", "{}"), "node -1 is not defined");
    expect_error(NODE("neg", "[0]", "[]"), "\"attrs\" should be an object");
    expect_error(NODE("neg", "[0]", "{\"bogus\":1}"), "no attribute `bogus`");
    expect_error(NODE("neg", "[0]", "{\"axis\":1}"), "takes 0 attributes");
    expect_error(NODE("cumsum", "[0]", "{\"axis\":1}"), "missing attribute reverse");
    expect_error(NODE("cumsum", "[0]", "{\"axis\":5,\"reverse\":0}"), "axis 5 is out of range");
    expect_error(NODE("cumsum", "[0]", "{\"axis\":1e30,\"reverse\":0}"), "should be an integer");
    expect_error(NODE("permute", "[0]", "{\"perm\":[1,0]}"), "the result's type is f32[3,2]");
    expect_error(NODE("permute", "[0]", "{\"perm\":[0,\"x\"]}"), "a list of integers");
    expect_error(NODE("const", "[]", "{\"data\":[1.5,\"x\"]}"), "should list elements of f32");
    expect_error(NODE("const", "[]", "{\"data\":\"0z\"}"), "should list elements of f32");
    expect_error(NODE("const", "[]", "{\"data\":[1.5]}"), "missing attribute shape");
    expect_error(HEAD "\"nodes\":[{\"id\":0,\"op\":\"neg\",\"inputs\":[0],\"attrs\":{}," F23
                      "}]}]}",
                 "node 0 is defined twice");
    expect_error(HEAD "\"nodes\":[{\"id\":5000000,\"op\":\"neg\"}]}]}", "\"id\" should be");
    expect_error(OUTPUT("\"value\":3"), "functions[0].outputs[0]: node 3 is not defined");
    expect_error(OUTPUT("\"value\":0,\"updates\":1"),
                 "\"updates\" should be an integer from 0 to 0");
}

/* Each member of a good program taken away, or replaced by something else, at every depth. */
static void spoil(Case *test, cJSON *root, cJSON *at, int *refused) {
    static const char *const others[] = {"null", "-1", "1e999", "\"\"", "[]", "{}", "[[[3]]]"};
    for (cJSON *item = at->child; item; item = item->next) {
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            cJSON kept = *item, *other = cJSON_Parse(others[i]);
            item->type = other->type;
            item->valuestring = other->valuestring;
            item->valuedouble = other->valuedouble;
            item->child = other->child;
            char *text = cJSON_PrintUnformatted(root);
            *item = kept;
            Buf error = {0};
            Program *program =
                program_from_json(&test->arena, &test->sources, text, strlen(text), &error);
            cr_assert((program == NULL) == (error.size > 0), "%s", text);
            *refused += program == NULL;
            if (program) program_release(program);
            buf_free(&error);
            cJSON_free(text);
            cJSON_Delete(other);
        }
        spoil(test, root, item, refused);
    }
}

Test(json, no_spoiled_program_gets_through) {
    Case test;
    start(&test);
    fill(&test, 3);
    while (test.program.functions.count > 1)
        graph_free(test.program.functions.items[--test.program.functions.count].graph);
    Buf json = {0};
    program_json(&json, &test.program);
    cJSON *root = cJSON_Parse(buf_text(&json));
    int refused = 0;
    spoil(&test, root, root, &refused);
    cr_expect_gt(refused, 500);
    cJSON_Delete(root);
    buf_free(&json);
    finish(&test);
}

/* The names that readers of the form count on. */
Test(json, the_form_itself) {
    Case test;
    start(&test);
    fill(&test, 1);
    Buf json = {0};
    program_json(&json, &test.program);
    cJSON *root = cJSON_Parse(buf_text(&json));
    cJSON *function = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "functions"), 0);
    cr_expect_str_eq(cJSON_GetObjectItem(function, "kind")->valuestring, "forward");
    cr_expect_eq(cJSON_GetArraySize(cJSON_GetObjectItem(function, "nodes")) +
                     cJSON_GetArraySize(cJSON_GetObjectItem(function, "inputs")),
                 (int)test.graphs[0].graph->nodes.count);
    cJSON *state = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "states"), 0);
    cr_expect_str_eq(cJSON_GetObjectItem(state, "fill")->valuestring, "inf");
    cJSON_Delete(root);
    buf_free(&json);
    finish(&test);
}
