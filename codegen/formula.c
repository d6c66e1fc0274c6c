/* Reads `.kernel` formulas and applies them: a recursive descent that computes as it goes. The
 * formulas are ours and short, so errors in them are bugs and recursion is bounded. */
#include "codegen/formula.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/formula_internal.h"
#include "support/checked.h"

/* A value, or a number that waits for the kind of what it meets. */
typedef struct Term {
    KVal *value;
    double number; /* when value is NULL */
} Term;

typedef struct Reader {
    KBuilder *b;
    const Node *node;
    KVal *const *operands;
    const char *at;
} Reader;

static Term parse_sum(Reader *r);

static void skip_space(Reader *r) {
    while (*r->at == ' ')
        r->at++;
}

static bool accept(Reader *r, char c) {
    skip_space(r);
    if (*r->at != c) return false;
    r->at++;
    return true;
}

static void expect(Reader *r, char c) {
    NNC_CHECK(accept(r, c), "kernel formula of %s: expected '%c' at \"%s\"",
              op_info(r->node->op)->name, c, r->at);
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* Gives a number the kind and lanes of `like`. */
static KVal *typed(Reader *r, Term term, const KVal *like) {
    if (term.value) return term.value;
    KKind kind = kkind_is_mask(like->kind) ? K_I32 : like->kind;
    return k_number(r->b, kind, like->lanes, term.number);
}

static Term combine(Reader *r, KOp op, Term x, Term y) {
    NNC_CHECK(x.value || y.value, "kernel formula of %s folds numbers", op_info(r->node->op)->name);
    KVal *like = x.value ? x.value : y.value;
    return (Term){.value = k_binary(r->b, op, typed(r, x, like), typed(r, y, like))};
}

/* The operand of that name: its place among the row's input names. */
static KVal *operand(Reader *r, const char *name, size_t size) {
    const char *names = op_info(r->node->op)->inputs;
    for (int i = 0; *names; i++) {
        size_t length = strcspn(names, " ");
        if (length == size && strncmp(names, name, size) == 0) return r->operands[i];
        names += length;
        names += strspn(names, " ");
    }
    NNC_BUG("kernel formula of %s: unknown name at \"%s\"", op_info(r->node->op)->name, name);
}

static Term parse_call(Reader *r, const char *name, size_t size) {
    char word[32] = {0};
    NNC_CHECK(size < sizeof word, "kernel formula: long name");
    memcpy(word, name, size);
    Op op;
    NNC_CHECK(op_from_name(word, &op), "kernel formula calls the unknown op %s", word);
    FormulaCall call = {.b = r->b, .node = r->node, .dtype = r->node->inputs[0]->type.dtype};
    Term args[3] = {0};
    while (!accept(r, ')')) {
        if (call.count) expect(r, ',');
        skip_space(r);
        const char *end = r->at;
        while (is_word(*end))
            end++;
        if (*end == '=') {
            /* attribute=attribute: the call reads the node's own. */
            r->at = end + 1;
            while (is_word(*r->at))
                r->at++;
            continue;
        }
        NNC_CHECK(call.count < 3, "kernel formula: too many operands");
        args[call.count++] = parse_sum(r);
    }
    KVal *like = NULL;
    for (int i = call.count - 1; i >= 0; i--)
        if (args[i].value && !(op == OP_where && i == 0)) like = args[i].value;
    for (int i = 0; i < call.count; i++)
        call.arg[i] = typed(r, args[i], like);
    return (Term){.value = formula_call(op, &call)};
}

static Term parse_atom(Reader *r) {
    skip_space(r);
    if (accept(r, '(')) {
        Term inner = parse_sum(r);
        expect(r, ')');
        return inner;
    }
    if (*r->at >= '0' && *r->at <= '9') {
        char *end;
        double number = strtod(r->at, &end);
        r->at = end;
        return (Term){.number = number};
    }
    const char *name = r->at;
    while (is_word(*r->at))
        r->at++;
    size_t size = (size_t)(r->at - name);
    NNC_CHECK(size > 0, "kernel formula of %s: unexpected \"%s\"", op_info(r->node->op)->name,
              r->at);
    if (accept(r, '(')) return parse_call(r, name, size);
    return (Term){.value = operand(r, name, size)};
}

static Term parse_unary(Reader *r) {
    if (!accept(r, '-')) return parse_atom(r);
    Term inner = parse_unary(r);
    if (!inner.value) return (Term){.number = -inner.number};
    return (Term){.value = k_unary(r->b, KOP_NEG, inner.value)};
}

static Term parse_product(Reader *r) {
    Term x = parse_unary(r);
    for (;;) {
        if (accept(r, '*'))
            x = combine(r, KOP_MUL, x, parse_unary(r));
        else if (accept(r, '/'))
            x = combine(r, KOP_DIV, x, parse_unary(r));
        else
            return x;
    }
}

static Term parse_sum(Reader *r) {
    Term x = parse_product(r);
    for (;;) {
        if (accept(r, '+'))
            x = combine(r, KOP_ADD, x, parse_product(r));
        else if (accept(r, '-'))
            x = combine(r, KOP_SUB, x, parse_product(r));
        else
            return x;
    }
}

KVal *formula_apply(KBuilder *b, const Node *node, KVal *const *operands) {
    Reader reader = {.b = b, .node = node, .operands = operands, .at = op_info(node->op)->kernel};
    NNC_CHECK(reader.at, "op %s has no kernel formula", op_info(node->op)->name);
    Term result = parse_sum(&reader);
    skip_space(&reader);
    NNC_CHECK(result.value && *reader.at == '\0', "kernel formula of %s ends at \"%s\"",
              op_info(node->op)->name, reader.at);
    /* Of halves there are only ops that choose among operands, which are rounded; and cast. */
    if (dtype_is_half(node->type.dtype)) return result.value;
    return formula_to_dtype(b, result.value, node->type.dtype);
}

bool formula_needs_scalars(const Node *node) {
    if (dtype_is_float(node->type.dtype)) return false;
    return node->op == OP_floor_div || node->op == OP_trunc_div || node->op == OP_rem ||
           node->op == OP_fmod;
}
