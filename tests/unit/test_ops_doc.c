/* docs/ops.md is written from the op table: this test says when it is out of date.
 * NNC_BLESS=1 rewrites it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "ir/op.h"
#include "support/file.h"

static const char PATH[] = "docs/ops.md";

static const char *const TRAITS[] = {
    "leaf",   "elementwise", "commutes", "movement",  "reduction",          "contraction",
    "window", "indexed",     "random",   "composite", "piecewise constant", "exact"};

static const char INTRO[] =
    "# Ops\n\n"
    "Written from `ir/ops.def` by `NNC_BLESS=1 ctest -R test_ops_doc`; don't edit.\n\n"
    "Elementwise ops want operands of equal shape and type: broadcasting is `expand`, promotion "
    "is\n"
    "`cast`. Indexes are `i64`, never negative, and checked when evaluated. Gradients are "
    "formulas\n"
    "over `dy`, the result `y`, the operands and the attributes, one for each operand; `0` is no\n"
    "gradient, `!` not differentiable. `ir/formula.h` describes them.\n\n";

/* Inside a table a bar would end the cell. */
static void put_cell(Buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|') buf_putc(out, '\\');
        buf_putc(out, *text);
    }
}

static void put_words(Buf *out, const char *words) {
    int length;
    const char *separator = "";
    for (; (words = word_next(words, &length)); words += length) {
        buf_printf(out, "%s`%.*s`", separator, length, words);
        separator = " ";
    }
}

static void put_traits(Buf *out, uint32_t traits) {
    const char *separator = "";
    for (size_t i = 0; i < sizeof TRAITS / sizeof *TRAITS; i++) {
        if (!(traits & (1u << i))) continue;
        buf_printf(out, "%s%s", separator, TRAITS[i]);
        separator = ", ";
    }
}

static void write_doc(Buf *out) {
    buf_puts(out, INTRO);
    buf_puts(out, "| op | operands | attributes | meaning | traits | gradient |\n");
    buf_puts(out, "|---|---|---|---|---|---|\n");
    for (int i = 0; i < OP_COUNT; i++) {
        const OpInfo *info = op_info((Op)i);
        buf_printf(out, "| `%s` | ", info->name);
        put_words(out, info->inputs);
        if (info->arity < 0) buf_puts(out, " ...");
        buf_puts(out, " | ");
        put_words(out, info->attrs);
        buf_puts(out, " | ");
        put_cell(out, info->doc);
        buf_puts(out, " | ");
        put_traits(out, info->traits);
        buf_puts(out, " | `");
        put_cell(out, info->grad);
        buf_puts(out, "` |\n");
    }
    buf_puts(out, "\n## Decompositions\n\n");
    for (int i = 0; i < OP_COUNT; i++) {
        const OpInfo *info = op_info((Op)i);
        if (info->decompose) buf_printf(out, "- `%s`: `%s`\n", info->name, info->decompose);
    }
}

Test(ops_doc, is_current) {
    Buf wanted = {0}, found = {0}, error = {0};
    write_doc(&wanted);
    if (getenv("NNC_BLESS"))
        cr_assert(file_write(PATH, buf_text(&wanted), wanted.size, &error), "%s", buf_text(&error));
    cr_assert(file_read(PATH, &found, &error), "%s", buf_text(&error));
    cr_assert(strcmp(buf_text(&wanted), buf_text(&found)) == 0,
              "docs/ops.md is out of date: NNC_BLESS=1 ctest -R test_ops_doc rewrites it");
    buf_free(&wanted);
    buf_free(&found);
    buf_free(&error);
}
