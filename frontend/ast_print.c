/* The syntax tree as S-expressions, one statement a line, bodies indented. */
#include "frontend/ast.h"

static const char *const binary_texts[BINARY_OP_COUNT] = {
    [BINARY_ADD] = "+",     [BINARY_SUB] = "-",          [BINARY_MUL] = "*", [BINARY_MATMUL] = "@",
    [BINARY_DIV] = "/",     [BINARY_FLOORDIV] = "//",    [BINARY_MOD] = "%", [BINARY_POW] = "**",
    [BINARY_LSHIFT] = "<<", [BINARY_RSHIFT] = ">>",      [BINARY_AND] = "&", [BINARY_OR] = "|",
    [BINARY_XOR] = "^",     [BINARY_DIVMOD] = "divmod()"};

static const char *const compare_texts[] = {
    [COMPARE_LT] = "<",         [COMPARE_LE] = "<=",         [COMPARE_EQ] = "==",
    [COMPARE_NE] = "!=",        [COMPARE_GT] = ">",          [COMPARE_GE] = ">=",
    [COMPARE_IS] = "is",        [COMPARE_IS_NOT] = "is not", [COMPARE_IN] = "in",
    [COMPARE_NOT_IN] = "not in"};

const char *binary_op_text(BinaryOp op) {
    return binary_texts[op];
}
const char *compare_op_text(CompareOp op) {
    return compare_texts[op];
}

static void put_expr(Buf *out, const Expr *expr);

static void put_optional(Buf *out, const Expr *expr) {
    buf_putc(out, ' ');
    if (expr)
        put_expr(out, expr);
    else
        buf_putc(out, '_');
}

static void put_string(Buf *out, const char *bytes, size_t length) {
    buf_putc(out, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c == '\n')
            buf_puts(out, "\\n");
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\x%02x", c);
        else
            buf_putc(out, (char)c);
    }
    buf_putc(out, '"');
}

static void put_exprs(Buf *out, const char *head, Exprs exprs) {
    buf_printf(out, "(%s", head);
    for (size_t i = 0; i < exprs.count; i++)
        put_optional(out, exprs.items[i]);
    buf_putc(out, ')');
}

static void put_arguments(Buf *out, Arguments arguments) {
    for (size_t i = 0; i < arguments.count; i++) {
        const Argument *argument = &arguments.items[i];
        buf_putc(out, ' ');
        if (argument->kind == ARG_STAR) buf_putc(out, '*');
        if (argument->kind == ARG_DOUBLE_STAR) buf_puts(out, "**");
        if (argument->kind == ARG_KEYWORD) buf_printf(out, "%s=", argument->name->text);
        put_expr(out, argument->value);
    }
}

static void put_parameter(Buf *out, const Parameter *parameter) {
    buf_puts(out, parameter->name->text);
    if (parameter->annotation) {
        buf_putc(out, ':');
        put_expr(out, parameter->annotation);
    }
    if (parameter->default_value) {
        buf_putc(out, '=');
        put_expr(out, parameter->default_value);
    }
}

static void put_parameters(Buf *out, const FunctionDef *function) {
    size_t n = 0;
    buf_putc(out, '(');
    for (size_t i = 0; i < function->positional_count; i++, n++) {
        if (n) buf_putc(out, ' ');
        put_parameter(out, &function->parameters[n]);
        if (n + 1 == function->positional_only_count) buf_puts(out, " /");
    }
    size_t varargs = function->positional_count + function->keyword_only_count;
    if (function->has_varargs || function->keyword_only_count) {
        buf_puts(out, n ? " *" : "*");
        if (function->has_varargs) put_parameter(out, &function->parameters[varargs]);
    }
    for (size_t i = 0; i < function->keyword_only_count; i++, n++) {
        buf_putc(out, ' ');
        put_parameter(out, &function->parameters[n]);
    }
    if (function->has_kwargs) {
        buf_puts(out, n || function->has_varargs ? " **" : "**");
        put_parameter(out, &function->parameters[varargs + function->has_varargs]);
    }
    buf_putc(out, ')');
}

static void put_comp(Buf *out, const Expr *expr) {
    static const char *const heads[] = {"list-comp", "set-comp", "dict-comp", "generator"};
    buf_printf(out, "(%s ", heads[expr->as.comp.kind]);
    put_expr(out, expr->as.comp.element);
    if (expr->as.comp.value) put_optional(out, expr->as.comp.value);
    for (size_t i = 0; i < expr->as.comp.for_count; i++) {
        const CompFor *clause = &expr->as.comp.fors[i];
        buf_puts(out, " (for ");
        put_expr(out, clause->target);
        put_optional(out, clause->iterable);
        for (size_t j = 0; j < clause->conditions.count; j++) {
            buf_puts(out, " if ");
            put_expr(out, clause->conditions.items[j]);
        }
        buf_putc(out, ')');
    }
    buf_putc(out, ')');
}

static void put_unary(Buf *out, const char *head, const Expr *operand) {
    buf_printf(out, "(%s", head);
    put_optional(out, operand);
    buf_putc(out, ')');
}

static void put_dict(Buf *out, const Expr *expr) {
    buf_puts(out, "(dict");
    for (size_t i = 0; i < expr->as.dict.count; i++) {
        buf_putc(out, ' ');
        if (expr->as.dict.keys[i]) {
            put_expr(out, expr->as.dict.keys[i]);
            buf_putc(out, ':');
        } else {
            buf_puts(out, "**");
        }
        put_expr(out, expr->as.dict.values[i]);
    }
    buf_putc(out, ')');
}

static void put_compare(Buf *out, const Expr *expr) {
    buf_puts(out, "(compare ");
    put_expr(out, expr->as.compare.operands.items[0]);
    for (size_t i = 1; i < expr->as.compare.operands.count; i++) {
        buf_printf(out, " %s", compare_texts[expr->as.compare.ops[i - 1]]);
        put_optional(out, expr->as.compare.operands.items[i]);
    }
    buf_putc(out, ')');
}

static void put_formatted(Buf *out, const Expr *expr) {
    buf_putc(out, '{');
    put_expr(out, expr->as.formatted.value);
    if (expr->as.formatted.conversion) buf_printf(out, "!%c", expr->as.formatted.conversion);
    if (expr->as.formatted.spec) {
        buf_putc(out, ':');
        put_expr(out, expr->as.formatted.spec);
    }
    buf_putc(out, '}');
}

/* Three children, any of them absent. */
static void put_three(Buf *out, const char *head, const Expr *a, const Expr *b, const Expr *c) {
    buf_printf(out, "(%s", head);
    put_optional(out, a);
    put_optional(out, b);
    put_optional(out, c);
    buf_putc(out, ')');
}

static void put_two(Buf *out, const char *head, const Expr *a, const Expr *b) {
    buf_printf(out, "(%s", head);
    put_optional(out, a);
    put_optional(out, b);
    buf_putc(out, ')');
}

static void put_expr(Buf *out, const Expr *expr) {
    static const char *const unary[] = {"-", "+", "~"};
    switch (expr->kind) {
    case EXPR_NONE:
        buf_puts(out, "None");
        break;
    case EXPR_TRUE:
        buf_puts(out, "True");
        break;
    case EXPR_FALSE:
        buf_puts(out, "False");
        break;
    case EXPR_ELLIPSIS:
        buf_puts(out, "...");
        break;
    case EXPR_INT:
        buf_printf(out, "%lld", (long long)expr->as.integer);
        break;
    case EXPR_BIG_INT:
        buf_puts(out, expr->as.string.bytes);
        break;
    case EXPR_FLOAT:
        buf_put_double(out, expr->as.number);
        break;
    case EXPR_BYTES:
        buf_putc(out, 'b'); /* fall through */
    case EXPR_STRING:
        put_string(out, expr->as.string.bytes, expr->as.string.length);
        break;
    case EXPR_FSTRING:
        put_exprs(out, "fstring", expr->as.items);
        break;
    case EXPR_FORMATTED:
        put_formatted(out, expr);
        break;
    case EXPR_NAME:
        buf_puts(out, expr->as.name->text);
        break;
    case EXPR_TUPLE:
        put_exprs(out, "tuple", expr->as.items);
        break;
    case EXPR_LIST:
        put_exprs(out, "list", expr->as.items);
        break;
    case EXPR_SET:
        put_exprs(out, "set", expr->as.items);
        break;
    case EXPR_DICT:
        put_dict(out, expr);
        break;
    case EXPR_UNARY:
        put_unary(out, unary[expr->as.unary.op], expr->as.unary.operand);
        break;
    case EXPR_NOT:
        put_unary(out, "not", expr->as.value);
        break;
    case EXPR_BINARY:
        put_two(out, binary_texts[expr->as.binary.op], expr->as.binary.left, expr->as.binary.right);
        break;
    case EXPR_AND:
        put_exprs(out, "and", expr->as.items);
        break;
    case EXPR_OR:
        put_exprs(out, "or", expr->as.items);
        break;
    case EXPR_COMPARE:
        put_compare(out, expr);
        break;
    case EXPR_IF:
        put_three(out, "if", expr->as.conditional.test, expr->as.conditional.body,
                  expr->as.conditional.orelse);
        break;
    case EXPR_CALL:
        buf_puts(out, "(call ");
        put_expr(out, expr->as.call.callee);
        put_arguments(out, expr->as.call.arguments);
        buf_putc(out, ')');
        break;
    case EXPR_ATTRIBUTE:
        put_expr(out, expr->as.attribute.object);
        buf_printf(out, ".%s", expr->as.attribute.name->text);
        break;
    case EXPR_SUBSCRIPT:
        put_two(out, "index", expr->as.subscript.object, expr->as.subscript.index);
        break;
    case EXPR_SLICE:
        put_three(out, "slice", expr->as.slice.start, expr->as.slice.stop, expr->as.slice.step);
        break;
    case EXPR_STARRED:
        put_unary(out, "star", expr->as.value);
        break;
    case EXPR_LAMBDA:
        buf_puts(out, "(lambda ");
        put_parameters(out, expr->as.function);
        put_optional(out, expr->as.function->body.items[0]->as.expr);
        buf_putc(out, ')');
        break;
    case EXPR_WALRUS:
        put_two(out, ":=", expr->as.walrus.target, expr->as.walrus.value);
        break;
    case EXPR_COMP:
        put_comp(out, expr);
        break;
    case EXPR_YIELD:
        put_unary(out, "yield", expr->as.value);
        break;
    case EXPR_YIELD_FROM:
        put_unary(out, "yield-from", expr->as.value);
        break;
    }
}

static void put_indent(Buf *out, int level) {
    for (int i = 0; i < level; i++)
        buf_puts(out, "  ");
}

static void put_block(Buf *out, Block block, int level);

static void put_named_block(Buf *out, const char *head, Block block, int level) {
    if (!block.count) return;
    put_indent(out, level);
    buf_printf(out, "%s\n", head);
    put_block(out, block, level + 1);
}

static void put_decorators(Buf *out, Exprs decorators, int level) {
    for (size_t i = 0; i < decorators.count; i++) {
        buf_putc(out, '@');
        put_expr(out, decorators.items[i]);
        buf_putc(out, '\n');
        put_indent(out, level);
    }
}

static void put_import(Buf *out, const Stmt *stmt) {
    if (stmt->kind == STMT_FROM_IMPORT) {
        buf_puts(out, "from ");
        for (uint32_t i = 0; i < stmt->as.import.level; i++)
            buf_putc(out, '.');
        if (stmt->as.import.module) buf_puts(out, stmt->as.import.module->text);
        buf_putc(out, ' ');
    }
    buf_puts(out, "import");
    for (size_t i = 0; i < stmt->as.import.count; i++) {
        const ImportAlias *alias = &stmt->as.import.items[i];
        buf_printf(out, " %s", alias->name->text);
        if (alias->as) buf_printf(out, "=%s", alias->as->text);
    }
}

static void put_try(Buf *out, const Stmt *stmt, int level) {
    buf_puts(out, "try\n");
    put_block(out, stmt->as.try.body, level + 1);
    for (size_t i = 0; i < stmt->as.try.clause_count; i++) {
        const ExceptClause *clause = &stmt->as.try.clauses[i];
        put_indent(out, level);
        buf_puts(out, "except");
        if (clause->type) put_optional(out, clause->type);
        if (clause->name) buf_printf(out, " as %s", clause->name->text);
        buf_putc(out, '\n');
        put_block(out, clause->body, level + 1);
    }
    put_named_block(out, "else", stmt->as.try.orelse, level);
    put_named_block(out, "finally", stmt->as.try.finally, level);
}

static void put_pattern(Buf *out, const Pattern *pattern) {
    static const char *const heads[] = {
        [PATTERN_VALUE] = "value",     [PATTERN_CAPTURE] = "capture",
        [PATTERN_STAR] = "star",       [PATTERN_SEQUENCE] = "sequence",
        [PATTERN_MAPPING] = "mapping", [PATTERN_CLASS] = "class",
        [PATTERN_OR] = "or",           [PATTERN_AS] = "as"};
    buf_printf(out, " (%s", heads[pattern->kind]);
    if (pattern->value) put_optional(out, pattern->value);
    size_t named = pattern->count - pattern->name_count;
    for (size_t i = 0; i < pattern->count; i++) {
        if (pattern->values.count) put_optional(out, pattern->values.items[i]);
        if (i >= named) buf_printf(out, " %s=", pattern->names[i - named]->text);
        put_pattern(out, pattern->items[i]);
    }
    if (pattern->name) buf_printf(out, " %s", pattern->name->text);
    buf_putc(out, ')');
}

static void put_match(Buf *out, const Stmt *stmt, int level) {
    put_unary(out, "match", stmt->as.match.subject);
    buf_putc(out, '\n');
    for (size_t i = 0; i < stmt->as.match.count; i++) {
        const MatchCase *clause = &stmt->as.match.cases[i];
        put_indent(out, level + 1);
        buf_puts(out, "case");
        put_pattern(out, clause->pattern);
        if (clause->guard) buf_puts(out, " if");
        if (clause->guard) put_optional(out, clause->guard);
        buf_putc(out, '\n');
        put_block(out, clause->body, level + 2);
    }
}

/* Statements with blocks; each ends its own last line. False: not one. */
static bool put_compound(Buf *out, const Stmt *stmt, int level) {
    switch (stmt->kind) {
    case STMT_IF:
    case STMT_WHILE:
        buf_puts(out, stmt->kind == STMT_IF ? "if" : "while");
        put_optional(out, stmt->as.branch.test);
        buf_putc(out, '\n');
        put_block(out, stmt->as.branch.body, level + 1);
        put_named_block(out, "else", stmt->as.branch.orelse, level);
        return true;
    case STMT_FOR:
        put_two(out, "for", stmt->as.loop.target, stmt->as.loop.iterable);
        buf_putc(out, '\n');
        put_block(out, stmt->as.loop.body, level + 1);
        put_named_block(out, "else", stmt->as.loop.orelse, level);
        return true;
    case STMT_TRY:
        put_try(out, stmt, level);
        return true;
    case STMT_WITH:
        buf_puts(out, "with");
        for (size_t i = 0; i < stmt->as.with.count; i++) {
            put_optional(out, stmt->as.with.items[i].context);
            if (stmt->as.with.items[i].target) buf_puts(out, " as");
            if (stmt->as.with.items[i].target) put_optional(out, stmt->as.with.items[i].target);
        }
        buf_putc(out, '\n');
        put_block(out, stmt->as.with.body, level + 1);
        return true;
    case STMT_MATCH:
        put_match(out, stmt, level);
        return true;
    case STMT_DEF:
        put_decorators(out, stmt->as.function->decorators, level);
        buf_printf(out, "def %s ", stmt->as.function->name->text);
        put_parameters(out, stmt->as.function);
        if (stmt->as.function->returns) buf_puts(out, " ->");
        if (stmt->as.function->returns) put_optional(out, stmt->as.function->returns);
        buf_puts(out, "\n");
        put_block(out, stmt->as.function->body, level + 1);
        return true;
    case STMT_CLASS:
        put_decorators(out, stmt->as.class->decorators, level);
        buf_printf(out, "class %s", stmt->as.class->name->text);
        put_arguments(out, stmt->as.class->bases);
        buf_putc(out, '\n');
        put_block(out, stmt->as.class->body, level + 1);
        return true;
    default:
        return false;
    }
}

static void put_simple(Buf *out, const Stmt *stmt) {
    switch (stmt->kind) {
    case STMT_EXPR:
        put_expr(out, stmt->as.expr);
        break;
    case STMT_ASSIGN:
        buf_puts(out, "(=");
        for (size_t i = 0; i < stmt->as.assign.targets.count; i++)
            put_optional(out, stmt->as.assign.targets.items[i]);
        put_optional(out, stmt->as.assign.value);
        buf_putc(out, ')');
        break;
    case STMT_AUG_ASSIGN:
        buf_printf(out, "(%s=", binary_texts[stmt->as.aug_assign.op]);
        put_optional(out, stmt->as.aug_assign.target);
        put_optional(out, stmt->as.aug_assign.value);
        buf_putc(out, ')');
        break;
    case STMT_ANN_ASSIGN:
        put_three(out, "annotate", stmt->as.ann_assign.target, stmt->as.ann_assign.annotation,
                  stmt->as.ann_assign.value);
        break;
    case STMT_RETURN:
        put_unary(out, "return", stmt->as.expr);
        break;
    case STMT_DELETE:
        put_exprs(out, "del", stmt->as.targets);
        break;
    case STMT_RAISE:
        put_two(out, "raise", stmt->as.raise.exception, stmt->as.raise.cause);
        break;
    case STMT_ASSERT:
        put_two(out, "assert", stmt->as.assertion.test, stmt->as.assertion.message);
        break;
    case STMT_GLOBAL:
    case STMT_NONLOCAL:
        buf_puts(out, stmt->kind == STMT_GLOBAL ? "global" : "nonlocal");
        for (size_t i = 0; i < stmt->as.names.count; i++)
            buf_printf(out, " %s", stmt->as.names.items[i]->text);
        break;
    case STMT_IMPORT:
    case STMT_FROM_IMPORT:
        put_import(out, stmt);
        break;
    case STMT_BREAK:
        buf_puts(out, "break");
        break;
    case STMT_CONTINUE:
        buf_puts(out, "continue");
        break;
    default:
        buf_puts(out, "pass");
        break;
    }
    buf_putc(out, '\n');
}

static void put_block(Buf *out, Block block, int level) {
    for (size_t i = 0; i < block.count; i++) {
        put_indent(out, level);
        if (!put_compound(out, block.items[i], level)) put_simple(out, block.items[i]);
    }
}

void ast_print(const ModuleAst *module, Buf *out) {
    put_block(out, module->body, 0);
}
