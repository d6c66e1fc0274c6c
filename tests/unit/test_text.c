/* The text form: random graphs print, parse and print again to the same bytes and the same values;
 * wrong texts get an error that names the place. The Graphviz form is counted. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ir/text.h"
#include "ir/verify.h"
#include "tests/support/random_graph.h"

static Graph *parse(Arena *arena, Sources *sources, const char *text) {
    uint16_t file = sources_add(sources, "test.ir", text, strlen(text));
    return file ? graph_parse(arena, sources, file) : NULL;
}

Test(text, round_trip_of_random_graphs) {
    for (uint64_t seed = 0; seed < 300; seed++) {
        Arena arena = {0};
        Sources sources;
        RandomGraph random;
        Buf first = {0}, second = {0}, log = {0};
        sources_init(&sources);
        sources.log = &log;
        static const char source[] = "def f(x):\n    # comment é\n    return x\n";
        uint16_t file = sources_add(&sources, "a b.nn", source, sizeof source - 1);
        random_graph_start(&random, &arena, seed, seed % 2 ? DT_F32 : DT_F64);
        random_graph_fill(&random, 30, NULL);
        random_graph_places(&random, file, 10);
        graph_print(&first, random.graph, &sources);
        Graph *back = parse(&arena, &sources, buf_text(&first));
        cr_assert_not_null(back, "seed %d: %s\n%s", (int)seed, buf_text(&log), buf_text(&first));
        graph_print(&second, back, &sources);
        cr_assert_str_eq(buf_text(&first), buf_text(&second));
        cr_assert_eq(back->nodes.count, random.graph->nodes.count);
        Buf error = {0};
        cr_assert(graph_verify(back, &error), "%s", buf_text(&error));
        graph_free(back);
        random_graph_free(&random);
        buf_free(&first);
        buf_free(&second);
        buf_free(&log);
        sources_free(&sources);
        arena_free(&arena);
    }
}

static const char GOLDEN[] =
    "graph @forward(%0 \"x\": f32[2,3] data 0, %1 \"w\": f32[4,3] param 0) {\n"
    "  %2 = dot(%0, %1) {batch_a=[], batch_b=[], contract_a=[1], contract_b=[1]} : f32[2,4]\n"
    "  %3 = const() {data=[0.1,-0.0,inf,nan,16777216.0]} : f32[5]\n"
    "  %4 = sort(%3) {axis=0, descending=1} : f32[5], i64[5]\n"
    "  %5 = result(%4) {index=1} : i64[5]\n"
    "  %6 = random_mt(%7) {dist=\"normal\", low=0.0, high=1.0, skip=0} : f32[2]\n"
    "  return %2 \"output\", %1 \"w\" updates 1, %5 \"order\"\n"
    "}\n";

Test(text, the_form_itself) {
    Arena arena = {0};
    Sources sources;
    Buf out = {0}, text = {0};
    sources_init(&sources);
    buf_puts(&text, GOLDEN);
    /* The random op's operand comes first. */
    char *seed = strstr(text.data, "  %6"), *seed_end = strstr(seed, "  return");
    memmove(seed, seed_end, strlen(seed_end) + 1);
    Graph *graph = parse(&arena, &sources, text.data);
    cr_assert_not_null(graph);
    graph_print(&out, graph, &sources);
    cr_assert_str_eq(buf_text(&out), text.data);
    cr_assert_eq(graph->outputs.items[1].updates, 1);
    cr_assert_eq(graph->inputs.items[1].role, ROLE_PARAM);
    graph_free(graph);
    buf_free(&out);
    buf_free(&text);
    sources_free(&sources);
    arena_free(&arena);
}

static void expect_error(const char *text, const char *message) {
    Arena arena = {0};
    Sources sources;
    Buf log = {0};
    sources_init(&sources);
    sources.out = NULL;
    sources.log = &log;
    cr_expect_null(parse(&arena, &sources, text), "accepted: %s", text);
    cr_expect_not_null(strstr(buf_text(&log), message), "\"%s\" is not in: %s", message,
                       buf_text(&log));
    buf_free(&log);
    sources_free(&sources);
    arena_free(&arena);
}

#define HEAD "graph @g(%0 \"x\": f32[2,3] data 0) {\n"

Test(text, errors_name_the_place) {
    expect_error(GOLDEN, "test.ir:6:18: error: %7 is not defined before its use");
    expect_error("", "expected `graph`");
    expect_error("graph @g(%0 \"x\": f32[2,3] data 0) {", "expected `%`");
    expect_error("graph @g(%0 \"x: f32[2,3] data 0) {", "the string has no end");
    expect_error("graph @g(%0 \"x\": f33[2,3] data 0) {", "test.ir:1:18: error: no type `f33`");
    expect_error("graph @g(%0 \"x\": f32[-2,3] data 0) {", "the type is not valid");
    expect_error("graph @g(%0 \"x\": f32[9999999999,9999999999] data 0) {", "not valid");
    expect_error("graph @g(%0 \"x\": f32[1,1,1,1,1,1,1,1,1] data 0) {", "more than 8 dims");
    expect_error("graph @g(%0 \"x\": f32[] weight 0) {", "no role `weight`");
    expect_error("graph @g(%99999999 \"x\": f32[] data 0) {", "out of range");
    expect_error(HEAD "  %1 = frob(%0) : f32[2,3]\n", "test.ir:2:8: error: no op `frob`");
    expect_error(HEAD "  %1 = add(%0) : f32[2,3]\n", "takes 2 operands, got 1");
    expect_error(HEAD "  %1 = add(%0, %3) : f32[2,3]\n", "%3 is not defined");
    expect_error(HEAD "  %1 = neg(%0) : f32[3,2]\n", "the result's type is f32[2,3]");
    expect_error(HEAD "  %1 = neg(%0) {axis=1} : f32[2,3]\n", "takes 0 attributes");
    expect_error(HEAD "  %1 = cumsum(%0) {axis=1} : f32[2,3]\n", "missing attribute reverse");
    expect_error(HEAD "  %1 = cumsum(%0) {axis=5, reverse=0} : f32[2,3]\n",
                 "axis 5 is out of range for 2 dims");
    expect_error(HEAD "  %1 = cumsum(%0) {bogus=5} : f32[2,3]\n", "no attribute `bogus`");
    expect_error(HEAD "  %1 = permute(%0) {perm=[0,0]} : f32[2,3]\n", "names dim 0 twice");
    expect_error(HEAD "  %0 = neg(%0) : f32[2,3]\n", "%0 is defined twice");
    expect_error(HEAD "  %1 = const() {data=[1.0]} : f32[2]\n", "4 bytes of data for a type of 8");
    expect_error(HEAD "  %1 = const() {data=[256]} : u8[1]\n", "doesn't fit its type");
    expect_error(HEAD "  %1 = const() {data=[99999999999999999999]} : i64[1]\n", "too large");
    expect_error(HEAD "  return %0 \"y\" updates 3\n}", "no input 3 of that type");
    expect_error(HEAD "  return %0 \"y\"\n} x", "text after the graph's end");
}

Test(text, dot_has_a_box_for_each_node) {
    Arena arena = {0};
    RandomGraph random;
    Buf dot = {0};
    random_graph_start(&random, &arena, 7, DT_F32);
    random_graph_fill(&random, 30, NULL);
    graph_dot(&dot, random.graph);
    cr_expect_eq(strncmp(buf_text(&dot), "digraph \"random\" {\n", 19), 0);
    size_t boxes = 0;
    for (const char *at = buf_text(&dot); (at = strstr(at, " [label=")); at++)
        boxes++;
    cr_expect_eq(boxes, random.graph->nodes.count + random.graph->outputs.count);
    buf_free(&dot);
    random_graph_free(&random);
    arena_free(&arena);
}
