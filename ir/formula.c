/* The formula engine: a recursive descent that evaluates while it parses, so a formula costs little
 * more than the nodes it adds. */
#include "ir/formula.h"

#include <stdlib.h>
#include <string.h>

#include "ir/build.h"
#include "ir/formula_value.h"
#include "support/checked.h"

enum { MAX_LETS = 8, MAX_ARGS = 8 };

typedef struct Name {
    const char *text;
    size_t length;
} Name;

typedef struct Parser {
    FormulaContext context;
    const char *formula, *at;
    Name let_names[MAX_LETS];
    FormulaValue let_values[MAX_LETS];
    int let_count;
} Parser;

static FormulaValue parse_expr(Parser *parser);

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *skip_spaces(const char *at) {
    while (*at == ' ')
        at++;
    return at;
}

static bool accept(Parser *parser, char c) {
    parser->at = skip_spaces(parser->at);
    if (*parser->at != c) return false;
    parser->at++;
    return true;
}

static void expect(Parser *parser, char c) {
    NNC_CHECK(accept(parser, c), "formula \"%s\": expected '%c' at \"%s\"", parser->formula, c,
              parser->at);
}

static Name read_name(const char **at) {
    Name name = {skip_spaces(*at), 0};
    while (is_letter(name.text[name.length]) || (name.length && is_digit(name.text[name.length])))
        name.length++;
    *at = name.text + name.length;
    return name;
}

static bool name_is(Name name, const char *text) {
    return strlen(text) == name.length && memcmp(name.text, text, name.length) == 0;
}

/* "dy" or "dy1" for the prefix "dy": the number, 0 without one; -1 for another name. */
static int numbered(Name name, const char *prefix) {
    size_t length = strlen(prefix);
    if (name.length < length || memcmp(name.text, prefix, length) != 0) return -1;
    if (name.length == length) return 0;
    return name.length == length + 1 && is_digit(name.text[length]) ? name.text[length] - '0' : -1;
}

static FormulaValue from_node(Node *node) {
    return (FormulaValue){.kind = FORMULA_NODE, .node = node};
}

/* What the row's names stand for; a gradient that is rounded once sees halves in f32. */
static FormulaValue named_node(const FormulaContext *context, Node *node) {
    bool wide = op_info(context->scope->node->op)->traits & TRAIT_ONE_GRADIENT;
    DType dtype = node->type.dtype;
    return from_node(wide ? build_cast(context->graph, node, dtype_computed(dtype)) : node);
}

static FormulaValue from_attr(const Attr *attr) {
    FormulaValue value = {.kind = FORMULA_NUMBER};
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INT:
        value.number = (double)attr->i;
        break;
    case ATTR_KIND_FLOAT:
        value.number = attr->f;
        break;
    case ATTR_KIND_INTS:
        value.kind = FORMULA_INTS;
        value.ints.count = attr->ints.count;
        for (int i = 0; i < attr->ints.count; i++)
            value.ints.items[i] = attr->ints.items[i];
        break;
    case ATTR_KIND_DTYPE:
        value.kind = FORMULA_DTYPE;
        value.dtype = attr->dtype;
        break;
    case ATTR_KIND_TEXT:
        value.kind = FORMULA_TEXT;
        value.text = attr->text;
        break;
    case ATTR_KIND_DATA:
        NNC_BUG("a formula can't read elements");
    }
    return value;
}

static Node *result_node(const FormulaContext *context, int index) {
    Node *node = context->scope->node;
    return op_info(node->op)->results == 1 ? node : build_result(context->graph, node, index);
}

static Node *gradient_node(const FormulaContext *context, int index) {
    Node *gradient = context->scope->gradients[index];
    if (gradient) return gradient;
    return build_full(context->graph, *node_type(context->scope->node, index), 0);
}

/* The operand of that name, or NULL. */
static Node *operand_node(const FormulaContext *context, Name name) {
    const OpInfo *info = op_info(context->scope->node->op);
    int index = 0, length;
    for (const char *word = info->inputs; (word = word_next(word, &length)); word += length) {
        if ((size_t)length == name.length && memcmp(word, name.text, name.length) == 0)
            return context->scope->inputs[info->arity < 0 ? context->operand : index];
        index++;
    }
    return NULL;
}

static FormulaValue name_value(Parser *parser, Name name) {
    const FormulaContext *context = &parser->context;
    const Node *node = context->scope->node;
    for (int i = 0; i < parser->let_count; i++) {
        Name let = parser->let_names[i];
        if (let.length == name.length && memcmp(let.text, name.text, name.length) == 0)
            return parser->let_values[i];
    }
    int results = op_info(node->op)->results, index;
    if ((index = numbered(name, "dy")) >= 0 && index < results)
        return named_node(context, gradient_node(context, index));
    if ((index = numbered(name, "y")) >= 0 && index < results)
        return named_node(context, result_node(context, index));
    Node *operand = operand_node(context, name);
    if (operand) return named_node(context, operand);
    for (int i = 0; i < node->attr_count; i++) {
        if (name_is(name, attr_name(node->attrs[i].name))) return from_attr(&node->attrs[i]);
    }
    for (int i = 0; i < DT_COUNT; i++) {
        if (name_is(name, dtype_name((DType)i)))
            return (FormulaValue){.kind = FORMULA_DTYPE, .dtype = (DType)i};
    }
    NNC_BUG("formula \"%s\" of %s: unknown name %.*s", parser->formula, op_info(node->op)->name,
            (int)name.length, name.text);
}

/* A number where a list is wanted is a list of one. */
static void number_to_ints(FormulaValue *value) {
    if (value->kind != FORMULA_NUMBER) return;
    int64_t item = (int64_t)value->number;
    *value = (FormulaValue){.kind = FORMULA_INTS};
    value->ints.items[value->ints.count++] = item;
}

static Attr to_attr(Parser *parser, AttrName name, FormulaValue *value) {
    AttrKind kind = attr_kind(name);
    if (kind == ATTR_KIND_INTS) number_to_ints(value);
    if (kind == ATTR_KIND_INTS && value->kind == FORMULA_INTS)
        return attr_ints(name, value->ints.items, value->ints.count);
    if (kind == ATTR_KIND_INT && value->kind == FORMULA_NUMBER)
        return attr_int(name, (int64_t)value->number);
    if (kind == ATTR_KIND_FLOAT && value->kind == FORMULA_NUMBER)
        return attr_float(name, value->number);
    if (kind == ATTR_KIND_DTYPE && value->kind == FORMULA_DTYPE) return attr_dtype(value->dtype);
    NNC_BUG("formula \"%s\": %s has the wrong kind", parser->formula, attr_name(name));
}

/* Turns numbers among the operands into constants, then adds the node. */
static FormulaValue build_call(Parser *parser, Op op, FormulaValue *operands, int operand_count,
                               const Attr *attrs, int attr_count) {
    Graph *graph = parser->context.graph;
    const Type *type = NULL;
    for (int i = 0; i < operand_count; i++) {
        if (operands[i].kind == FORMULA_NODE) type = &operands[i].node->type;
    }
    NNC_CHECK(type, "formula \"%s\": %s has no operand", parser->formula, op_info(op)->name);
    Node *nodes[MAX_ARGS];
    for (int i = 0; i < operand_count; i++) {
        bool number = operands[i].kind == FORMULA_NUMBER;
        NNC_CHECK(number || operands[i].kind == FORMULA_NODE, "formula \"%s\": operand %d of %s",
                  parser->formula, i, op_info(op)->name);
        nodes[i] = number ? build_full(graph, *type, operands[i].number) : operands[i].node;
    }
    return from_node(build_op(graph, op, nodes, operand_count, attrs, attr_count));
}

static FormulaValue call_helper(Parser *parser, const FormulaHelper *helper, FormulaValue *args,
                                int count) {
    NNC_CHECK((size_t)count == strlen(helper->kinds), "formula \"%s\": arguments of %s",
              parser->formula, helper->name);
    for (int i = 0; i < count; i++) {
        if (helper->kinds[i] == FORMULA_INTS) number_to_ints(&args[i]);
        NNC_CHECK((char)args[i].kind == helper->kinds[i], "formula \"%s\": argument %d of %s",
                  parser->formula, i, helper->name);
    }
    return helper->run(&parser->context, args);
}

/* name=expr in a call; the name decides the attribute. */
static bool parse_attr(Parser *parser, FormulaValue *value, Attr *attr) {
    const char *at = parser->at;
    Name name = read_name(&at);
    at = skip_spaces(at);
    if (name.length == 0 || *at != '=') return false;
    char text[32] = "";
    AttrName found;
    NNC_CHECK(name.length < sizeof text && memcpy(text, name.text, name.length) &&
                  attr_from_name(text, &found),
              "formula \"%s\": no attribute %.*s", parser->formula, (int)name.length, name.text);
    parser->at = at + 1;
    *value = parse_expr(parser);
    *attr = to_attr(parser, found, value);
    return true;
}

static FormulaValue parse_call(Parser *parser, Name name) {
    FormulaValue args[MAX_ARGS], lists[MAX_OP_ATTRS];
    Attr attrs[MAX_OP_ATTRS];
    int arg_count = 0, attr_count = 0;
    if (!accept(parser, ')')) {
        do {
            NNC_CHECK(arg_count < MAX_ARGS && attr_count < MAX_OP_ATTRS,
                      "formula \"%s\": too many arguments", parser->formula);
            if (parse_attr(parser, &lists[attr_count], &attrs[attr_count]))
                attr_count++;
            else
                args[arg_count++] = parse_expr(parser);
        } while (accept(parser, ','));
        expect(parser, ')');
    }
    const FormulaHelper *helper = formula_helper(name.text, name.length);
    if (helper) return call_helper(parser, helper, args, arg_count);
    char text[32] = "";
    Op op;
    NNC_CHECK(name.length < sizeof text && memcpy(text, name.text, name.length) &&
                  op_from_name(text, &op),
              "formula \"%s\": no op or helper %.*s", parser->formula, (int)name.length, name.text);
    return build_call(parser, op, args, arg_count, attrs, attr_count);
}

static FormulaValue parse_primary(Parser *parser) {
    if (accept(parser, '(')) {
        FormulaValue value = parse_expr(parser);
        expect(parser, ')');
        return value;
    }
    if (accept(parser, '-')) {
        FormulaValue value = parse_primary(parser);
        if (value.kind == FORMULA_NODE) return build_call(parser, OP_neg, &value, 1, NULL, 0);
        value.number = -value.number;
        return value;
    }
    if (is_digit(*parser->at)) {
        char *end;
        double number = strtod(parser->at, &end);
        parser->at = end;
        return (FormulaValue){.kind = FORMULA_NUMBER, .number = number};
    }
    Name name = read_name(&parser->at);
    NNC_CHECK(name.length, "formula \"%s\": expected a value at \"%s\"", parser->formula,
              parser->at);
    return accept(parser, '(') ? parse_call(parser, name) : name_value(parser, name);
}

static double fold(char op, double a, double b) {
    return op == '+' ? a + b : op == '-' ? a - b : op == '*' ? a * b : a / b;
}

static FormulaValue combine(Parser *parser, char op, FormulaValue a, FormulaValue b) {
    if (a.kind == FORMULA_NUMBER && b.kind == FORMULA_NUMBER)
        return (FormulaValue){.kind = FORMULA_NUMBER, .number = fold(op, a.number, b.number)};
    Op node_op = op == '+' ? OP_add : op == '-' ? OP_sub : op == '*' ? OP_mul : OP_div;
    return build_call(parser, node_op, (FormulaValue[]){a, b}, 2, NULL, 0);
}

static FormulaValue parse_term(Parser *parser) {
    FormulaValue value = parse_primary(parser);
    for (;;) {
        char op = *skip_spaces(parser->at);
        if (op != '*' && op != '/') return value;
        expect(parser, op);
        value = combine(parser, op, value, parse_primary(parser));
    }
}

static FormulaValue parse_expr(Parser *parser) {
    FormulaValue value = parse_term(parser);
    for (;;) {
        char op = *skip_spaces(parser->at);
        if (op != '+' && op != '-') return value;
        expect(parser, op);
        value = combine(parser, op, value, parse_term(parser));
    }
}

/* Handles `let name = expr`; false when the item is no let. */
static bool parse_let(Parser *parser) {
    const char *at = parser->at;
    Name word = read_name(&at);
    if (!name_is(word, "let")) return false;
    parser->at = at;
    Name name = read_name(&parser->at);
    expect(parser, '=');
    FormulaValue value = parse_expr(parser);
    NNC_CHECK(parser->let_count < MAX_LETS, "formula \"%s\": too many lets", parser->formula);
    parser->let_names[parser->let_count] = name;
    parser->let_values[parser->let_count++] = value;
    return true;
}

/* Whether the item at hand is just that character. */
static bool item_is(const char *at, char c) {
    at = skip_spaces(at);
    if (*at != c) return false;
    at = skip_spaces(at + 1);
    return *at == ';' || *at == 0;
}

static bool build_item(Parser *parser, bool wanted, Node **out, Buf *error) {
    *out = NULL;
    if (!wanted || item_is(parser->at, '0')) {
        parser->at += strcspn(parser->at, ";");
        return true;
    }
    if (item_is(parser->at, '!')) {
        buf_printf(error, "%s is not differentiable",
                   op_info(parser->context.scope->node->op)->name);
        return false;
    }
    FormulaValue value = parse_expr(parser);
    NNC_CHECK(value.kind == FORMULA_NODE, "formula \"%s\": an item is no node", parser->formula);
    *out = value.node;
    return true;
}

bool formula_build(Graph *graph, const char *formula, const FormulaScope *scope, const bool *wanted,
                   Node **out, int out_count, Buf *error) {
    Parser parser = {.context = {graph, scope, 0}, .formula = formula, .at = formula};
    bool one_for_all = op_info(scope->node->op)->arity < 0 || strcmp(formula, ZERO_GRAD) == 0 ||
                       strcmp(formula, NO_GRAD) == 0;
    Span span = graph->span;
    graph->span = scope->node->span;
    bool ok = true;
    for (int i = 0; ok && i < out_count; i++) {
        while (parse_let(&parser))
            expect(&parser, ';');
        const char *item = parser.at;
        parser.context.operand = i;
        ok = build_item(&parser, !wanted || wanted[i], &out[i], error);
        if (!ok || i + 1 == out_count) break;
        if (one_for_all)
            parser.at = item;
        else
            expect(&parser, ';');
    }
    NNC_CHECK(!ok || *skip_spaces(parser.at) == 0, "formula \"%s\": more than %d items", formula,
              out_count);
    graph->span = span;
    return ok;
}

bool formula_grad(Graph *graph, Node *node, Node *const *dys, const bool *wanted, Node **out,
                  Buf *error) {
    int count = node->input_count;
    bool few[8], any = false, flows = false;
    bool *floats = count <= 8 ? few : ARENA_ARRAY(graph->arena, bool, (size_t)count);
    for (int i = 0; i < op_info(node->op)->results; i++)
        flows = flows || dys[i];
    for (int i = 0; i < count; i++) {
        out[i] = NULL;
        floats[i] = dtype_is_float(node->inputs[i]->type.dtype) && (!wanted || wanted[i]);
        any = any || floats[i];
    }
    if (!any || !flows) return true;
    FormulaScope scope = {node, node->inputs, dys};
    if (!formula_build(graph, op_info(node->op)->grad, &scope, floats, out, count, error))
        return false;
    for (int i = 0; i < count; i++)
        if (out[i]) out[i] = build_cast(graph, out[i], node->inputs[i]->type.dtype);
    return true;
}

Node *formula_decompose(Graph *to, const Node *node, Node *const *inputs) {
    const char *formula = op_info(node->op)->decompose;
    NNC_CHECK(formula, "%s has no decomposition", op_info(node->op)->name);
    Node copy = *node;
    FormulaScope scope = {&copy, inputs, NULL};
    Node *out = NULL;
    formula_build(to, formula, &scope, NULL, &out, 1, NULL);
    return out;
}

uint32_t formula_grad_reads(Op op) {
    const OpInfo *info = op_info(op);
    uint32_t reads = 0;
    for (const char *at = info->grad; *at;) {
        if (!is_letter(*at)) {
            /* A number's exponent is no name. */
            at += is_digit(*at) ? strspn(at, "0123456789.") : 1;
            continue;
        }
        Name name = read_name(&at);
        if (*at == '(') {
            const FormulaHelper *helper = formula_helper(name.text, name.length);
            if (helper && helper->only_type) at += strcspn(at, ")");
            continue;
        }
        if (*at == '=') continue;
        int index = 0, length;
        for (const char *word = info->inputs; (word = word_next(word, &length)); word += length) {
            if ((size_t)length == name.length && memcmp(word, name.text, name.length) == 0)
                reads |= 1u << index;
            index++;
        }
        if (numbered(name, "y") >= 0) reads |= 1u << 31;
    }
    return reads;
}
