/* Type rules at their limits: for each, operands and attributes that just fit, with the result's
 * type, and some that just don't, with the message. */
#include <criterion/criterion.h>
#include <string.h>

#include "ir/text.h"

/* Parses `%2 = <operation>` over x: f32[4,5] and i: i64[3,5]; the messages. */
static char *try_operation(Arena *arena, const char *operation) {
    Sources sources;
    Buf log = {0};
    sources_init(&sources);
    sources.log = &log;
    char *text = arena_printf(arena,
                              "graph @g(%%0 \"x\": f32[4,5] data 0, %%1 \"i\": i64[3,5] data 1, "
                              "%%2 \"p\": f32[1,2,7,7] data 2, %%3 \"w\": f32[6,2,3,3] data 3) {\n"
                              "  %%4 = %s\n  return %%4 \"y\"\n}\n",
                              operation);
    Graph *graph =
        graph_parse(arena, &sources, sources_add(&sources, "infer.ir", text, strlen(text)));
    if (graph) graph_free(graph);
    char *said = arena_strdup(arena, buf_text(&log));
    buf_free(&log);
    sources_free(&sources);
    return said;
}

static void fits(const char *operation) {
    Arena arena = {0};
    cr_expect_str_eq(try_operation(&arena, operation), "", "%s", operation);
    arena_free(&arena);
}

static void refused(const char *operation, const char *message) {
    Arena arena = {0};
    char *said = try_operation(&arena, operation);
    cr_expect(strstr(said, message), "%s\nsaid: %s\nexpected: %s", operation, said, message);
    arena_free(&arena);
}

Test(infer, movement) {
    fits("slice(%0) {start=[2,0], size=[2,3], step=[1,2]} : f32[2,3]");
    refused("slice(%0) {start=[3,0], size=[2,3], step=[1,2]} : f32[2,3]", "leave dim 0 of 4");
    refused("slice(%0) {start=[2,1], size=[2,3], step=[1,2]} : f32[2,3]", "leave dim 1 of 5");
    fits("slice(%0) {start=[4,0], size=[0,5], step=[1,1]} : f32[0,5]");
    refused("slice(%0) {start=[5,0], size=[0,5], step=[1,1]} : f32[0,5]", "leave dim 0 of 4");
    fits("permute(%3) {perm=[2,0,3,1]} : f32[3,6,3,2]");
    refused("permute(%3) {perm=[2,0,3,1]} : f32[6,3,2,3]", "f32[3,6,3,2]");
    fits("reshape(%0) {shape=[2,10]} : f32[2,10]");
    refused("reshape(%0) {shape=[2,9]} : f32[2,9]", "element counts differ");
    refused("expand(%0) {shape=[8,5]} : f32[8,5]", "only dims of size 1 expand");
    fits("gather(%0, %1) {axis=0} : f32[3,5]");
    refused("add(%0, %1) : f32[4,5]", "f32[4,5]");
}

Test(infer, windows) {
#define CONV(pads, type)                                                                           \
    "conv(%2, %3) {stride=[2,2], lo=" pads ", hi=" pads ", dilation=[1,1], groups=1} : " type
    fits(CONV("[0,0]", "f32[1,6,3,3]"));
    fits(CONV("[1,1]", "f32[1,6,4,4]"));
    refused(CONV("[0,0]", "f32[1,6,4,4]"), "f32[1,6,3,3]");
    fits("conv(%2, %3) {stride=[2,2], lo=[1,1], hi=[0,0], dilation=[1,1], groups=1} : "
         "f32[1,6,3,3]"); /* the last window starts too late */
    refused("conv(%2, %3) {stride=[1,1], lo=[0,0], hi=[0,0], dilation=[4,1], groups=1} : "
            "f32[1,6,1,5]",
            "the window reaches over 9");
    fits("conv(%2, %3) {stride=[1,1], lo=[0,0], hi=[0,0], dilation=[3,1], groups=1} : "
         "f32[1,6,1,5]");
    refused("conv(%2, %3) {stride=[1,1], lo=[0,0], hi=[0,0], dilation=[1,1], groups=4} : "
            "f32[1,6,5,5]",
            "divisible by groups");
    refused("conv(%2, %3) {stride=[0,1], lo=[0,0], hi=[0,0], dilation=[1,1], groups=1} : "
            "f32[1,6,5,5]",
            "stride");
}

Test(infer, contractions) {
    refused("dot(%0, %3) {batch_a=[], batch_b=[], contract_a=[1], contract_b=[0]} : f32[4]",
            "contracted sizes differ");
    refused("dot(%0, %0) {batch_a=[0], batch_b=[0], contract_a=[0], contract_b=[0]} : f32[4]",
            "a dim is both batch and contracted");
    fits("dot(%0, %0) {batch_a=[0], batch_b=[0], contract_a=[1], contract_b=[1]} : f32[4]");
}
