/* The registry of source files: checking and keeping their text, byte offsets to lines.
 *
 * Text that is not clean UTF-8 is still registered (with the bad bytes replaced) so that the
 * error can show its line; sources_add() then returns 0. */
#include "support/source.h"

#include "support/checked.h"
#include "support/file.h"

#include <string.h>

enum { SOURCE_LIMIT = 256 * 1024 * 1024 };

void sources_init(Sources *sources) {
    *sources = (Sources){0};
    VEC_PUSH(sources->files, NULL);
}

void sources_free(Sources *sources) {
    VEC_FREE(sources->files);
    arena_free(&sources->arena);
}

/* Length of the UTF-8 sequence at `p`, its code point in `*code`; 0 when it is malformed
 * (overlong forms, surrogates and values over U+10FFFF included). */
static size_t decode_utf8(const unsigned char *p, size_t left, uint32_t *code) {
    size_t length = p[0] < 0x80   ? 1
                    : p[0] < 0xC2 ? 0
                    : p[0] < 0xE0 ? 2
                    : p[0] < 0xF0 ? 3
                    : p[0] < 0xF5 ? 4
                                  : 0;
    if (length == 0 || length > left) return 0;
    uint32_t value = length == 1 ? p[0] : p[0] & (0xFFU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        value = value << 6 | (p[i] & 0x3F);
    }
    *code = value;
    bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    bool invalid = overlong || (value >= 0xD800 && value < 0xE000) || value > 0x10FFFF;
    return invalid ? 0 : length;
}

static bool is_bidi_control(uint32_t code) {
    return (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

typedef struct Defect {
    enum { CLEAN, MALFORMED, NUL_BYTE, BIDI_CONTROL } kind;
    size_t offset, length;
    uint32_t code; /* the code point, or the malformed byte */
} Defect;

/* Finds the first thing wrong with the text and blanks every byte that can't be shown. */
static Defect clean_text(char *text, size_t size) {
    Defect first = {.kind = CLEAN};
    for (size_t i = 0; i < size;) {
        if (text[i] > 0) { /* ASCII, the common case */
            i++;
            continue;
        }
        Defect found = {.kind = CLEAN, .offset = i};
        found.length = decode_utf8((const unsigned char *)text + i, size - i, &found.code);
        if (found.length == 0) {
            found = (Defect){MALFORMED, i, 1, (unsigned char)text[i]};
        } else if (found.code == 0) {
            found.kind = NUL_BYTE;
        } else if (is_bidi_control(found.code)) {
            found.kind = BIDI_CONTROL;
        }
        if (found.kind != CLEAN) {
            if (first.kind == CLEAN) first = found;
            memset(text + i, '?', found.length);
        }
        i += found.length;
    }
    return first;
}

static void report_defect(Sources *sources, uint16_t file, Defect defect) {
    Span span = {file, (uint32_t)defect.offset, (uint32_t)(defect.offset + defect.length)};
    if (defect.kind == MALFORMED)
        report(sources, SEVERITY_ERROR, span, "byte 0x%02x is not valid UTF-8", defect.code);
    else if (defect.kind == NUL_BYTE)
        report(sources, SEVERITY_ERROR, span, "source text cannot contain null bytes");
    else
        report(sources, SEVERITY_ERROR, span, "bidirectional control character U+%04X in source",
               defect.code);
}

static void index_lines(Sources *sources, Source *source) {
    const char *end = source->text + source->size;
    size_t lines = 1;
    for (const char *p = source->text; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    uint32_t *starts = ARENA_ARRAY(&sources->arena, uint32_t, lines);
    size_t line = 1;
    for (const char *p = source->text; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        starts[line++] = (uint32_t)(p - source->text) + 1;
    source->line_starts = starts;
    source->line_count = lines;
}

uint16_t sources_add(Sources *sources, const char *path, const char *text, size_t size) {
    if (size > SOURCE_LIMIT || sources->files.count > UINT16_MAX) {
        report(sources, SEVERITY_ERROR, (Span){0}, "'%s' is too large (limit %d MiB)", path,
               SOURCE_LIMIT >> 20);
        return 0;
    }
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* byte order mark */
        text += 3;
        size -= 3;
    }
    bool little = size >= 2 && memcmp(text, "\xFF\xFE", 2) == 0;
    if (little || (size >= 2 && memcmp(text, "\xFE\xFF", 2) == 0)) {
        report(sources, SEVERITY_ERROR, (Span){0}, "'%s' is UTF-16; a program is UTF-8 text", path);
        report(sources, SEVERITY_HINT, (Span){0},
               "save it as UTF-8 in the editor, or: iconv -f UTF-16 -t UTF-8 %s", path);
        return 0;
    }
    char *copy = arena_strndup(&sources->arena, text, size);
    Defect defect = clean_text(copy, size);
    Source *source = ARENA_NEW(&sources->arena, Source);
    source->path = arena_strdup(&sources->arena, path);
    source->text = copy;
    source->size = size;
    index_lines(sources, source);
    VEC_PUSH(sources->files, source);
    uint16_t file = (uint16_t)(sources->files.count - 1);
    if (defect.kind == CLEAN) return file;
    report_defect(sources, file, defect);
    return 0;
}

uint16_t sources_add_builtin(Sources *sources, const char *path, const char *text, size_t size) {
    if (sources->files.count > UINT16_MAX) return 0;
    Source *source = ARENA_NEW(&sources->arena, Source);
    *source = (Source){.path = path, .text = text, .size = size, .builtin = true};
    VEC_PUSH(sources->files, source);
    return (uint16_t)(sources->files.count - 1);
}

uint16_t sources_read(Sources *sources, const char *path) {
    Buf text = {0}, error = {0};
    uint16_t file = 0;
    if (file_read(path, &text, &error))
        file = sources_add(sources, strcmp(path, "-") == 0 ? "<stdin>" : path, buf_text(&text),
                           text.size);
    else
        report(sources, SEVERITY_ERROR, (Span){0}, "%s", buf_text(&error));
    buf_free(&text);
    buf_free(&error);
    return file;
}

const Source *sources_get(const Sources *sources, uint16_t file) {
    return file < sources->files.count ? sources->files.items[file] : NULL;
}

size_t source_line_begin(const Source *source, size_t offset) {
    while (offset > 0 && source->text[offset - 1] != '\n')
        offset--;
    return offset;
}

/* Counted from 1, of the line that begins there. A built-in text has no index of its lines. */
static uint32_t line_number(const Source *source, size_t begin) {
    size_t low = 0, high = source->line_count;
    for (size_t i = 0; i < begin && !source->line_starts; i++)
        low += source->text[i] == '\n';
    while (high > low + 1) {
        size_t middle = low + (high - low) / 2;
        if (source->line_starts[middle] <= begin)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low + 1;
}

Position sources_position(const Sources *sources, Span span) {
    const Source *source = sources_get(sources, span.file);
    if (!source) return (Position){0, 0};
    size_t offset = span.begin > source->size ? source->size : span.begin;
    size_t begin = source_line_begin(source, offset);
    uint32_t column = 1;
    for (size_t i = begin; i < offset; i++)
        column += ((unsigned char)source->text[i] & 0xC0) != 0x80;
    return (Position){line_number(source, begin), column};
}

Span span_join(Span first, Span last) {
    if (first.file == 0) return last;
    if (last.file != first.file) return first;
    if (last.begin < first.begin) first.begin = last.begin;
    if (last.end > first.end) first.end = last.end;
    return first;
}
