/* DEFLATE (RFC 1951) inside gzip (RFC 1952). Output is made into a buffer that keeps the last 32
 * KiB for matches, and given out from there. */
#include "runtime/inflate.h"

/* ---- checksum ---- */

static void inflate_crc_table(uint32_t table[8][256]) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
        table[0][i] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (int i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xFF];
    }
}

/* Takes what was made since the last time into the sums, eight bytes at a time. */
static void inflate_sum(NnInflate *stream) {
    const unsigned char *at = stream->unpacked + stream->summed;
    const unsigned char *end = stream->unpacked + stream->end;
    uint32_t crc = stream->crc;
    stream->total += (uint64_t)(end - at);
    stream->summed = stream->end;
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        word ^= crc;
        crc = 0;
        for (int k = 0; k < 8; k++)
            crc ^= stream->crc_table[7 - k][word >> (8 * k) & 0xFF];
    }
    for (; at < end; at++)
        crc = crc >> 8 ^ stream->crc_table[0][(crc ^ *at) & 0xFF];
    stream->crc = crc;
}

/* ---- bits ---- */

/* As many bits as fit; fewer at the end of the input. */
static void inflate_fill(NnInflate *stream) {
    while (stream->bit_count <= 56) {
        if (stream->packed_at == stream->packed_size) {
            stream->packed_size = nn_input_read(stream->from, stream->packed, NN_PACKED);
            stream->packed_at = 0;
            if (stream->packed_size == 0) return;
        }
        stream->bits |= (uint64_t)stream->packed[stream->packed_at++] << stream->bit_count;
        stream->bit_count += 8;
    }
}

static void inflate_drop(NnInflate *stream, int count) {
    stream->bits >>= count;
    stream->bit_count -= count;
}

static uint32_t inflate_bits(NnInflate *stream, int count) {
    if (stream->bit_count < count) inflate_fill(stream);
    if (stream->bit_count < count) {
        stream->failed = true;
        return 0;
    }
    uint32_t value = (uint32_t)(stream->bits & (((uint64_t)1 << count) - 1));
    inflate_drop(stream, count);
    return value;
}

/* To the next byte of the input. */
static void inflate_align(NnInflate *stream) {
    inflate_drop(stream, stream->bit_count % 8);
}

/* ---- codes ---- */

static unsigned inflate_reversed(unsigned code, int length) {
    unsigned reversed = 0;
    for (int i = 0; i < length; i++)
        reversed |= (code >> i & 1) << (length - 1 - i);
    return reversed;
}

/* Codes come first bit first, so that a short one is found whatever bits follow it. */
static void inflate_fast(NnHuffman *table) {
    unsigned code = 0, index = 0;
    memset(table->fast, 0, sizeof table->fast);
    for (int length = 1; length <= NN_FAST_BITS; length++) {
        for (int i = 0; i < table->count[length]; i++, code++) {
            uint16_t entry = (uint16_t)(table->symbol[index++] << 4 | length);
            unsigned step = 1u << length;
            for (unsigned at = inflate_reversed(code, length); at < 1u << NN_FAST_BITS; at += step)
                table->fast[at] = entry;
        }
        code *= 2;
    }
}

/* Fills a table from code lengths. False when more codes are asked for than the bits can tell
 * apart, or fewer (but a single code is allowed). */
static bool inflate_table(NnHuffman *table, const unsigned char *lengths, int count) {
    uint16_t offset[NN_CODE_BITS + 1];
    memset(table->count, 0, sizeof table->count);
    for (int i = 0; i < count; i++)
        table->count[lengths[i]]++;
    int used = count - table->count[0], room = 1;
    table->count[0] = 0;
    for (int length = 1; length <= NN_CODE_BITS; length++) {
        room = 2 * room - table->count[length];
        if (room < 0) return false;
    }
    offset[1] = 0;
    for (int length = 1; length < NN_CODE_BITS; length++) {
        offset[length + 1] = (uint16_t)(offset[length] + table->count[length]);
    }
    for (int i = 0; i < count; i++) {
        if (lengths[i]) table->symbol[offset[lengths[i]]++] = (uint16_t)i;
    }
    inflate_fast(table);
    return room == 0 || used <= 1;
}

/* A code longer than the fast table's, bit by bit; -1: there is none. */
static int inflate_long_symbol(NnInflate *stream, const NnHuffman *table) {
    int code = 0, first = 0, index = 0;
    for (int length = 1; length <= NN_CODE_BITS && length <= stream->bit_count; length++) {
        code |= (int)(stream->bits >> (length - 1) & 1);
        int count = table->count[length];
        if (code - first < count) {
            inflate_drop(stream, length);
            return table->symbol[index + code - first];
        }
        index += count;
        first = (first + count) * 2;
        code *= 2;
    }
    stream->failed = true;
    return -1;
}

static int inflate_symbol(NnInflate *stream, const NnHuffman *table) {
    if (stream->bit_count < NN_CODE_BITS) inflate_fill(stream);
    uint16_t entry = table->fast[stream->bits & ((1u << NN_FAST_BITS) - 1)];
    int length = entry & 15;
    if (length == 0 || length > stream->bit_count) return inflate_long_symbol(stream, table);
    inflate_drop(stream, length);
    return entry >> 4;
}

static bool inflate_fixed(NnInflate *stream) {
    unsigned char lengths[288];
    for (int i = 0; i < 288; i++) {
        lengths[i] = (unsigned char)(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
    }
    inflate_table(&stream->literals, lengths, 288);
    memset(lengths, 5, 30);
    inflate_table(&stream->distances, lengths, 30); /* two of the 32 codes are never used */
    return true;
}

static bool inflate_dynamic(NnInflate *stream) {
    static const unsigned char order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                            11, 4,  12, 3, 13, 2, 14, 1, 15};
    unsigned char lengths[288 + 32] = {0};
    int literals = (int)inflate_bits(stream, 5) + 257;
    int distances = (int)inflate_bits(stream, 5) + 1;
    int codes = (int)inflate_bits(stream, 4) + 4;
    if (literals > 286 || distances > 30) return false;
    for (int i = 0; i < codes; i++)
        lengths[order[i]] = (unsigned char)inflate_bits(stream, 3);
    if (stream->failed || !inflate_table(&stream->literals, lengths, 19)) return false;
    memset(lengths, 0, sizeof lengths);
    NnHuffman lengths_code = stream->literals;
    for (int i = 0; i < literals + distances;) {
        int symbol = inflate_symbol(stream, &lengths_code);
        if (symbol < 0) return false;
        if (symbol < 16) {
            lengths[i++] = (unsigned char)symbol;
            continue;
        }
        if (symbol == 16 && i == 0) return false;
        unsigned char value = symbol == 16 ? lengths[i - 1] : 0;
        int repeat = symbol == 16   ? 3 + (int)inflate_bits(stream, 2)
                     : symbol == 17 ? 3 + (int)inflate_bits(stream, 3)
                                    : 11 + (int)inflate_bits(stream, 7);
        if (stream->failed || i + repeat > literals + distances) return false;
        while (repeat-- > 0)
            lengths[i++] = value;
    }
    return lengths[256] && inflate_table(&stream->literals, lengths, literals) &&
           inflate_table(&stream->distances, lengths + literals, distances);
}

/* ---- blocks ---- */

/* Starts the next block, or checks the trailer after the last. */
static void inflate_block(NnInflate *stream) {
    if (stream->last) {
        inflate_align(stream);
        inflate_sum(stream);
        uint32_t crc = inflate_bits(stream, 32), size = inflate_bits(stream, 32);
        stream->failed |= crc != ~stream->crc || size != (uint32_t)stream->total;
        stream->state = NN_INFLATE_END;
        return;
    }
    stream->last = inflate_bits(stream, 1);
    uint32_t type = inflate_bits(stream, 2);
    if (stream->failed) return;
    if (type == 0) {
        inflate_align(stream);
        uint32_t size = inflate_bits(stream, 16), check = inflate_bits(stream, 16);
        stream->failed |= size != (~check & 0xFFFF);
        stream->stored = size;
        stream->state = NN_INFLATE_STORED;
    } else {
        bool ok = type == 1 ? inflate_fixed(stream) : type == 2 && inflate_dynamic(stream);
        stream->failed |= !ok;
        stream->state = NN_INFLATE_CODES;
    }
}

/* Repeats `length` bytes from `distance` back, which may overlap what they make. */
static void inflate_copy(NnInflate *stream, uint32_t length, uint32_t distance) {
    unsigned char *to = stream->unpacked + stream->end;
    const unsigned char *from = to - distance;
    stream->end += length;
    if (distance >= length) {
        memcpy(to, from, length);
    } else {
        while (length-- > 0)
            *to++ = *from++;
    }
}

/* One symbol of a compressed block: a byte, a match or the block's end. */
static void inflate_code(NnInflate *stream) {
    static const uint16_t length_base[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                             15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                             67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint16_t distance_base[30] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    int symbol = inflate_symbol(stream, &stream->literals);
    if (symbol < 0) return;
    if (symbol < 256) {
        stream->unpacked[stream->end++] = (unsigned char)symbol;
        return;
    }
    if (symbol == 256) {
        stream->state = NN_INFLATE_BLOCK;
        return;
    }
    int length = symbol - 257;
    int length_bits = length < 8 || length == 28 ? 0 : length / 4 - 1;
    stream->failed |= length > 28;
    if (stream->failed) return;
    uint32_t bytes = length_base[length] + inflate_bits(stream, length_bits);
    int distance = inflate_symbol(stream, &stream->distances);
    stream->failed |= distance < 0 || distance > 29;
    if (stream->failed) return;
    int distance_bits = distance < 4 ? 0 : distance / 2 - 1;
    uint32_t back = distance_base[distance] + inflate_bits(stream, distance_bits);
    stream->failed |= back > stream->end;
    if (!stream->failed) inflate_copy(stream, bytes, back);
}

/* Makes output until the buffer is nearly full or the stream ends. What was given out goes, but for
 * the window. */
static void inflate_more(NnInflate *stream) {
    enum { LONGEST = 258 };
    inflate_sum(stream);
    if (stream->end > NN_WINDOW) {
        size_t gone = stream->end - NN_WINDOW;
        memmove(stream->unpacked, stream->unpacked + gone, NN_WINDOW);
        stream->end = stream->taken = stream->summed = NN_WINDOW;
    }
    while (stream->end + LONGEST <= NN_UNPACKED && !stream->failed &&
           stream->state != NN_INFLATE_END) {
        if (stream->state == NN_INFLATE_CODES) {
            inflate_code(stream);
        } else if (stream->state == NN_INFLATE_STORED && stream->stored > 0) {
            unsigned char byte = (unsigned char)inflate_bits(stream, 8);
            if (!stream->failed) stream->unpacked[stream->end++] = byte;
            stream->stored--;
        } else {
            inflate_block(stream);
        }
    }
}

NN_API size_t nn_inflate_read(void *user, void *out, size_t size) {
    NnInflate *stream = user;
    unsigned char *bytes = out;
    size_t made = 0;
    for (;;) {
        size_t count = stream->end - stream->taken;
        if (count > size - made) count = size - made;
        if (count) memcpy(bytes + made, stream->unpacked + stream->taken, count);
        made += count;
        stream->taken += count;
        /* When all was given out the checksum still has to be read, wanted or not. */
        bool more = !stream->failed && stream->state != NN_INFLATE_END;
        if (stream->taken < stream->end || !more) return made;
        inflate_more(stream);
        if (stream->taken == stream->end && stream->state == NN_INFLATE_END) return made;
    }
}

static bool inflate_skip_text(NnInput *input) {
    for (int byte; (byte = nn_input_byte(input)) != 0;) {
        if (byte < 0) return false;
    }
    return true;
}

NN_API bool nn_inflate_open(NnInflate *stream, NnInput *from, NnError *error) {
    unsigned char header[10], extra[2];
    memset(stream, 0, sizeof *stream);
    stream->from = from;
    stream->crc = ~0u;
    inflate_crc_table(stream->crc_table);
    if (nn_input_read(from, header, 10) != 10 || header[0] != 0x1F || header[1] != 0x8B ||
        header[2] != 8 || (header[3] & 0xE0)) {
        return nn_fail(error, "not a gzip file");
    }
    bool ok = true;
    if (header[3] & 4) {
        ok = nn_input_read(from, extra, 2) == 2;
        for (int i = extra[0] | extra[1] << 8; ok && i > 0; i--)
            ok = nn_input_byte(from) >= 0;
    }
    if (ok && (header[3] & 8)) ok = inflate_skip_text(from);
    if (ok && (header[3] & 16)) ok = inflate_skip_text(from);
    if (ok && (header[3] & 2)) ok = nn_input_read(from, extra, 2) == 2;
    return ok || nn_fail(error, "truncated: the gzip header is not all there");
}
