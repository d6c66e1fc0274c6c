/* The reference interpreter against what PyTorch computed (tests/oracle/record_ops.py records), and
 * what PyTorch leaves open: faults, rounding, deep graphs, Philox. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/build.h"
#include "ir/interp.h"
#include "ir/random.h"
#include "ir/text.h"
#include "support/file.h"

static double json_double(const cJSON *item) {
    return cJSON_IsString(item) ? strtod(item->valuestring, NULL) : item->valuedouble;
}

static int64_t json_int(const cJSON *item) {
    return cJSON_IsString(item) ? strtoll(item->valuestring, NULL, 10) : (int64_t)item->valuedouble;
}

static Tensor64 read_tensor(Arena *arena, Type type, const cJSON *list) {
    Tensor64 tensor = {.type = type};
    size_t count = (size_t)type_numel(&type), k = 0;
    cr_assert_eq((size_t)cJSON_GetArraySize(list), count);
    bool is_float = dtype_is_float(type.dtype);
    if (is_float)
        tensor.f = ARENA_ARRAY(arena, double, count);
    else
        tensor.i = ARENA_ARRAY(arena, int64_t, count);
    for (const cJSON *item = list->child; item; item = item->next, k++) {
        if (is_float)
            tensor.f[k] = json_double(item);
        else
            tensor.i[k] = json_int(item);
    }
    return tensor;
}

/* float64 results differ by rounding in the last places only; float32 ones, random numbers and
 * casts, not at all. */
static bool close_enough(const Type *type, double got, double wanted) {
    if (got != got || wanted != wanted) return got != got && wanted != wanted;
    if (got == wanted) return true;
    return type->dtype == DT_F64 && fabs(got - wanted) <= 1e-13 * (1 + fabs(wanted));
}

static void compare(const char *graph, const Tensor64 *got, const Tensor64 *wanted) {
    int64_t count = type_numel(&got->type);
    for (int64_t k = 0; k < count; k++) {
        if (got->f)
            cr_expect(close_enough(&got->type, got->f[k], wanted->f[k]),
                      "element %lld is %.17g, PyTorch's %.17g\n%s", (long long)k, got->f[k],
                      wanted->f[k], graph);
        else
            cr_expect_eq(got->i[k], wanted->i[k], "element %lld is %lld, PyTorch's %lld\n%s",
                         (long long)k, (long long)got->i[k], (long long)wanted->i[k], graph);
    }
}

static Op replay(const cJSON *test) {
    Arena arena = {0};
    Sources sources;
    Buf error = {0};
    sources_init(&sources);
    sources.log = &error;
    const char *text = cJSON_GetObjectItem(test, "graph")->valuestring;
    uint16_t file = sources_add(&sources, "ops.json", text, strlen(text));
    Graph *graph = graph_parse(&arena, &sources, file);
    cr_assert_not_null(graph, "%s%s", buf_text(&error), text);
    const cJSON *given = cJSON_GetObjectItem(test, "inputs");
    const cJSON *wanted = cJSON_GetObjectItem(test, "outputs");
    Tensor64 inputs[4], outputs[2];
    for (size_t i = 0; i < graph->inputs.count; i++)
        inputs[i] = read_tensor(&arena, graph->inputs.items[i].node->type,
                                cJSON_GetArrayItem(given, (int)i));
    cr_assert(interp_run(graph, inputs, outputs, ROUND_TO_TYPE, &arena, &error), "%s",
              buf_text(&error));
    for (size_t i = 0; i < graph->outputs.count; i++) {
        Tensor64 expected =
            read_tensor(&arena, outputs[i].type, cJSON_GetArrayItem(wanted, (int)i));
        compare(text, &outputs[i], &expected);
    }
    Op op;
    cr_assert(op_from_name(cJSON_GetObjectItem(test, "op")->valuestring, &op));
    graph_free(graph);
    buf_free(&error);
    sources_free(&sources);
    arena_free(&arena);
    return op;
}

Test(interp, equals_pytorch) {
    Buf text = {0}, error = {0};
    cr_assert(file_read("tests/numeric/ops.json", &text, &error), "%s", buf_text(&error));
    cJSON *cases = cJSON_Parse(buf_text(&text));
    cr_assert_not_null(cases);
    bool seen[OP_COUNT] = {[OP_input] = true, [OP_result] = true, [OP_random] = true};
    for (const cJSON *test = cases->child; test; test = test->next)
        seen[replay(test)] = true;
    for (int op = 0; op < OP_COUNT; op++)
        cr_expect(seen[op], "no recorded case of %s", op_info((Op)op)->name);
    cJSON_Delete(cases);
    buf_free(&text);
}

/* Runs a graph's text on i64 inputs; the message of the fault, or "". */
static const char *fault_of(const char *text, const int64_t *const *items) {
    Arena arena = {0};
    Sources sources;
    static Buf error;
    buf_clear(&error);
    sources_init(&sources);
    Graph *graph =
        graph_parse(&arena, &sources, sources_add(&sources, "fault.ir", text, strlen(text)));
    cr_assert_not_null(graph);
    Tensor64 inputs[3], output;
    for (size_t i = 0; i < graph->inputs.count; i++) {
        Type type = graph->inputs.items[i].node->type;
        inputs[i] = (Tensor64){
            type, NULL, arena_copy(&arena, items[i], (size_t)type_numel(&type), sizeof(int64_t))};
    }
    bool ok = interp_run(graph, inputs, &output, ROUND_NONE, &arena, &error);
    cr_expect_eq(ok, error.size == 0);
    graph_free(graph);
    sources_free(&sources);
    arena_free(&arena);
    return buf_text(&error);
}

#define XY "graph @g(%0 \"x\": i64[3] data 0, %1 \"y\": i64[1] data 1) {\n"

Test(interp, faults_are_reported) {
    static const int64_t x[] = {1, 2, 3}, three[] = {3}, minus[] = {-1}, zero[] = {0}, two[] = {2};
    const char *take = XY "  %2 = take(%0, %1) {axis=0} : i64[1]\n  return %2 \"y\"\n}\n";
    cr_expect_str_eq(fault_of(take, (const int64_t *[]){x, two}), "");
    cr_expect_str_eq(fault_of(take, (const int64_t *[]){x, three}),
                     "take: index 3 is out of range for size 3");
    cr_expect_str_eq(fault_of(take, (const int64_t *[]){x, minus}),
                     "take: index -1 is out of range for size 3");
    const char *slice = XY "  %2 = dynamic_slice(%0, %1) {size=[2]} : i64[2]\n"
                           "  return %2 \"y\"\n}\n";
    cr_expect_str_eq(fault_of(slice, (const int64_t *[]){x, two}),
                     "dynamic_slice: start 2 is out of range for 2 of 3 elements");
    const char *divide = "graph @g(%0 \"x\": i64[1] data 0, %1 \"y\": i64[1] data 1) {\n"
                         "  %2 = rem(%0, %1) : i64[1]\n  return %2 \"y\"\n}\n";
    cr_expect_str_eq(fault_of(divide, (const int64_t *[]){two, zero}),
                     "rem: integer division by zero");
}

Test(interp, f32_rounds_only_when_asked) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "g");
    Node *x = graph_input(graph, "x", type_scalar(DT_F32), ROLE_DATA, 0);
    Node *third = build_binary(graph, OP_div, x, build_scalar(graph, DT_F32, 3));
    graph_output(graph, "y", third, OUT_RESULT, -1);
    double one = 1;
    Tensor64 input = {type_scalar(DT_F32), &one, NULL}, output;
    cr_assert(interp_run(graph, &input, &output, ROUND_NONE, &arena, NULL));
    cr_expect_eq(output.f[0], 1.0 / 3);
    cr_assert(interp_run(graph, &input, &output, ROUND_TO_TYPE, &arena, NULL));
    cr_expect_eq(output.f[0], (double)(1.0f / 3));
    /* A filler is rounded as well. */
    const int64_t none[] = {0}, lo[] = {1}, size[] = {1};
    Node *vector = build_reshape(graph, x, 1, size);
    Attr attrs[] = {attr_ints(ATTR_lo, lo, 1), attr_ints(ATTR_hi, none, 1),
                    attr_ints(ATTR_interior, none, 1), attr_float(ATTR_value, 0.1)};
    graph->outputs.items[0].value = build_op(graph, OP_pad, &vector, 1, attrs, 4);
    cr_assert(interp_run(graph, &input, &output, ROUND_TO_TYPE, &arena, NULL));
    cr_expect(output.f[0] == (double)0.1f && output.f[1] == 1);
    graph_free(graph);
    arena_free(&arena);
}

Test(interp, a_long_chain_does_not_recurse) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "g");
    Node *x = graph_input(graph, "x", type_scalar(DT_F64), ROLE_DATA, 0), *y = x;
    for (int i = 0; i < 100000; i++)
        y = build_binary(graph, OP_add, y, x);
    graph_output(graph, "y", y, OUT_RESULT, -1);
    double one = 1;
    Tensor64 input = {type_scalar(DT_F64), &one, NULL}, output;
    cr_assert(interp_run(graph, &input, &output, ROUND_NONE, &arena, NULL));
    cr_expect_eq(output.f[0], 100001);
    graph_free(graph);
    arena_free(&arena);
}

/* The published known answers of Philox4x32-10. */
Test(random, philox_known_answers) {
    uint32_t out[4];
    philox(0, 0, 0, out);
    cr_expect(out[0] == 0x6627e8d5 && out[1] == 0xe169c58d && out[2] == 0xbc57ac4c &&
              out[3] == 0x9b00dbd8);
    philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, out);
    cr_expect(out[0] == 0x408f276d && out[1] == 0x41c83b0e && out[2] == 0xa20bc7c6 &&
              out[3] == 0x6d5451fd);
    philox(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e), UINT64_C(0x85a308d3243f6a88),
           out);
    cr_expect(out[0] == 0xd16cfe09 && out[1] == 0x94fdcceb && out[2] == 0x5001e420 &&
              out[3] == 0x24126ea1);
}

/* What torch.manual_seed(0) gives in PyTorch 2.15. */
Test(random, integers_and_permutations) {
    Mt19937 mt;
    int64_t numbers[12], order[10];
    mt_seed(&mt, 0);
    mt_randint(&mt, numbers, 12, 0, 10);
    static const int64_t wanted[] = {4, 9, 3, 0, 3, 9, 7, 3, 7, 3, 1, 6};
    cr_expect_arr_eq(numbers, wanted, sizeof wanted);
    mt_randperm(&mt, order, 10);
    static const int64_t permutation[] = {6, 4, 8, 7, 1, 2, 5, 3, 0, 9};
    cr_expect_arr_eq(order, permutation, sizeof permutation);
    mt_seed(&mt, 0);
    mt_randint(&mt, numbers, 3, 0, INT64_C(1) << 33);
    cr_expect(numbers[0] == 2546248239 && numbers[1] == 7921061056 && numbers[2] == 7979815675);
    cr_expect_eq(mt_random_int64(&mt), INT64_C(827948490035658087));
}

/* The numbers of draws that the *_draws functions say are those that are taken. */
Test(random, draws_are_counted) {
    static const int64_t counts[] = {0, 1, 2, 3, 15, 16, 17, 100};
    double out[100];
    int64_t numbers[100];
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (DType dtype = DT_F32; dtype <= DT_F64; dtype++) {
            Mt19937 drawn, skipped;
            mt_seed(&drawn, 9);
            skipped = drawn;
            mt_skip(&skipped, mt_normal_draws(dtype, counts[i], drawn.has_normal));
            mt_normal(&drawn, dtype, out, counts[i], 0, 1);
            bool pending = drawn.has_normal;
            mt_skip(&skipped, mt_normal_draws(dtype, 3, pending));
            mt_normal(&drawn, dtype, out, 3, 0, 1);
            mt_skip(&skipped, mt_uniform_draws(dtype, counts[i]));
            mt_uniform(&drawn, dtype, out, counts[i], 0, 1);
            mt_skip(&skipped, mt_randint_draws(counts[i], -5, INT64_C(1) << 28));
            mt_randint(&drawn, numbers, counts[i], -5, INT64_C(1) << 28);
            cr_expect_eq(mt_next32(&drawn), mt_next32(&skipped));
        }
    }
}
