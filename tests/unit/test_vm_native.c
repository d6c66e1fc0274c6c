/* The interface native code is written against: classes, functions, arguments, calls back into the
 * program, exceptions, cycles. */
#include <criterion/criterion.h>

#include "frontend/vm.h"

typedef struct Setup {
    Sources sources;
    Vm vm;
    Buf log, out;
} Setup;

static void setup_open(Setup *s) {
    *s = (Setup){0};
    sources_init(&s->sources);
    s->sources.log = &s->log;
    vm_init(&s->vm, &s->sources);
    s->vm.capture = &s->out;
}

static void setup_close(Setup *s) {
    vm_free(&s->vm);
    sources_free(&s->sources);
    buf_free(&s->log);
    buf_free(&s->out);
}

static bool run(Setup *s, const char *text) {
    uint16_t file = sources_add(&s->sources, "test.nn", text, strlen(text));
    return file && vm_run_main(&s->vm, file);
}

/* A native class with a reference to any value, so that it can be in a cycle. */
typedef struct Box {
    GcObj gc;
    Value value;
} Box;

static int boxes_alive;

static void box_dealloc(Obj *self) {
    decref(((Box *)(void *)self)->value);
    boxes_alive--;
}
static void box_traverse(Obj *self, VisitFn visit, void *context) {
    Value v = ((Box *)(void *)self)->value;
    if (v.tag == TAG_OBJ) visit(v.o, context);
}
static void box_clear(Obj *self) {
    Value v = ((Box *)(void *)self)->value;
    ((Box *)(void *)self)->value = NULL_VALUE;
    decref(v);
}
static Value box_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    Value out[2];
    if (!vm_args(vm, "Box", "value * scale?", args, nargs, kwnames, out)) return NULL_VALUE;
    Box *box = (Box *)(void *)vm_alloc(vm, cls);
    box->value = incref(out[0]);
    boxes_alive++;
    return FROM_OBJ(box);
}
static bool box_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)self, (void)args, (void)nargs, (void)kwnames;
    return true;
}
static Value box_binary(Vm *vm, BinaryOp op, Value a, Value b, bool reflected) {
    if (op != BINARY_ADD) return NOT_IMPLEMENTED;
    Value own = ((Box *)(void *)(reflected ? b : a).o)->value;
    return reflected ? vm_binary(vm, op, a, own) : vm_binary(vm, op, own, b);
}
static Value box_set(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "set", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Value old = ((Box *)(void *)args[0].o)->value;
    ((Box *)(void *)args[0].o)->value = incref(args[1]);
    decref(old);
    return NONE;
}
static Value box_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    return vm_call(vm, ((Box *)(void *)self.o)->value, args, nargs, kwnames);
}

static const Method box_methods[] = {{"set", box_set, 0}, {NULL, NULL, 0}};

static bool box_module(Vm *vm, ModuleObj *module) {
    NativeClass spec = {.name = "box.Box",
                        .size = sizeof(Box),
                        .slots = {.dealloc = box_dealloc,
                                  .traverse = box_traverse,
                                  .clear = box_clear,
                                  .create = box_create,
                                  .init = box_init,
                                  .binary = box_binary,
                                  .call = box_call},
                        .methods = box_methods};
    return module_set(vm, module, "Box", FROM_OBJ(vm_native_class(vm, &spec)));
}

#define EXPECT_OUTPUT(program, expected)                                                           \
    do {                                                                                           \
        Setup s;                                                                                   \
        setup_open(&s);                                                                            \
        vm_register_module(&s.vm, "box", box_module);                                              \
        bool ok = run(&s, program);                                                                \
        if (!ok) vm_report_raised(&s.vm);                                                          \
        cr_expect(ok, "%s", buf_text(&s.log));                                                     \
        cr_expect_str_eq(buf_text(&s.out), expected);                                              \
        setup_close(&s);                                                                           \
        cr_expect_eq(boxes_alive, 0);                                                              \
    } while (0)

Test(vm_native, operators_reach_native_classes_from_both_sides) {
    EXPECT_OUTPUT("from box import Box\nprint(Box(1) + 2, 3 + Box(4), 'a' + Box('b'))\n",
                  "3 7 ab\n");
}

Test(vm_native, program_classes_derive_from_native_ones) {
    EXPECT_OUTPUT("from box import Box\n"
                  "class C(Box):\n"
                  "    def __init__(self, v): self.tag = v * 2\n"
                  "    def __add__(self, o): return ('C', super().__add__(o))\n"
                  "c = C(5)\nprint(c.tag, c + 1, isinstance(c, Box), c.__dict__)\n",
                  "10 ('C', 6) True {'tag': 10}\n");
}

Test(vm_native, calls_go_back_into_the_program) {
    EXPECT_OUTPUT(
        "from box import Box\nf = Box(lambda a, *, k=1: (a, k))\nprint(f(1), f(2, k=3))\n",
        "(1, 1) (2, 3)\n");
}

Test(vm_native, cycles_through_native_objects_are_collected) {
    EXPECT_OUTPUT("from box import Box\n"
                  "for i in range(100):\n"
                  "    b = Box(None)\n"
                  "    b.set([b, lambda: b])\n"
                  "del b\n"
                  "import gc\n"
                  "print(gc.collect() > 0)\n",
                  "True\n");
}

Test(vm_native, classes_made_in_a_loop_are_collected) {
    EXPECT_OUTPUT("import gc\n"
                  "def once():\n"
                  "    class C:\n"
                  "        def m(self): return C\n"
                  "    return C().m()\n"
                  "for i in range(100): once()\n"
                  "before = len(object.__subclasses__())\n"
                  "gc.collect()\n"
                  "print(before - len(object.__subclasses__()) >= 99)\n",
                  "True\n");
}

Test(vm_native, wrong_keywords_are_named_with_the_nearest) {
    Setup s;
    setup_open(&s);
    vm_register_module(&s.vm, "box", box_module);
    cr_expect_not(run(&s, "import box\nbox.Box(1, scael=2)\n"));
    cr_expect_eq(vm_report_raised(&s.vm), 1);
    cr_expect(
        strstr(buf_text(&s.log),
               "test.nn:2:1: error: TypeError: Box() got an unexpected keyword argument 'scael'"));
    cr_expect(strstr(buf_text(&s.log), "did you mean 'scale'?"));
    setup_close(&s);
}

Test(vm_native, exceptions_are_raised_caught_and_matched) {
    Setup s;
    setup_open(&s);
    vm_raise(&s.vm, EXC_KeyError, "k%d", 1);
    cr_expect(vm_failed(&s.vm));
    cr_expect_not(vm_catch(&s.vm, EXC_ValueError));
    cr_expect(vm_catch(&s.vm, EXC_LookupError));
    cr_expect_not(vm_failed(&s.vm));
    setup_close(&s);
}

Test(vm_native, an_endless_loop_ends_at_the_step_limit) {
    Setup s;
    setup_open(&s);
    s.vm.step_limit = 1000;
    cr_expect_not(run(&s, "while True:\n    pass\n"));
    vm_report_raised(&s.vm);
    cr_expect(strstr(buf_text(&s.log), "RuntimeError: evaluation did not end"), "%s",
              buf_text(&s.log));
    cr_expect(strstr(buf_text(&s.log), "test.nn:1:"));
    setup_close(&s);
}

Test(vm_native, native_loops_count_as_steps) {
    Setup s;
    setup_open(&s);
    s.vm.step_limit = 1000000;
    cr_expect_not(run(&s, "sum(range(10 ** 15))\n"));
    vm_report_raised(&s.vm);
    cr_expect(strstr(buf_text(&s.log), "evaluation did not end"));
    setup_close(&s);
}

Test(vm_native, an_interrupt_names_the_line) {
    Setup s;
    setup_open(&s);
    *s.vm.interrupted = 1;
    cr_expect_not(run(&s, "x = 1\nwhile True:\n    x += 1\n"));
    cr_expect_eq(vm_report_raised(&s.vm), 130);
    cr_expect(strstr(buf_text(&s.log), "test.nn:2:"), "%s", buf_text(&s.log));
    setup_close(&s);
}

Test(vm_native, endless_recursion_of_any_kind_is_an_exception) {
    static const char *const programs[] = {
        "def f(): f()\nf()\n",
        "class A:\n    def __repr__(self): return repr(self)\nrepr(A())\n",
        "class A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\nA().a\n",
        "class A:\n    def __eq__(self, o): return self == o\nA() == A()\n",
        "a = []\nfor i in range(100000): a = [a]\nrepr(a)\n",
        "a = []\nfor i in range(100000): a = [a]\nb = []\nfor i in range(100000): b = [b]\na == "
        "b\n",
        "class A:\n    def __add__(self, o): return self + o\nA() + 1\n",
        "def g(): yield from g()\nlist(g())\n",
        "class A:\n    def __call__(self): return self()\nA()()\n",
        "t = ()\nfor i in range(100000): t = (t,)\nhash(t)\n",
        "t = (int,)\nfor i in range(100000): t = (t,)\nisinstance('', t)\n",
        "m = iter([1])\nfor i in range(100000): m = map(abs, m)\nnext(m)\n",
        "import sys\nsys.setrecursionlimit(10 ** 6)\nclass A:\n    def __repr__(self): return "
        "repr(self)\nrepr(A())\n",
        "f = lambda: sorted([1, 2], key=lambda v: f())\nf()\n",
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        Setup s;
        setup_open(&s);
        cr_expect_not(run(&s, programs[i]), "%s", programs[i]);
        vm_report_raised(&s.vm);
        cr_expect(strstr(buf_text(&s.log), "RecursionError"), "%s: %s", programs[i],
                  buf_text(&s.log));
        setup_close(&s);
    }
}

Test(vm_native, long_chains_are_freed_without_recursion) {
    EXPECT_OUTPUT("class N:\n    pass\n"
                  "head = None\n"
                  "for i in range(200000):\n    n = N()\n    n.next = head\n    head = n\n"
                  "del head, n\nprint('freed')\n",
                  "freed\n");
}
