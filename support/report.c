/* Printing diagnostics, clang's way or as one JSON object a line, and "did you mean". */
#include "support/checked.h"
#include "support/source.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_ERROR_LIMIT = 20, SHOWN_COLUMNS = 160 };

static const char *const severity_names[] = {"error", "warning", "note", "hint"};
static const char *const severity_colors[] = {"\033[1;31m", "\033[1;35m", "\033[1;36m",
                                              "\033[1;32m"};

static bool use_color(const Sources *sources) {
    if (sources->color != COLOR_AUTO) return sources->color == COLOR_ALWAYS;
    const char *off = getenv("NO_COLOR");
    return sources->out && !(off && off[0]) && isatty(fileno(sources->out));
}

static void put_json_string(Buf *buf, const char *text) {
    buf_putc(buf, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\') buf_putc(buf, '\\');
        if (*p < 0x20)
            buf_printf(buf, "\\u%04x", *p);
        else
            buf_putc(buf, (char)*p);
    }
    buf_putc(buf, '"');
}

static void put_json(Buf *buf, const Sources *sources, Severity severity, Span span,
                     const char *message) {
    const Source *source = sources_get(sources, span.file);
    buf_printf(buf, "{\"severity\":\"%s\"", severity_names[severity]);
    if (source) {
        Position begin = sources_position(sources, span);
        Position end = sources_position(sources, (Span){span.file, span.end, span.end});
        buf_puts(buf, ",\"file\":");
        put_json_string(buf, source->path);
        buf_printf(buf, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u", begin.line,
                   begin.column, end.line, end.column);
    }
    buf_puts(buf, ",\"message\":");
    put_json_string(buf, message);
    buf_puts(buf, "}\n");
}

static bool starts_char(char c) {
    return ((unsigned char)c & 0xC0) != 0x80;
}

/* The source line and a caret range below it. Tabs are copied into the caret line so that the
 * range lines up; a long line is cut to a window around the span. */
static void put_snippet(Buf *buf, const Source *source, Span span, uint32_t line, bool color,
                        Severity severity) {
    const char *text = source->text;
    size_t begin = source_line_begin(source, span.begin < source->size ? span.begin : source->size);
    size_t end = begin;
    while (end < source->size && text[end] != '\n')
        end++;
    if (end > begin && text[end - 1] == '\r') end--;
    size_t from = span.begin < end ? span.begin : end;
    size_t to = span.end < end ? span.end : end;
    if (from - begin > SHOWN_COLUMNS / 2) {
        begin = from - SHOWN_COLUMNS / 2;
        while (!starts_char(text[begin]))
            begin++;
    }
    if (end - begin > SHOWN_COLUMNS) {
        end = begin + SHOWN_COLUMNS;
        while (!starts_char(text[end]))
            end--;
        if (to > end) to = end;
    }
    buf_printf(buf, "%5u | ", line);
    buf_add(buf, text + begin, end - begin);
    buf_puts(buf, "\n      | ");
    for (size_t i = begin; i < from; i++)
        if (starts_char(text[i])) buf_putc(buf, text[i] == '\t' ? '\t' : ' ');
    if (color) buf_puts(buf, severity_colors[severity]);
    buf_putc(buf, '^');
    for (size_t i = from + 1; i < to; i++)
        if (starts_char(text[i])) buf_putc(buf, '~');
    if (color) buf_puts(buf, "\033[0m");
    buf_putc(buf, '\n');
}

static void put_text(Buf *buf, const Sources *sources, Severity severity, Span span,
                     const char *message) {
    bool color = use_color(sources);
    const Source *source = sources_get(sources, span.file);
    Position position = sources_position(sources, span);
    if (color) buf_puts(buf, "\033[1m");
    if (source)
        buf_printf(buf, "%s:%u:%u: ", source->path, position.line, position.column);
    else if (severity <= SEVERITY_WARNING)
        buf_puts(buf, "nnc: ");
    else
        buf_puts(buf, "  ");
    if (color) buf_puts(buf, severity_colors[severity]);
    buf_printf(buf, "%s:", severity_names[severity]);
    if (color) buf_puts(buf, "\033[0m\033[1m");
    buf_printf(buf, " %s", message);
    if (color) buf_puts(buf, "\033[0m");
    buf_putc(buf, '\n');
    if (source) put_snippet(buf, source, span, position.line, color, severity);
}

static void flush(Sources *sources, Buf *buf) {
    if (sources->out) {
        fwrite(buf_text(buf), 1, buf->size, sources->out);
        fflush(sources->out);
    }
    if (sources->log) buf_add(sources->log, buf_text(buf), buf->size);
    buf_free(buf);
}

void report_v(Sources *sources, Severity severity, Span span, const char *format, va_list args) {
    int limit = sources->error_limit ? sources->error_limit : DEFAULT_ERROR_LIMIT;
    if (severity == SEVERITY_WARNING && sources->warnings_as_errors) severity = SEVERITY_ERROR;
    if (severity == SEVERITY_ERROR) sources->errors++;
    if (severity == SEVERITY_WARNING) sources->warnings++;
    const Source *source = sources_get(sources, span.file);
    if (severity == SEVERITY_NOTE && source && source->builtin) return;
    Buf text = {0};
    if (sources->errors > limit) {
        if (severity == SEVERITY_ERROR && sources->errors == limit + 1 && !sources->json) {
            buf_printf(&text, "nnc: too many errors; the rest (after %d) are not shown\n", limit);
            flush(sources, &text);
        }
        return;
    }
    Buf message = {0};
    buf_vprintf(&message, format, args);
    if (sources->json)
        put_json(&text, sources, severity, span, buf_text(&message));
    else
        put_text(&text, sources, severity, span, buf_text(&message));
    buf_free(&message);
    flush(sources, &text);
}

void report(Sources *sources, Severity severity, Span span, const char *format, ...) {
    va_list args;
    va_start(args, format);
    report_v(sources, severity, span, format, args);
    va_end(args);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Edits (insert, delete, replace, swap of neighbours) from `a` to `b`, for short words: two each,
 * but one for another case of a letter. */
static size_t edit_distance(const char *a, size_t n, const char *b, size_t m) {
    enum { WORD = 64 };
    size_t rows[3][WORD + 1];
    if (n > WORD || m > WORD) return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = 2 * j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *up = rows[(i - 1) % 3], *upper = rows[(i + 1) % 3];
        row[0] = 2 * i;
        for (size_t j = 1; j <= m; j++) {
            bool same = a[i - 1] == b[j - 1];
            size_t best = up[j - 1] + (same ? 0 : lower(a[i - 1]) == lower(b[j - 1]) ? 1 : 2);
            if (up[j] + 2 < best) best = up[j] + 2;
            if (row[j - 1] + 2 < best) best = row[j - 1] + 2;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && upper[j - 2] + 2 < best) best = upper[j - 2] + 2;
            row[j] = best;
        }
    }
    return rows[n % 3][m];
}

static size_t common_start(const char *a, const char *b) {
    size_t length = 0;
    while (a[length] && a[length] == b[length])
        length++;
    return length;
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count) {
    size_t length = strlen(word), best_distance = SIZE_MAX;
    const char *best = NULL;
    if (length < 2) return NULL;
    for (size_t i = 0; i < count; i++) {
        const char *candidate = candidates[i];
        size_t size = strlen(candidate);
        if (candidate[0] == '_' && word[0] != '_') continue; /* not for others to use */
        size_t distance = edit_distance(word, length, candidate, size);
        bool near = distance && distance <= (length + size + 3) / 3 && distance < 2 * length;
        if (!near || distance > best_distance) continue;
        if (distance == best_distance && common_start(word, candidate) <= common_start(word, best))
            continue;
        best = candidate;
        best_distance = distance;
    }
    return best;
}
