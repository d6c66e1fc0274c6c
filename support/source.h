/* Source files, spans in them, and the diagnostics that point at them.
 *
 * A Span is a byte range in a registered source; file 0 is "no source". Diagnostics are printed
 * clang's way: `file:line:col: error: message`, the line, a caret range, notes, a hint. */
#ifndef NNC_SUPPORT_SOURCE_H
#define NNC_SUPPORT_SOURCE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "support/arena.h"
#include "support/buf.h"

typedef struct Span {
    uint16_t file;       /* index in Sources; 0: unknown */
    uint32_t begin, end; /* byte offsets, end exclusive */
} Span;

typedef struct Source {
    const char *path; /* as shown to the user */
    const char *text; /* NUL-terminated, valid UTF-8 */
    size_t size;
    const uint32_t *line_starts; /* byte offset of each line's first byte; NULL when builtin */
    size_t line_count;
    bool builtin; /* a prelude file: hidden from the user's notes */
} Source;

/* Colour of diagnostics. */
typedef enum ColorMode { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } ColorMode;

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE, SEVERITY_HINT } Severity;

/* One compilation's sources and what was reported about them. Reporting never exits. */
typedef struct Sources {
    Arena arena;
    VEC(Source *) files; /* files.items[0] is NULL */
    FILE *out;           /* where diagnostics go; NULL: collected in `log` only */
    Buf *log;            /* also appended here when not NULL (tests) */
    ColorMode color;
    bool json;               /* one JSON object a line instead of text */
    bool warnings_as_errors; /* -Werror */
    int errors, warnings;    /* counts so far */
    int error_limit;         /* stop printing after so many errors; 0: 20 */
} Sources;

typedef struct Position {
    uint32_t line, column; /* from 1; the column counts Unicode code points */
} Position;

void sources_init(Sources *sources);
void sources_free(Sources *sources);
/* Registers a file's text (copied). Returns its index, or 0 with an error reported when the text
 * is not valid UTF-8 or holds NUL or bidirectional control characters. */
uint16_t sources_add(Sources *sources, const char *path, const char *text, size_t size);
/* Registers a text that is part of nnc, and neither copied nor checked. */
uint16_t sources_add_builtin(Sources *sources, const char *path, const char *text, size_t size);
/* Reads and registers a file; "-" is standard input. 0 with an error reported on failure. */
uint16_t sources_read(Sources *sources, const char *path);
const Source *sources_get(const Sources *sources, uint16_t file);
/* Where the line that holds the offset begins. */
size_t source_line_begin(const Source *source, size_t offset);
Position sources_position(const Sources *sources, Span span);
Span span_join(Span first, Span last);

/* Reports a diagnostic; a NOTE or HINT belongs to the error before it. */
void report(Sources *sources, Severity severity, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void report_v(Sources *sources, Severity severity, Span span, const char *format, va_list args);

/* "Did you mean": the candidate nearest to `word` when near enough, else NULL. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

#endif
