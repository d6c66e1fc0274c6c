/* Trees of all constructs, and syntax errors with their recovery. */
#include "frontend/parser.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/text_fixture.h"

static const ModuleAst *parse(Fixture *fixture, const char *text) {
    uint16_t file = fixture_start(fixture, text);
    fixture->sources.error_limit = 100;
    const ModuleAst *module =
        parse_module(&fixture->arena, &fixture->sources, &fixture->interns, file);
    if (module) ast_print(module, &fixture->out);
    return module;
}

static void expect(const char *text, const char *tree) {
    Fixture fixture;
    parse(&fixture, text);
    cr_expect_str_eq(buf_text(&fixture.out), tree, "%s\n  got  %s%s\n  want %s", text,
                     buf_text(&fixture.out), buf_text(&fixture.log), tree);
    fixture_drop(&fixture);
}

/* Every message must be among the errors, which are as many. */
static void expect_errors(const char *text, size_t count, const char *const *messages) {
    Fixture fixture;
    cr_expect_null(parse(&fixture, text), "%s", text);
    const char *log = buf_text(&fixture.log);
    cr_expect_eq((size_t)fixture.sources.errors, count, "%s\n%s", text, log);
    for (size_t i = 0; i < count; i++)
        cr_expect_not_null(strstr(log, messages[i]), "%s\nlacks: %s\n%s", text, messages[i], log);
    fixture_drop(&fixture);
}
#define EXPECT_ERRORS(text, ...)                                                                   \
    expect_errors(text, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                    \
                  (const char *[]){__VA_ARGS__})

Test(parser, operators) {
    expect("a + b * c ** -d ** e", "(+ a (* b (** c (- (** d e)))))\n");
    expect("a - b - c", "(- (- a b) c)\n");
    expect("a | b ^ c & d << e + f @ g", "(| a (^ b (& c (<< d (+ e (@ f g))))))\n");
    expect("not a or b and not c", "(or (not a) (and b (not c)))\n");
    expect("a < b <= c != d", "(compare a < b <= c != d)\n");
    expect("a is not b not in c", "(compare a is not b not in c)\n");
    expect("-a ** b", "(- (** a b))\n");
    expect("x if a else y if b else z", "(if a x (if b y z))\n");
    expect("(y := f(x)) + 1", "(+ (:= y (call f x)) 1)\n");
    expect("~a // +b % c", "(% (// (~ a) (+ b)) c)\n");
}

Test(parser, literals) {
    expect("1, 2.5, 'a' \"b\", b'\\x00', None, True, False, ...",
           "(tuple 1 2.5 \"ab\" b\"\\x00\" None True False ...)\n");
    expect("'\\n\\t\\\\\\x41\\u00e9\\101' r'\\n'", "\"\\n\\x09\\\\A\xC3\xA9"
                                                   "A\\\\n\"\n");
    expect("()", "(tuple)\n");
    expect("(a,), (a)", "(tuple (tuple a) a)\n");
    expect("[], [a, *b], {}, {a}, {a: b, **c}",
           "(tuple (list) (list a (star b)) (dict) (set a) (dict a:b **c))\n");
}

Test(parser, fstrings) {
    expect("f'a{b}c'", "(fstring \"a\" {b} \"c\")\n");
    expect("f'{x!r:>{w}.3f}'", "(fstring {x!r:(fstring \">\" {w} \".3f\")})\n");
    expect("f'{x=} {y = !s} {z=:.2}'",
           "(fstring \"x=\" {x!r} \" y = \" {y!s} \" z=\" {z:(fstring \".2\")})\n");
    expect("f'{{}}' f'{a}' 'b'", "(fstring \"{}\" {a} \"b\")\n");
    expect("f'{f'{1}'}'", "(fstring {(fstring {1})})\n");
    expect("f'{a if b else c}{d[\"e\"]}{ {1: 2}[1] }'",
           "(fstring {(if b a c)} {(index d \"e\")} {(index (dict 1:2) 1)})\n");
    expect("f''", "(fstring)\n");
    expect("rf'\\{a}'", "(fstring \"\\\\\" {a})\n");
    EXPECT_ERRORS("f'{}'", "has no expression");
    EXPECT_ERRORS("f'a}'", "a single '}'");
    EXPECT_ERRORS("f'{a!x}'", "a conversion: !r, !s or !a");
    EXPECT_ERRORS("f'{a b}'\nx = = 1", "1:6: error: expected '}'", "2:5: error:");
}

Test(parser, trailers) {
    expect("a.b(c)[d].e", "(index (call a.b c) d).e\n");
    expect("f(a, *b, c=1, **d)", "(call f a *b c=1 **d)\n");
    expect("f(x for x in y)", "(call f (generator x (for x y)))\n");
    expect("a[1:2], a[:], a[::3], a[1, ..., None:]",
           "(tuple (index a (slice 1 2 _)) (index a (slice _ _ _)) (index a (slice _ _ 3)) "
           "(index a (tuple 1 ... (slice None _ _))))\n");
    EXPECT_ERRORS("f(a=1, b)", "a positional argument follows a keyword");
    EXPECT_ERRORS("f(a=1, a=2)", "keyword argument 'a' is given twice");
    EXPECT_ERRORS("f(a.b=1)", "must be a plain name");
    EXPECT_ERRORS("f(x for x in y, 1)", "needs parentheses");
    EXPECT_ERRORS("a.class", "is a keyword");
}

Test(parser, comprehensions) {
    expect("[a for a in b if c if d for e, in f]",
           "(list-comp a (for a b if c if d) (for (tuple e) f))\n");
    expect("{a: b for a, b in c}", "(dict-comp a b (for (tuple a b) c))\n");
    expect("{a for a in b}, (a for a in b)",
           "(tuple (set-comp a (for a b)) (generator a (for a b)))\n");
    EXPECT_ERRORS("[a for a in b if c else d]", "has no 'else'");
    EXPECT_ERRORS("[a for 1 in b]", "cannot assign to a literal");
}

Test(parser, lambdas) {
    expect("lambda: 0", "(lambda () 0)\n");
    expect("lambda a, b=1, *c, d, e=2, **f: a", "(lambda (a b=1 *c d e=2 **f) a)\n");
    expect("lambda a, /, b, *, c: a", "(lambda (a / b * c) a)\n");
}

Test(parser, assignments) {
    expect("a = b = c", "(= a b c)\n");
    expect("a, *b = c", "(= (tuple a (star b)) c)\n");
    expect("a.b[c] += 1", "(+= (index a.b c) 1)\n");
    expect("a: int = 1\nb: 'x'", "(annotate a int 1)\n(annotate b \"x\" _)\n");
    expect("a **= b; c @= d;", "(**= a b)\n(@= c d)\n");
    EXPECT_ERRORS("1 = a", "cannot assign to a literal");
    EXPECT_ERRORS("f() = a", "cannot assign to a function call");
    EXPECT_ERRORS("a == b = c", "'=' assigns, '==' compares");
    EXPECT_ERRORS("*a, *b = c", "only one starred target");
    EXPECT_ERRORS("{*a: 1}", "expected ',' or '}'");
    EXPECT_ERRORS("{a := 1: 2}", "expected ',' or '}'");
    EXPECT_ERRORS("a, b += 1", "cannot update a tuple in place");
    EXPECT_ERRORS("(a := 1) = 2", "cannot assign to an assignment expression");
    EXPECT_ERRORS("a := 1", "can't stand as a statement");
}

Test(parser, simple_statements) {
    expect("del a, b[0]", "(del a (index b 0))\n");
    expect("assert a, 'm'", "(assert a \"m\")\n");
    expect("raise A from b\nraise", "(raise A b)\n(raise _ _)\n");
    expect("import a.b as c, d", "import a.b=c d\n");
    expect("from ..a import (b as c, d,)\nfrom . import e\nfrom f import *",
           "from ..a import b=c d\nfrom . import e\nfrom f import *\n");
    expect("global a, b", "global a b\n");
    expect("print(a); pass", "(call print a)\npass\n");
    EXPECT_ERRORS("return 1", "'return' outside a function");
    EXPECT_ERRORS("break\ncontinue", "1:1: error: 'break' outside",
                  "2:1: error: 'continue' outside");
    EXPECT_ERRORS("yield a", "'yield' outside a function");
    EXPECT_ERRORS("del f()", "cannot delete a function call");
}

Test(parser, blocks) {
    expect("if a:\n  b\nelif c: d\nelse:\n  e\n",
           "if a\n  b\nelse\n  if c\n    d\n  else\n    e\n");
    expect("for a, b in c, d:\n  continue\nelse:\n  pass\n",
           "(for (tuple a b) (tuple c d))\n  continue\nelse\n  pass\n");
    expect("while a: break\n", "while a\n  break\n");
    expect("try:\n  a\nexcept (B, C) as d:\n  e\nexcept:\n  f\nelse:\n  g\nfinally:\n  h\n",
           "try\n  a\nexcept (tuple B C) as d\n  e\nexcept\n  f\nelse\n  g\nfinally\n  h\n");
    expect("with a as b, c: d\nwith (a as b, c,): d\nwith (a): d\nwith (a, b): d\n",
           "with a as b c\n  d\nwith a as b c\n  d\nwith a\n  d\nwith a b\n  d\n");
    EXPECT_ERRORS("try:\n  a\nb", "expected 'except' or 'finally'");
    EXPECT_ERRORS("if a:\nb\n", "expected an indented block after the 'if' condition");
    EXPECT_ERRORS("else:\n  a\n", "'else' without an 'if'");
    EXPECT_ERRORS("if a = b:\n  c\n", "use '==' to compare");
    EXPECT_ERRORS("a\n  b\n", "unexpected indentation");
    EXPECT_ERRORS("if a:\n  b\nelse if c:\n  d\n", "write `elif`");
}

Test(parser, definitions) {
    expect("@a.b(1)\n@c\ndef f(x: int, *y: z, w=1) -> q:\n  'doc'\n  return x\n",
           "@(call a.b 1)\n@c\ndef f (x:int *y:z w=1) -> q\n  \"doc\"\n  (return x)\n");
    expect("def f():\n  a = yield\n  yield 1, 2\n  yield from b\n",
           "def f ()\n  (= a (yield _))\n  (yield (tuple 1 2))\n  (yield-from b)\n");
    expect("class A(B, metaclass=C):\n  x: int = 1\nclass D: pass\n",
           "class A B metaclass=C\n  (annotate x int 1)\nclass D\n  pass\n");
    EXPECT_ERRORS("def f(a, a): pass", "parameter 'a' is declared twice");
    EXPECT_ERRORS("def f(a=1, b): pass", "without a default follows");
    EXPECT_ERRORS("def f(*): pass", "needs keyword-only parameters");
    EXPECT_ERRORS("def f(**a, b): pass", "must be the last parameter");
    EXPECT_ERRORS("def f(class): pass", "is a keyword");
    EXPECT_ERRORS("@a\nb = 1\n", "expected 'def' or 'class' after a decorator");
    EXPECT_ERRORS("def f()\n  pass\n", "expected ':' after the 'def' header");
}

Test(parser, private_names) {
    expect("class _A:\n  __x = 1\n  def __f(self, __y, __z__):\n    self.__x(__k=__y)\n__x\n",
           "class _A\n  (= _A__x 1)\n  def _A__f (self _A__y __z__)\n"
           "    (call self._A__x _A__k=_A__y)\n__x\n");
    EXPECT_ERRORS("class A:\n  def f(self) -> = 1\n__x = = 2\n", "2:18", "3:7");
}

Test(parser, refused_by_name) {
    EXPECT_ERRORS("async def f():\n  pass\n", "'async' is not supported");
    EXPECT_ERRORS("try:\n  a\nexcept* B:\n  c\n", "'except*' is not supported");
    EXPECT_ERRORS("print 'a'", "missing parentheses in call to 'print'");
    EXPECT_ERRORS("a && b", "the operator is written `and`");
    expect("match = 1\nmatch(a)\nmatch[a]: int", "(= match 1)\n(call match a)\n"
                                                 "(annotate (index match a) int _)\n");
}

Test(parser, match_statements) {
    expect("match a:\n  case [1, *_] | {'k': -2} if b:\n    c\n  case A(x, y=None) as z:\n    "
           "d\n",
           "(match a)\n"
           "  case (or (sequence (value 1) (star)) (mapping \"k\" (value (- 2)))) if b\n    c\n"
           "  case (as (class A (capture x) y= (value None)) z)\n    d\n");
}

/* One error does not hide those behind it, nor make up others. */
Test(parser, recovery) {
    EXPECT_ERRORS("a = (1,\nb = 2\nc = = 3\n", "'(' was never closed", "3:5: error:");
    EXPECT_ERRORS("def f(x:\n  return x\ny = = 1\n", "'(' was never closed", "3:5: error:");
    EXPECT_ERRORS("for i n b:\n  c d\n  e\nf g\n", "'in' after the loop's", "2:5:", "4:3:");
    EXPECT_ERRORS("x = [1,\n     2 3,\n     4]\ny z\n", "2:8: error: expected ',' or ']'", "4:3:");
    EXPECT_ERRORS("f(a,\n", "'(' was never closed");
    EXPECT_ERRORS("a = 'x\nb = 1 2\n", "unterminated string", "2:7:");
    EXPECT_ERRORS("class A:\n  def f(self)\n    return 1\n  def g(self):\n    x y\n",
                  "expected ':' after the 'def'", "5:7:");
    EXPECT_ERRORS("if a:\n  b\n c\nd e\n", "matches no enclosing block", "4:3:");
}

static void expect_deep(const char *open, const char *message) {
    Buf text = {0};
    for (int i = 0; i < 100000; i++)
        buf_puts(&text, open);
    Fixture fixture;
    cr_expect_null(parse(&fixture, buf_text(&text)));
    cr_expect_not_null(strstr(buf_text(&fixture.log), message), "%s", buf_text(&fixture.log));
    fixture_drop(&fixture);
    buf_free(&text);
}

Test(parser, nesting_is_limited) {
    expect_deep("(", "nest");
    expect_deep("[a, ", "nest");
    expect_deep("not ", "nested too deeply");
    expect_deep("- ", "nested too deeply");
    expect_deep("lambda: ", "nested too deeply");
    expect_deep("a if b else ", "nested too deeply");
    expect_deep("f(", "nest");
    expect_deep("a ** ", "nested too deeply");
}
