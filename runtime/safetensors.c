/* The safetensors reader. The header's JSON is scanned byte by byte as it comes, without memory of
 * its own: nothing is allocated, and a hostile header can neither recurse nor overflow. */
#include "runtime/safetensors.h"

typedef struct JsonScanner {
    NnInput *input;
    uint64_t left; /* bytes of the header not yet taken */
    int peek;      /* the next byte, or -1 at the end of the header */
    NnError *error;
} JsonScanner;

static void json_advance(JsonScanner *json) {
    json->peek = -1;
    if (json->left > 0) {
        json->left--;
        json->peek = nn_input_byte(json->input);
    }
}

static void json_space(JsonScanner *json) {
    while (json->peek == ' ' || json->peek == '\n' || json->peek == '\t' || json->peek == '\r') {
        json_advance(json);
    }
}

static bool json_accept(JsonScanner *json, char c) {
    json_space(json);
    if (json->peek != c) return false;
    json_advance(json);
    return true;
}

static bool json_expect(JsonScanner *json, char c) {
    if (json_accept(json, c)) return true;
    if (json->peek < 0) return nn_fail(json->error, "the header ends where '%c' is expected", c);
    return nn_fail(json->error, "the header has byte 0x%02x where '%c' is expected",
                   (unsigned)json->peek, c);
}

static bool json_hex4(JsonScanner *json, uint32_t *out) {
    *out = 0;
    for (int i = 0; i < 4; i++) {
        int c = json->peek;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return nn_fail(json->error, "a \\u escape in the header is not hexadecimal");
        *out = *out * 16 + (uint32_t)digit;
        json_advance(json);
    }
    return true;
}

/* The code point after "\u", surrogate pairs joined. */
static bool json_unicode(JsonScanner *json, uint32_t *out) {
    uint32_t low;
    if (!json_hex4(json, out)) return false;
    if (*out >= 0xD800 && *out < 0xDC00 && json->peek == '\\') {
        json_advance(json);
        if (json->peek != 'u') return nn_fail(json->error, "half a surrogate pair in the header");
        json_advance(json);
        if (!json_hex4(json, &low)) return false;
        if (low < 0xDC00 || low > 0xDFFF) {
            return nn_fail(json->error, "half a surrogate pair in the header");
        }
        *out = 0x10000 + ((*out - 0xD800) << 10) + (low - 0xDC00);
    }
    if (*out == 0 || (*out >= 0xD800 && *out < 0xE000)) {
        return nn_fail(json->error, "a \\u escape in the header is not a character");
    }
    return true;
}

/* Appends while there is room; longer strings are counted but cut. */
static void json_append(char *out, size_t capacity, size_t *used, unsigned byte) {
    if (*used + 1 < capacity) out[*used] = (char)(unsigned char)byte;
    (*used)++;
}

static void json_append_utf8(char *out, size_t capacity, size_t *used, uint32_t code) {
    if (code < 0x80) {
        json_append(out, capacity, used, code);
        return;
    }
    int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xC0, 0xE0, 0xF0};
    json_append(out, capacity, used, lead[more] | (code >> (6 * more)));
    for (int i = more - 1; i >= 0; i--) {
        json_append(out, capacity, used, 0x80 | ((code >> (6 * i)) & 0x3F));
    }
}

/* A string, decoded into out[capacity]. `length` is what it would need; more than fits is the
 * caller's to refuse (or to ignore, for metadata). */
static bool json_string(JsonScanner *json, char *out, size_t capacity, size_t *length) {
    if (!json_expect(json, '"')) return false;
    size_t used = 0;
    while (json->peek != '"') {
        int c = json->peek;
        if (c < 0) return nn_fail(json->error, "the header ends inside a string");
        if (c < 0x20) return nn_fail(json->error, "a control character in a string of the header");
        json_advance(json);
        if (c != '\\') {
            json_append(out, capacity, &used, (unsigned)c);
            continue;
        }
        c = json->peek;
        json_advance(json);
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *escape = c > 0 ? strchr(from, c) : NULL;
        uint32_t code;
        if (c == 'u') {
            if (!json_unicode(json, &code)) return false;
            json_append_utf8(out, capacity, &used, code);
        } else if (escape) {
            json_append(out, capacity, &used, (unsigned char)to[escape - from]);
        } else {
            return nn_fail(json->error, "an unknown escape in a string of the header");
        }
    }
    json_advance(json);
    out[used < capacity ? used : capacity - 1] = '\0';
    *length = used;
    return true;
}

/* A whole number without sign, fraction or exponent, below 2^63. */
static bool json_whole(JsonScanner *json, uint64_t *out) {
    json_space(json);
    if (json->peek < '0' || json->peek > '9') {
        return nn_fail(json->error, "the header needs a whole number");
    }
    bool zero = json->peek == '0';
    int digits = 0;
    for (*out = 0; json->peek >= '0' && json->peek <= '9'; digits++) {
        uint64_t digit = (uint64_t)(json->peek - '0');
        if (*out > ((uint64_t)INT64_MAX - digit) / 10) {
            return nn_fail(json->error, "a number in the header is too large");
        }
        *out = *out * 10 + digit;
        json_advance(json);
    }
    if (zero && digits > 1) return nn_fail(json->error, "a number in the header starts with 0");
    return true;
}

NN_API const char *nn_safetensors_type(NnDType dtype) {
    static const char *const types[] = {"BOOL", "U8", "I32", "I64", "F16", "BF16", "F32", "F64"};
    return types[dtype];
}

static bool entry_type(JsonScanner *json, NnEntry *entry) {
    size_t length;
    if (!json_string(json, entry->type, sizeof entry->type, &length)) return false;
    if (length >= sizeof entry->type) return nn_fail(json->error, "a dtype in the header is wrong");
    entry->known = false;
    for (int dtype = NN_BOOL; dtype <= NN_F64; dtype++) {
        if (strcmp(entry->type, nn_safetensors_type((NnDType)dtype)) != 0) continue;
        entry->known = true;
        entry->dtype = (NnDType)dtype;
    }
    return true;
}

static bool entry_shape(JsonScanner *json, NnEntry *entry) {
    if (!json_expect(json, '[')) return false;
    entry->rank = 0;
    if (json_accept(json, ']')) return true;
    do {
        uint64_t dim;
        if (!json_whole(json, &dim)) return false;
        if (entry->rank == NN_MAX_RANK) {
            return nn_fail(json->error, "%s has more than %d dimensions", entry->name, NN_MAX_RANK);
        }
        entry->dim[entry->rank++] = (int64_t)dim;
    } while (json_accept(json, ','));
    return json_expect(json, ']');
}

static bool entry_offsets(JsonScanner *json, NnEntry *entry) {
    return json_expect(json, '[') && json_whole(json, &entry->begin) && json_expect(json, ',') &&
           json_whole(json, &entry->end) && json_expect(json, ']');
}

/* {"dtype": ..., "shape": [...], "data_offsets": [begin, end]} in any order, each once. */
static bool entry_fields(JsonScanner *json, NnEntry *entry) {
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    static bool (*const readers[])(JsonScanner *, NnEntry *) = {entry_type, entry_shape,
                                                                entry_offsets};
    unsigned seen = 0;
    if (!json_expect(json, '{')) return false;
    do {
        char key[16];
        size_t length;
        unsigned field = 0;
        if (!json_string(json, key, sizeof key, &length) || !json_expect(json, ':')) return false;
        while (field < 3 && strcmp(key, names[field]) != 0)
            field++;
        if (field == 3) return nn_fail(json->error, "%s has an unknown field", entry->name);
        if (seen & (1u << field)) {
            return nn_fail(json->error, "%s has %s twice", entry->name, names[field]);
        }
        seen |= 1u << field;
        if (!readers[field](json, entry)) return false;
    } while (json_accept(json, ','));
    if (!json_expect(json, '}')) return false;
    return seen == 7 ||
           nn_fail(json->error, "%s lacks its dtype, shape or data_offsets", entry->name);
}

static bool entry_check(const NnEntry *entry, uint64_t data_size, NnError *error) {
    if (entry->begin > entry->end || entry->end > data_size) {
        return nn_fail(error, "%s lies outside the file (truncated?)", entry->name);
    }
    if (!entry->known) return true;
    uint64_t bytes = nn_dtype_size(entry->dtype);
    bool zero = false, overflow = false;
    for (int i = 0; i < entry->rank; i++)
        zero |= entry->dim[i] == 0;
    for (int i = 0; i < entry->rank && !zero; i++) {
        overflow |= bytes > UINT64_MAX / (uint64_t)entry->dim[i];
        bytes *= (uint64_t)entry->dim[i];
    }
    if (overflow || entry->end - entry->begin != (zero ? 0 : bytes)) {
        return nn_fail(error, "%s: the shape and the number of bytes differ", entry->name);
    }
    return true;
}

/* "__metadata__": {"key": "value", ...}: checked and ignored. */
static bool metadata_skip(JsonScanner *json) {
    char text[2];
    size_t length;
    if (!json_expect(json, '{')) return false;
    if (json_accept(json, '}')) return true;
    do {
        if (!json_string(json, text, sizeof text, &length) || !json_expect(json, ':') ||
            !json_string(json, text, sizeof text, &length)) {
            return false;
        }
    } while (json_accept(json, ','));
    return json_expect(json, '}');
}

static bool entry_read(JsonScanner *json, uint64_t data_size, NnEntryVisit *visit, void *user) {
    NnEntry entry = {.rank = 0};
    size_t length;
    if (!json_string(json, entry.name, sizeof entry.name, &length) || !json_expect(json, ':')) {
        return false;
    }
    if (length >= sizeof entry.name) {
        return nn_fail(json->error, "a name in the header is longer than %d bytes",
                       NN_NAME_MAX - 1);
    }
    if (strcmp(entry.name, "__metadata__") == 0) return metadata_skip(json);
    return entry_fields(json, &entry) && entry_check(&entry, data_size, json->error) &&
           visit(user, &entry, json->error);
}

NN_API bool nn_safetensors_header(NnInput *input, uint64_t file_size, NnEntryVisit *visit,
                                  void *user, uint64_t *data_size, NnError *error) {
    unsigned char prefix[8];
    uint64_t size = 0;
    if (nn_input_read(input, prefix, 8) != 8) {
        return nn_fail(error, "not a safetensors file: shorter than 8 bytes");
    }
    for (int i = 7; i >= 0; i--)
        size = size << 8 | prefix[i];
    if (size > NN_SAFETENSORS_HEADER_MAX || size < 2) {
        return nn_fail(error, "not a safetensors file: a header of %llu bytes",
                       (unsigned long long)size);
    }
    if (size > file_size - 8) return nn_fail(error, "truncated: the header is not all there");
    *data_size = file_size - 8 - size;
    JsonScanner json = {input, size, -1, error};
    json_advance(&json);
    if (json.peek != '{') return nn_fail(error, "not a safetensors file: the header is not JSON");
    json_advance(&json);
    if (!json_accept(&json, '}')) {
        int entries = 0;
        do {
            if (entries++ == NN_TENSORS_MAX) return nn_fail(error, "more tensors than are allowed");
            if (!entry_read(&json, *data_size, visit, user)) return false;
        } while (json_accept(&json, ','));
        if (!json_expect(&json, '}')) return false;
    }
    json_space(&json);
    return json.peek < 0 || nn_fail(error, "the header goes on after its JSON object");
}

static void ranges_sift(NnRange *ranges, int root, int count) {
    for (int child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && ranges[child + 1].begin > ranges[child].begin) child++;
        if (ranges[root].begin >= ranges[child].begin) return;
        NnRange swap = ranges[root];
        ranges[root] = ranges[child];
        ranges[child] = swap;
    }
}

NN_API bool nn_ranges_check(NnRange *ranges, int count, uint64_t size, NnError *error) {
    int used = 0; /* empty tensors take no place */
    for (int i = 0; i < count; i++) {
        if (ranges[i].begin != ranges[i].end) ranges[used++] = ranges[i];
    }
    for (int i = used / 2 - 1; i >= 0; i--)
        ranges_sift(ranges, i, used);
    for (int last = used - 1; last > 0; last--) {
        NnRange swap = ranges[0];
        ranges[0] = ranges[last];
        ranges[last] = swap;
        ranges_sift(ranges, 0, last);
    }
    uint64_t position = 0;
    for (int i = 0; i < used; i++) {
        if (ranges[i].begin != position) {
            return nn_fail(error, "the tensors %s at byte %llu of the data",
                           ranges[i].begin < position ? "overlap" : "leave a gap",
                           (unsigned long long)position);
        }
        position = ranges[i].end;
    }
    return position == size ||
           nn_fail(error, "the tensors end at byte %llu of the data, the file at %llu",
                   (unsigned long long)position, (unsigned long long)size);
}
