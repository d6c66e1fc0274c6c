/* Reading a graph's text form back. Errors are reported at the place in the text, the first one
 * ends the reading. Everything goes through graph_add, so a graph that parses is a graph that
 * verifies. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/text.h"
#include "ir/text_names.h"
#include "support/checked.h"

enum { MAX_NUMBER = 1 << 22, MAX_LIST = 1 << 16 };

typedef struct Parser {
    Arena *arena;
    Sources *sources;
    uint16_t file;
    const char *text, *at, *end;
    Graph *graph;
    VEC(Node *) nodes; /* by the text's numbers */
    bool failed;
} Parser;

static bool fail_at(Parser *parser, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail_at(Parser *parser, const char *at, const char *format, ...) {
    if (parser->failed) return false;
    parser->failed = true;
    uint32_t begin = (uint32_t)(at - parser->text);
    va_list args;
    va_start(args, format);
    report_v(parser->sources, SEVERITY_ERROR, (Span){parser->file, begin, begin + 1}, format, args);
    va_end(args);
    return false;
}

static void skip_space(Parser *parser) {
    for (;;) {
        parser->at += strspn(parser->at, " \t\r\n");
        if (parser->at[0] != '/' || parser->at[1] != '/') return;
        parser->at += strcspn(parser->at, "\n");
    }
}

static bool accept(Parser *parser, const char *token) {
    skip_space(parser);
    size_t length = strlen(token);
    if (strncmp(parser->at, token, length) != 0) return false;
    parser->at += length;
    return true;
}

static bool expect(Parser *parser, const char *token) {
    return accept(parser, token) || fail_at(parser, parser->at, "expected `%s`", token);
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* A word of at most 63 characters; "" with an error when there is none. */
static bool read_word(Parser *parser, char word[64], const char *what) {
    skip_space(parser);
    size_t length = 0;
    while (is_word(parser->at[length]) && length < 63)
        length++;
    if (length == 0 || is_word(parser->at[length]))
        return fail_at(parser, parser->at, "expected %s", what);
    memcpy(word, parser->at, length);
    word[length] = 0;
    parser->at += length;
    return true;
}

static bool read_int(Parser *parser, int64_t *out) {
    skip_space(parser);
    const char *at = parser->at;
    bool negative = *at == '-';
    if (negative) at++;
    if (*at < '0' || *at > '9') return fail_at(parser, parser->at, "expected an integer");
    int64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        int digit = negative ? '0' - *at : *at - '0';
        if (!mul_i64(value, 10, &value) || !add_i64(value, digit, &value))
            return fail_at(parser, parser->at, "the integer is too large");
    }
    parser->at = at;
    *out = value;
    return true;
}

static bool read_float(Parser *parser, double *out) {
    skip_space(parser);
    bool negative = *parser->at == '-';
    const char *at = parser->at + negative;
    char *end = NULL;
    if (strncmp(at, "inf", 3) == 0 || strncmp(at, "nan", 3) == 0) {
        *out = *at == 'i' ? (double)INFINITY : (double)NAN;
        end = (char *)(uintptr_t)at + 3;
    } else if (*at >= '0' && *at <= '9') {
        *out = strtod(at, &end);
    }
    if (!end) return fail_at(parser, parser->at, "expected a number");
    if (negative) *out = -*out;
    parser->at = end;
    return true;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_string(Parser *parser, const char **out) {
    if (!expect(parser, "\"")) return false;
    Buf text = {0};
    bool ok = true;
    while (ok && *parser->at != '"') {
        char c = *parser->at++;
        if (c == 0 || c == '\n') {
            parser->at--;
            ok = fail_at(parser, parser->at, "the string has no end");
        } else if (c == '\\' && *parser->at == 'x') {
            int high = hex_digit(parser->at[1]), low = high < 0 ? -1 : hex_digit(parser->at[2]);
            ok = (low >= 0 && (high || low)) || fail_at(parser, parser->at, "expected \\xNN");
            if (ok) buf_putc(&text, (char)(high * 16 + low));
            if (ok) parser->at += 3;
        } else if (c == '\\' && (*parser->at == '"' || *parser->at == '\\')) {
            buf_putc(&text, *parser->at++);
        } else if (c == '\\') {
            ok = fail_at(parser, parser->at, "unknown escape");
        } else {
            buf_putc(&text, c);
        }
    }
    if (ok) parser->at++;
    *out = arena_strdup(parser->arena, buf_text(&text));
    buf_free(&text);
    return ok;
}

static bool read_dtype(Parser *parser, DType *out) {
    skip_space(parser);
    const char *at = parser->at;
    char word[64];
    if (!read_word(parser, word, "a type")) return false;
    return dtype_from_name(word, out) || fail_at(parser, at, "no type `%s`", word);
}

static bool read_type(Parser *parser, Type *out) {
    DType dtype;
    skip_space(parser);
    const char *at = parser->at;
    if (!read_dtype(parser, &dtype) || !expect(parser, "[")) return false;
    Type type = type_scalar(dtype);
    while (!accept(parser, "]")) {
        if (type.rank == MAX_RANK) return fail_at(parser, at, "more than %d dims", MAX_RANK);
        if (type.rank && !expect(parser, ",")) return false;
        if (!read_int(parser, &type.dim[type.rank++])) return false;
    }
    if (!type_valid(&type)) return fail_at(parser, at, "the type is not valid");
    *out = type;
    return true;
}

static bool read_number(Parser *parser, int64_t *out) {
    skip_space(parser);
    const char *at = parser->at;
    if (!expect(parser, "%") || !read_int(parser, out)) return false;
    return (*out >= 0 && *out < MAX_NUMBER) || fail_at(parser, at, "the number is out of range");
}

static bool read_node(Parser *parser, Node **out) {
    int64_t number;
    skip_space(parser);
    const char *at = parser->at;
    if (!read_number(parser, &number)) return false;
    *out = (size_t)number < parser->nodes.count ? parser->nodes.items[number] : NULL;
    return *out || fail_at(parser, at, "%%%lld is not defined before its use", (long long)number);
}

static bool define(Parser *parser, const char *at, int64_t number, Node *node) {
    while (parser->nodes.count <= (size_t)number)
        VEC_PUSH(parser->nodes, NULL);
    if (parser->nodes.items[number])
        return fail_at(parser, at, "%%%lld is defined twice", (long long)number);
    parser->nodes.items[number] = node;
    return true;
}

static bool read_ints(Parser *parser, Attr *attr) {
    VEC(int64_t) items = {0};
    bool ok = expect(parser, "[");
    while (ok && !accept(parser, "]")) {
        int64_t item = 0;
        ok = (items.count == 0 || expect(parser, ",")) && read_int(parser, &item);
        if (items.count == MAX_LIST) ok = fail_at(parser, parser->at, "the list is too long");
        VEC_PUSH(items, item);
    }
    attr->ints.count = (int)items.count;
    attr->ints.items = arena_copy(parser->arena, items.items, items.count, sizeof(int64_t));
    VEC_FREE(items);
    return ok;
}

void text_pack_float(Buf *bytes, DType dtype, double value) {
    double packed;
    dtype_store_float(dtype, &packed, value);
    buf_add(bytes, &packed, dtype_size(dtype));
}

bool text_pack_int(Buf *bytes, DType dtype, int64_t value) {
    int64_t most = dtype == DT_BOOL  ? 1
                   : dtype == DT_U8  ? UINT8_MAX
                   : dtype == DT_I32 ? INT32_MAX
                                     : INT64_MAX;
    int64_t least = dtype == DT_I32 ? INT32_MIN : dtype == DT_I64 ? INT64_MIN : 0;
    int32_t half = (int32_t)value;
    uint8_t byte = (uint8_t)value;
    if (value < least || value > most) return false;
    buf_add(bytes,
            dtype == DT_I64   ? (const void *)&value
            : dtype == DT_I32 ? &half
                              : (void *)&byte,
            dtype_size(dtype));
    return true;
}

const char *text_unhex(Buf *bytes, DType dtype, const char *digits) {
    int high, low;
    for (; (high = hex_digit(digits[0])) >= 0 && (low = hex_digit(digits[1])) >= 0; digits += 2) {
        if (dtype == DT_BOOL && high * 16 + low > 1) return NULL;
        buf_putc(bytes, (char)(high * 16 + low));
    }
    return digits;
}

/* The elements in order as bytes; whether there are enough is for the type rule to say. */
static bool read_data_list(Parser *parser, const Type *type, Buf *bytes) {
    bool ok = expect(parser, "[");
    while (ok && !accept(parser, "]")) {
        if (bytes->size && !expect(parser, ",")) return false;
        const char *at = parser->at;
        double number = 0;
        int64_t value = 0;
        if (dtype_is_float(type->dtype)) {
            ok = read_float(parser, &number);
            text_pack_float(bytes, type->dtype, number);
        } else {
            ok = read_int(parser, &value) &&
                 (text_pack_int(bytes, type->dtype, value) ||
                  fail_at(parser, at, "the element doesn't fit its type"));
        }
    }
    return ok;
}

static bool read_data(Parser *parser, const Type *type, Attr *attr) {
    Buf bytes = {0};
    bool ok = true;
    if (accept(parser, "0x")) {
        const char *end = text_unhex(&bytes, type->dtype, parser->at);
        ok = end || fail_at(parser, parser->at, "a bool is 0 or 1");
        if (end) parser->at = end;
    } else {
        ok = read_data_list(parser, type, &bytes);
    }
    attr->data.size = bytes.size;
    attr->data.bytes = arena_copy(parser->arena, bytes.data, bytes.size, 1);
    buf_free(&bytes);
    return ok;
}

static bool read_attr(Parser *parser, const Type *type, Attr *attr) {
    char word[64];
    skip_space(parser);
    const char *at = parser->at;
    if (!read_word(parser, word, "an attribute")) return false;
    if (!attr_from_name(word, &attr->name)) return fail_at(parser, at, "no attribute `%s`", word);
    if (!expect(parser, "=")) return false;
    switch (attr_kind(attr->name)) {
    case ATTR_KIND_INT:
        return read_int(parser, &attr->i);
    case ATTR_KIND_INTS:
        return read_ints(parser, attr);
    case ATTR_KIND_FLOAT:
        return read_float(parser, &attr->f);
    case ATTR_KIND_DTYPE:
        return read_dtype(parser, &attr->dtype);
    case ATTR_KIND_TEXT:
        return read_string(parser, &attr->text);
    case ATTR_KIND_DATA:
        return read_data(parser, type, attr);
    }
    return false;
}

Span text_place(const Sources *sources, const char *path, size_t path_length, uint64_t line,
                uint64_t column) {
    for (size_t i = 1; i < sources->files.count; i++) {
        const Source *source = sources->files.items[i];
        if (strlen(source->path) != path_length || memcmp(source->path, path, path_length) != 0)
            continue;
        if (line == 0 || line > source->line_count) break;
        uint32_t begin = source->line_starts[line - 1];
        /* Columns count code points: continuation bytes are not counted. */
        for (uint64_t c = 1; c < column && source->text[begin]; c++) {
            do
                begin++;
            while (((unsigned char)source->text[begin] & 0xC0) == 0x80);
        }
        return (Span){(uint16_t)i, begin, begin};
    }
    return (Span){0};
}

/* `path:line:column`, the place of a registered source; ignored when it is not registered. */
static Span read_place(Parser *parser) {
    const char *line_end = parser->at + strcspn(parser->at, "\n");
    const char *column = line_end;
    while (column > parser->at && column[-1] >= '0' && column[-1] <= '9')
        column--;
    const char *line = column > parser->at ? column - 1 : column;
    while (line > parser->at && line[-1] >= '0' && line[-1] <= '9')
        line--;
    const char *path_end = line - 1;
    unsigned long line_number = strtoul(line, NULL, 10), column_number = strtoul(column, NULL, 10);
    size_t length = path_end > parser->at ? (size_t)(path_end - parser->at) : 0;
    const char *path = parser->at;
    parser->at = line_end;
    return text_place(parser->sources, path, length, line_number, column_number);
}

/* The types after the colon, found before the attributes are read: a constant's elements need it.
 */
static bool peek_types(Parser *parser, Type types[MAX_RESULTS], int count) {
    const char *at = parser->at;
    bool quoted = false;
    for (; *parser->at && (quoted || *parser->at != ':') && *parser->at != '\n'; parser->at++) {
        if (*parser->at == '\\' && quoted && parser->at[1] && parser->at[1] != '\n')
            parser->at++;
        else if (*parser->at == '"')
            quoted = !quoted;
    }
    bool ok = expect(parser, ":");
    for (int i = 0; ok && i < count; i++)
        ok = (i == 0 || expect(parser, ",")) && read_type(parser, &types[i]);
    parser->at = at;
    return ok;
}

static bool read_operands(Parser *parser, Buf *operands) {
    if (!expect(parser, "(")) return false;
    while (!accept(parser, ")")) {
        Node *node;
        if (operands->size && !expect(parser, ",")) return false;
        if (!read_node(parser, &node)) return false;
        buf_add(operands, &node, sizeof(Node *));
    }
    return true;
}

/* The attributes, `shape` and `dtype` taken from the type. */
static bool read_attrs(Parser *parser, Op op, const Type *type, Attr attrs[MAX_OP_ATTRS],
                       int *count) {
    *count = 0;
    if (op_has_attr(op, ATTR_shape))
        attrs[(*count)++] = attr_ints(ATTR_shape, type->dim, type->rank);
    if (op_has_attr(op, ATTR_dtype)) attrs[(*count)++] = attr_dtype(type->dtype);
    if (!accept(parser, "{")) return true;
    int before = *count;
    for (bool first = true; !accept(parser, "}"); first = false) {
        if (!first && !expect(parser, ",")) return false;
        if (*count == MAX_OP_ATTRS) return fail_at(parser, parser->at, "too many attributes");
        Attr attr;
        if (!read_attr(parser, type, &attr)) return false;
        /* Spelled out although the type says it: allowed, and checked against the type later. */
        int same = 0;
        while (same < before && attrs[same].name != attr.name)
            same++;
        attrs[same < before ? same : (*count)++] = attr;
    }
    return true;
}

/* What follows a node's types: its name and its place in the source, both optional. */
static void read_tail(Parser *parser, Node *node) {
    parser->at += strspn(parser->at, " \t\r");
    if (*parser->at == '"') {
        const char *name;
        if (read_string(parser, &name) && !node->name) node->name = name;
        parser->at += strspn(parser->at, " \t\r");
    }
    if (*parser->at != '\n' && *parser->at != 0 && *parser->at != '/' && *parser->at != '}') {
        Span span = read_place(parser);
        if (!node->span.file) node->span = span;
    }
}

static bool read_statement(Parser *parser) {
    int64_t number;
    char word[64];
    skip_space(parser);
    const char *at = parser->at;
    if (!read_number(parser, &number) || !expect(parser, "=")) return false;
    bool again = accept(parser, "again ");
    skip_space(parser);
    const char *op_at = parser->at;
    if (!read_word(parser, word, "an op")) return false;
    Op op;
    if (!op_from_name(word, &op) || op == OP_input)
        return fail_at(parser, op_at, "no op `%s`", word);
    Buf operands = {0};
    Type types[MAX_RESULTS], unused;
    Attr attrs[MAX_OP_ATTRS];
    int attr_count = 0, results = op_info(op)->results;
    bool ok = read_operands(parser, &operands) && peek_types(parser, types, results) &&
              read_attrs(parser, op, &types[0], attrs, &attr_count) && expect(parser, ":");
    for (int i = 0; ok && i < results; i++)
        ok = (i == 0 || expect(parser, ",")) && read_type(parser, &unused);
    Node *node = NULL;
    if (ok) {
        Node *const *inputs = (Node *const *)(void *)operands.data;
        int count = (int)(operands.size / sizeof(Node *));
        node = (again ? graph_add_again : graph_add)(parser->graph, op, inputs, count, attrs,
                                                     attr_count, (Span){0});
        if (!node) fail_at(parser, op_at, "%s", buf_text(&parser->graph->error));
    }
    buf_free(&operands);
    for (int i = 0; node && i < results; i++) {
        if (type_equal(node_type(node, i), &types[i])) continue;
        Buf given = {0};
        type_print(&given, node_type(node, i));
        fail_at(parser, op_at, "the result's type is %s", buf_text(&given));
        buf_free(&given);
    }
    if (!node || !define(parser, at, number, node)) return false;
    read_tail(parser, node);
    return !parser->failed;
}

static bool read_input(Parser *parser) {
    int64_t number, slot;
    const char *name;
    char word[64];
    Type type;
    skip_space(parser);
    const char *at = parser->at;
    if (!read_number(parser, &number) || !read_string(parser, &name) || !expect(parser, ":") ||
        !read_type(parser, &type))
        return false;
    skip_space(parser);
    const char *role_at = parser->at;
    if (!read_word(parser, word, "a role") || !read_int(parser, &slot)) return false;
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (strcmp(ROLE_NAMES[role], word) != 0) continue;
        if (slot < -1 || slot > INT32_MAX) return fail_at(parser, role_at, "no such slot");
        return define(parser, at, number,
                      graph_input(parser->graph, name, type, (InputRole)role, (int)slot));
    }
    return fail_at(parser, role_at, "no role `%s`", word);
}

static bool read_output(Parser *parser) {
    Node *value;
    const char *name;
    skip_space(parser);
    const char *at = parser->at;
    if (!read_node(parser, &value) || !read_string(parser, &name)) return false;
    if (op_info(value->op)->results > 1)
        return fail_at(parser, at, "%s has several results: use `result`",
                       op_info(value->op)->name);
    if (!accept(parser, "updates")) {
        graph_output(parser->graph, name, value, OUT_RESULT, -1);
        return true;
    }
    int64_t updates;
    if (!read_int(parser, &updates)) return false;
    if (updates < 0 || (size_t)updates >= parser->graph->inputs.count ||
        !type_equal(&parser->graph->inputs.items[updates].node->type, &value->type))
        return fail_at(parser, at, "no input %lld of that type to update", (long long)updates);
    graph_output(parser->graph, name, value, OUT_UPDATE, (int)updates);
    return true;
}

static bool read_graph(Parser *parser) {
    char name[64];
    if (!expect(parser, "graph") || !expect(parser, "@") || !read_word(parser, name, "a name"))
        return false;
    parser->graph = graph_new(parser->arena, name);
    if (!expect(parser, "(")) return false;
    while (!accept(parser, ")")) {
        if (parser->graph->inputs.count && !expect(parser, ",")) return false;
        if (!read_input(parser)) return false;
    }
    if (!expect(parser, "{")) return false;
    while (!accept(parser, "return")) {
        if (!read_statement(parser)) return false;
    }
    while (!accept(parser, "}")) {
        if (parser->graph->outputs.count && !expect(parser, ",")) return false;
        if (!read_output(parser)) return false;
    }
    skip_space(parser);
    return parser->at == parser->end || fail_at(parser, parser->at, "text after the graph's end");
}

Graph *graph_parse(Arena *arena, Sources *sources, uint16_t file) {
    const Source *source = sources_get(sources, file);
    Parser parser = {.arena = arena,
                     .sources = sources,
                     .file = file,
                     .text = source->text,
                     .at = source->text,
                     .end = source->text + source->size};
    bool ok = read_graph(&parser);
    VEC_FREE(parser.nodes);
    if (ok) return parser.graph;
    if (parser.graph) graph_free(parser.graph);
    return NULL;
}
