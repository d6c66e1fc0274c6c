/* Bytecode of representative constructs, scope errors, and invariants over all of them. */
#include "support/file.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/text_fixture.h"

static Code *compile(Fixture *fixture, const char *text) {
    uint16_t file = fixture_start(fixture, text);
    Code *code = compile_module(&fixture->compiler, file);
    if (code) code_print(code, &fixture->out);
    return code;
}

static void expect(const char *text, const char *code) {
    Fixture fixture;
    compile(&fixture, text);
    cr_expect_str_eq(buf_text(&fixture.out), code, "%s\n  got\n%s%s\n  want\n%s", text,
                     buf_text(&fixture.out), buf_text(&fixture.log), code);
    fixture_drop(&fixture);
}

/* The listing holds each of the lines, in this order. */
static void expect_parts(const char *text, const char *const *parts, size_t count) {
    Fixture fixture;
    compile(&fixture, text);
    const char *at = buf_text(&fixture.out);
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(at, parts[i]);
        cr_expect_not_null(found, "%s\nlacks: %s\n%s%s", text, parts[i], buf_text(&fixture.out),
                           buf_text(&fixture.log));
        if (found) at = found;
    }
    fixture_drop(&fixture);
}
#define EXPECT_PARTS(text, ...)                                                                    \
    expect_parts(text, (const char *[]){__VA_ARGS__},                                              \
                 sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))

static void expect_error(const char *text, const char *message) {
    Fixture fixture;
    cr_expect_null(compile(&fixture, text), "%s", text);
    cr_expect_not_null(strstr(buf_text(&fixture.log), message), "%s: %s", text,
                       buf_text(&fixture.log));
    fixture_drop(&fixture);
}

Test(compile, fused_range_loop) {
    expect("s = 0\nfor i in range(3): s += i\n",
           "<module>: locals 0 free 0 stack 3 globals s i range\n"
           "   0 INT 0\n   1 STORE_GLOBAL g0\n   2 LOAD_GLOBAL g2\n   3 INT 3\n   4 CALL 1\n"
           "   5 GET_ITER\n   6 JUMP -> 11\n   7 LOAD_GLOBAL g0\n   8 LOAD_GLOBAL g1\n"
           "   9 ADD.1\n  10 STORE_GLOBAL g0\n  11 FOR_GLOBAL g1 -> 7\n  12 NONE\n  13 RETURN\n");
}

Test(compile, closures_and_cells) {
    EXPECT_PARTS("def f(a):\n  b = 1\n  def g():\n    nonlocal b\n    b += a\n  return g\n",
                 "f: locals 3 free 0", "NEW_CELL a", "NEW_CELL b", "STORE_CELL b",
                 "f.<locals>.g: locals 0 free 2 stack 2 b<-1 a<-0", "LOAD_CELL b", "LOAD_CELL a",
                 "STORE_CELL b");
    /* A function between passes the cell on. */
    EXPECT_PARTS("def f(a):\n  def g():\n    def h(): return a\n", "f.<locals>.g: locals 1 free 1",
                 "a<-0", "h: locals 0 free 1 stack 1 a<-1");
    /* A class body sees the function's variables, its methods skip its own names. */
    EXPECT_PARTS("def f(a):\n  class C:\n    b = a\n    def m(self): return b\n", "LOAD_CELL a",
                 "STORE_NAME b", "f.<locals>.C.m", "LOAD_GLOBAL");
}

Test(compile, comprehensions_share_the_frame) {
    EXPECT_PARTS("def f(x): return [y for y in x]\n", "f: locals 2", "LIST 0", "GET_ITER",
                 "STORE_LOCAL y", "LIST_APPEND 2", "FOR ->", "CLEAR_LOCAL y", "RETURN");
    EXPECT_PARTS("x = [lambda: y for y in z]\n", "NEW_CELL y", "STORE_CELL y", "CLEAR_LOCAL y");
    EXPECT_PARTS("def f(x): return (y for y in x)\n", "f.<locals>.<genexpr>: locals 2 free 0",
                 "generator", "LOAD_LOCAL .0", "YIELD");
    EXPECT_PARTS("def f(x): return [z := y for y in x]\n", "f: locals 3", "STORE_LOCAL z");
    EXPECT_PARTS("def f(x): return any((z := y) for y in x), z\n", "NEW_CELL z", "LOAD_CELL z",
                 "<genexpr>", "STORE_CELL z");
}

Test(compile, super_is_explicit) {
    EXPECT_PARTS("class A(B):\n  def f(self): return super().f()\n", "A: locals 1", "class-cell 0",
                 "NEW_CELL __class__", "LOAD_CELL __class__", "LOAD_LOCAL self", "CALL 2");
}

Test(compile, calls) {
    EXPECT_PARTS("a.b(1, c=2)", "LOAD_METHOD b", "CALL_KEYWORDS.1 2 ('c')");
    EXPECT_PARTS("f(*a, **b)", "LIST_EXTEND", "DICT_UPDATE.1", "CALL_SPREAD");
    EXPECT_PARTS("@d\ndef f(a=1, *, b=2) -> c: pass\n", "TUPLE 1", "DICT 1", "DICT 1",
                 "MAKE_FUNCTION.7", "CALL 1", "STORE_GLOBAL");
}

Test(compile, conditions) {
    expect("if a and not (b or c < d): e\n",
           "<module>: locals 0 free 0 stack 2 globals a b c d e\n"
           "   0 LOAD_GLOBAL g0\n   1 JUMP_IF_FALSE -> 9\n   2 LOAD_GLOBAL g1\n"
           "   3 JUMP_IF_TRUE -> 9\n   4 LOAD_GLOBAL g2\n   5 LOAD_GLOBAL g3\n"
           "   6 COMPARE_JUMP -> 9\n   7 LOAD_GLOBAL g4\n   8 POP\n   9 NONE\n  10 RETURN\n");
}

Test(compile, handlers) {
    EXPECT_PARTS("try: a\nexcept B as c: d\n", "MATCH_EXC", "STORE_GLOBAL", "POP_EXC", "RERAISE",
                 "[0, 2) -> 3 depth 0");
    EXPECT_PARTS("with a as b: c\n", "WITH_ENTER", "WITH_EXIT", "PUSH_EXC", "WITH_EXCEPT",
                 "depth 1");
    /* The value is kept while the finally block runs; the range leaves the copy out. */
    EXPECT_PARTS("def f():\n  try:\n    return a\n  finally: b\n", "0 LOAD_GLOBAL", "1 LOAD_GLOBAL",
                 "2 POP", "3 RETURN", "[0, 1) ->");
}

Test(compile, constants) {
    EXPECT_PARTS("x = -9223372036854775807, -1.5, 'a'", "CONST (-9223372036854775807, -1.5, 'a')");
    EXPECT_PARTS("from __future__ import annotations\nx: a.b = 1\n", "CONST 'a.b'", "ANNOTATE x");
    EXPECT_PARTS("x = 9223372036854775808", "CONST 9223372036854775808");
}

Test(compile, scope_errors) {
    expect_error("def f():\n  nonlocal x\n", "no enclosing function binds 'x'");
    expect_error("def f():\n  x = 1\n  global x\n", "used or assigned before its 'global'");
    expect_error("def f(x):\n  global x\n", "used or assigned before its 'global'");
    expect_error("def f():\n  from a import *\n", "only allowed at the top level");
    expect_error("def f(): return [(yield) for a in b]\n", "'yield' inside a comprehension");
    expect_error("[a := 1 for a in b]", "can't rebind the comprehension's own variable");
    expect_error("class A:\n  x = [y := 1 for a in b]\n", "variable of the class body");
}

Test(compile, height_is_limited) {
    Buf text = {0};
    buf_puts(&text, "a");
    for (int i = 0; i < 100000; i++)
        buf_puts(&text, "+a");
    expect_error(buf_text(&text), "nested too deeply");
    buf_clear(&text);
    for (int i = 0; i < 20000; i++)
        buf_puts(&text, i ? "elif a: b\n" : "if a: b\n");
    expect_error(buf_text(&text), "nested too deeply");
    buf_clear(&text);
    for (int i = 0; i < 40; i++)
        buf_printf(&text, "%*stry: a\n%*sfinally:\n", i, "", i, "");
    buf_printf(&text, "%*sb\n", 40, "");
    expect_error(buf_text(&text), "the program is too large");
    buf_free(&text);
}
