/* Arena, buffers, shortest doubles, files, sources and diagnostics. */
#include "support/arena.h"
#include "support/checked.h"
#include "support/file.h"
#include "support/source.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

Test(arena, zeroed_and_aligned) {
    Arena arena = {0};
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *p = arena_alloc(&arena, size);
        cr_assert_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            cr_assert_eq(p[i], 0);
        memset(p, 0xAB, size);
    }
    cr_assert_not_null(arena_alloc(&arena, 5000000));
    cr_assert_str_eq(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    cr_assert_str_eq(arena_strndup(&arena, "hello", 2), "he");
    cr_assert_null(arena_copy(&arena, NULL, 0, 8));
    arena_free(&arena);
    cr_assert_null(arena.head);
}

Test(arena, memory_is_zeroed_again_and_kept) {
    Arena arena = {0};
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            unsigned char *p = arena_alloc(&arena, 1000);
            for (size_t j = 0; j < 1000; j++)
                cr_assert_eq(p[j], 0);
            memset(p, 0xAB, 1000);
        }
        arena_reset(&arena);
    }
    char *first = arena_alloc(&arena, 1);
    arena_reset(&arena);
    cr_assert_eq(first, arena_alloc(&arena, 1));
    arena_free(&arena);
}

Test(buf, appends_and_vectors) {
    Buf buf = {0};
    cr_assert_str_eq(buf_text(&buf), "");
    for (int i = 0; i < 100; i++)
        buf_printf(&buf, "%d,", i);
    cr_assert_eq(buf.size, 290);
    buf_clear(&buf);
    cr_assert_str_eq(buf_text(&buf), "");
    buf_free(&buf);
    VEC(int) numbers = {0};
    for (int i = 0; i < 1000; i++)
        VEC_PUSH(numbers, i);
    cr_assert_eq(numbers.items[999], 999);
    VEC_FREE(numbers);
}

static void expect_double(double value, const char *text) {
    Buf buf = {0};
    buf_put_double(&buf, value);
    cr_expect_str_eq(buf_text(&buf), text);
    buf_free(&buf);
}

Test(buf, shortest_doubles) {
    expect_double(0.0, "0.0");
    expect_double(-0.0, "-0.0");
    expect_double(1.0, "1.0");
    expect_double(0.1, "0.1");
    expect_double(0.1 + 0.2, "0.30000000000000004");
    expect_double(1e15, "1000000000000000.0");
    expect_double(1e16, "1e+16");
    expect_double(0x1p-24, "5.960464477539063e-08");
    expect_double(123456789.125, "123456789.125");
    expect_double(0.0001, "0.0001");
    expect_double(0.00001, "1e-05");
    expect_double(1.5e-7, "1.5e-07");
    expect_double(1.7976931348623157e308, "1.7976931348623157e+308");
    expect_double(5e-324, "5e-324");
    expect_double(-1.0 / 0.0, "-inf");
}

Test(checked, overflow) {
    size_t size;
    int64_t number;
    cr_assert(!mul_size(SIZE_MAX, 2, &size));
    cr_assert(mul_i64(1 << 20, 1 << 20, &number) && number == (int64_t)1 << 40);
    cr_assert(!add_i64(INT64_MAX, 1, &number));
}

Test(file, atomic_write_and_map) {
    char path[] = "/tmp/nnc-test-XXXXXX";
    close(mkstemp(path));
    Buf error = {0}, back = {0};
    cr_assert(file_write(path, "hello", 5, &error));
    cr_assert(file_read(path, &back, &error));
    cr_assert_str_eq(buf_text(&back), "hello");
    FileMap map;
    cr_assert(file_map(path, &map, &error));
    cr_assert_eq(map.size, 5);
    file_unmap(&map);
    unlink(path);
    cr_assert(!file_read(path, &back, &error));
    cr_assert_not_null(strstr(buf_text(&error), "No such file"));
    cr_assert(!file_write("/nonexistent/x", "", 0, &error));
    buf_free(&error);
    buf_free(&back);
}

static const char *check_report(const char *text, Span span, Sources *sources, Buf *log) {
    sources_init(sources);
    sources->log = log;
    span.file = sources_add(sources, "a.nn", text, strlen(text));
    if (span.file) report(sources, SEVERITY_ERROR, span, "wrong %s", "thing");
    return buf_text(log);
}

Test(source, caret_range) {
    Sources sources;
    Buf log = {0};
    const char *text = check_report("x = 1\n\té = foo(2)\n", (Span){0, 12, 15}, &sources, &log);
    cr_assert_str_eq(text, "a.nn:2:6: error: wrong thing\n"
                           "    2 | \té = foo(2)\n"
                           "      | \t    ^~~\n");
    report(&sources, SEVERITY_HINT, (Span){0}, "try %s", "this");
    cr_assert_not_null(strstr(buf_text(&log), "\n  hint: try this\n"));
    cr_assert_eq(sources.errors, 1);
    buf_free(&log);
    sources_free(&sources);
}

Test(source, refuses_bad_text) {
    static const char *const texts[] = {"ok\n\xff\n", "x = '\xe2\x80\xae'", "\xc0\x80",
                                        "\xed\xa0\x80"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Sources sources;
        Buf log = {0};
        check_report(texts[i], (Span){0}, &sources, &log);
        cr_expect_eq(sources.errors, 1);
        cr_expect_eq(strstr(buf_text(&log), "wrong thing"), NULL);
        buf_free(&log);
        sources_free(&sources);
    }
}

Test(source, error_limit_and_json) {
    Sources sources;
    Buf log = {0};
    sources_init(&sources);
    sources.log = &log;
    sources.error_limit = 2;
    for (int i = 0; i < 5; i++)
        report(&sources, SEVERITY_ERROR, (Span){0}, "e%d", i);
    cr_assert_str_eq(buf_text(&log), "nnc: error: e0\nnnc: error: e1\n"
                                     "nnc: too many errors; the rest (after 2) are not shown\n");
    cr_assert_eq(sources.errors, 5);
    buf_clear(&log);
    sources.errors = 0;
    sources.json = true;
    report(&sources, SEVERITY_ERROR, (Span){0}, "say \"%s\"", "a\nb");
    cr_assert_str_eq(buf_text(&log),
                     "{\"severity\":\"error\",\"message\":\"say \\\"a\\u000ab\\\"\"}\n");
    buf_free(&log);
    sources_free(&sources);
}

Test(source, nearest_word) {
    static const char *const words[] = {"kernel_size", "stride", "padding", "bias"};
    cr_assert_str_eq(nearest_word("kernal_size", words, 4), "kernel_size");
    cr_assert_str_eq(nearest_word("pading", words, 4), "padding");
    cr_assert_null(nearest_word("dilation", words, 4));
    static const char *const classes[] = {"Adam", "SGD",    "SiLU", "_relu",
                                          "ReLU", "random", "nan",  "nn"};
    cr_assert_str_eq(nearest_word("Sgd", classes, 8), "SGD");
    cr_assert_str_eq(nearest_word("Relu", classes, 8), "ReLU");
    cr_assert_str_eq(nearest_word("adam", classes, 8), "Adam");
    cr_assert_str_eq(nearest_word("nnn", classes, 8), "nn");
    cr_assert_null(nearest_word("pandas", classes, 8));
    cr_assert_null(nearest_word("SGD", classes + 1, 1));
}
