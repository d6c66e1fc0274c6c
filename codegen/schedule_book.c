#include "codegen/schedule_book.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/schedule_text.h"
#include "support/checked.h"

static const char format_name[] = "nnc schedules 1";

struct ScheduleBook {
    const char *name;
    cJSON *root;
    const cJSON **entries; /* by key */
    size_t count;
};

static int compare_entries(const void *a, const void *b) {
    const cJSON *const *x = a, *const *y = b;
    return strcmp((*x)->string, (*y)->string);
}

static int compare_key(const void *key, const void *entry) {
    const cJSON *const *item = entry;
    return strcmp(key, (*item)->string);
}

static const cJSON *find_entry(const ScheduleBook *book, const char *key) {
    const cJSON **found =
        book->count ? bsearch(key, book->entries, book->count, sizeof *found, compare_key) : NULL;
    return found ? *found : NULL;
}

static cJSON *parse_text(const char *text, size_t size, Buf *error) {
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, size, &end, false);
    while (root && end < text + size && strchr(" \t\r\n", *end) && *end)
        end++;
    if (root && end == text + size) return root;
    int line = 1;
    for (const char *at = text; at < end && at < text + size; at++)
        line += *at == '\n';
    buf_printf(error, "no JSON in line %d", line);
    cJSON_Delete(root);
    return NULL;
}

static bool list_entries(ScheduleBook *book, Buf *error) {
    const char *format =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(book->root, "format"));
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(book->root, "schedules"), *item;
    if (!format || strcmp(format, format_name) != 0 || !cJSON_IsObject(all)) {
        buf_printf(error,
                   "no file of schedules: \"format\" should be \"%s\" and \"schedules\" an "
                   "object",
                   format_name);
        return false;
    }
    book->entries = xcalloc((size_t)cJSON_GetArraySize(all) + 1, sizeof(const cJSON *));
    cJSON_ArrayForEach(item, all) book->entries[book->count++] = item;
    qsort(book->entries, book->count, sizeof *book->entries, compare_entries);
    for (size_t i = 1; i < book->count; i++) {
        if (strcmp(book->entries[i - 1]->string, book->entries[i]->string) != 0) continue;
        buf_printf(error, "there are two schedules for \"%s\"", book->entries[i]->string);
        return false;
    }
    return true;
}

const char *schedule_book_name(const ScheduleBook *book) {
    return book->name;
}

ScheduleBook *schedule_book_parse(const char *name, const char *text, size_t size, Buf *error) {
    buf_printf(error, "%s: ", name);
    cJSON *root = parse_text(text, size, error);
    if (!root) return NULL;
    ScheduleBook *book = xcalloc(1, sizeof *book);
    book->name = name;
    book->root = root;
    if (list_entries(book, error)) {
        buf_clear(error);
        return book;
    }
    schedule_book_free(book);
    return NULL;
}

void schedule_book_free(ScheduleBook *book) {
    if (!book) return;
    cJSON_Delete(book->root);
    free(book->entries);
    free(book);
}

BookAnswer schedule_book_find(const ScheduleBook *book, const char *key, const Contraction *c,
                              const ScheduleRequest *request, Schedule *out, Buf *why) {
    const cJSON *entry = book ? find_entry(book, key) : NULL;
    if (!entry) return BOOK_HAS_NONE;
    bool good = schedule_parse(entry, c, out, why) && schedule_check(c, request, out, why);
    return good ? BOOK_HAS : BOOK_IS_WRONG;
}

typedef struct Printed {
    const char *key, *schedule;
    size_t rank; /* the last one of a key counts */
} Printed;

static int compare_printed(const void *a, const void *b) {
    const Printed *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    return order ? order : x->rank < y->rank ? -1 : 1;
}

/* As schedule_json() has it: a blank behind each comma and colon. */
static char *print_entry(const cJSON *entry) {
    char *tight = cJSON_PrintUnformatted(entry);
    if (!tight) fatal_memory();
    Buf text = {0};
    bool quoted = false;
    for (const char *at = tight; *at; at++) {
        quoted ^= *at == '"' && (at == tight || at[-1] != '\\');
        buf_putc(&text, *at);
        if (!quoted && (*at == ',' || *at == ':')) buf_putc(&text, ' ');
    }
    cJSON_free(tight);
    return text.data;
}

static void print_string(Buf *out, const char *text) {
    cJSON *string = cJSON_CreateString(text);
    char *quoted = string ? cJSON_PrintUnformatted(string) : NULL;
    if (!quoted) fatal_memory();
    buf_puts(out, quoted);
    cJSON_free(quoted);
    cJSON_Delete(string);
}

void schedule_book_print(Buf *out, const ScheduleBook *book, const BookLine *lines, size_t count) {
    size_t old = book ? book->count : 0, all = old + count;
    Printed *printed = xcalloc(all + 1, sizeof *printed);
    char **kept = xcalloc(old + 1, sizeof *kept);
    for (size_t i = 0; i < old; i++) {
        kept[i] = print_entry(book->entries[i]);
        printed[i] = (Printed){book->entries[i]->string, kept[i], i};
    }
    for (size_t i = 0; i < count; i++)
        printed[old + i] = (Printed){lines[i].key, lines[i].schedule, old + i};
    qsort(printed, all, sizeof *printed, compare_printed);
    buf_printf(out, "{\n\"format\": \"%s\",\n\"schedules\": {", format_name);
    const char *before = "\n";
    for (size_t i = 0; i < all; i++) {
        if (i + 1 < all && strcmp(printed[i].key, printed[i + 1].key) == 0) continue;
        buf_puts(out, before);
        print_string(out, printed[i].key);
        buf_printf(out, ":\n  %s", printed[i].schedule);
        before = ",\n";
    }
    buf_puts(out, "\n}\n}\n");
    for (size_t i = 0; i < old; i++)
        free(kept[i]);
    free(kept);
    free(printed);
}
