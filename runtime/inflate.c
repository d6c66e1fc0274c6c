/* DEFLATE (RFC 1951) inside gzip (RFC 1952), decoded bit by bit from canonical Huffman tables. The
 * stream stops anywhere between two bytes of output, so the state of a match is kept. */
#include "runtime/inflate.h"

static uint32_t inflate_crc(uint32_t crc, unsigned char byte) {
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1)));
    return crc;
}

static uint32_t inflate_bits(NnInflate *stream, int count) {
    while (stream->bit_count < count) {
        int byte = nn_input_byte(stream->from);
        if (byte < 0) {
            stream->failed = true;
            return 0;
        }
        stream->bits |= (uint32_t)byte << stream->bit_count;
        stream->bit_count += 8;
    }
    uint32_t value = stream->bits & ((1u << count) - 1);
    stream->bits >>= count;
    stream->bit_count -= count;
    return value;
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
    return room == 0 || used <= 1;
}

static int inflate_symbol(NnInflate *stream, const NnHuffman *table) {
    int code = 0, first = 0, index = 0;
    for (int length = 1; length <= NN_CODE_BITS; length++) {
        code |= (int)inflate_bits(stream, 1);
        if (stream->failed) return -1;
        int count = table->count[length];
        if (code - first < count) return table->symbol[index + code - first];
        index += count;
        first = (first + count) * 2;
        code *= 2;
    }
    stream->failed = true;
    return -1;
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

/* Starts the next block, or checks the trailer after the last. */
static void inflate_block(NnInflate *stream) {
    if (stream->last) {
        uint32_t crc = 0, size = 0;
        stream->bits = 0;
        stream->bit_count = 0;
        for (int i = 0; i < 32; i += 8)
            crc |= inflate_bits(stream, 8) << i;
        for (int i = 0; i < 32; i += 8)
            size |= inflate_bits(stream, 8) << i;
        stream->failed |= crc != ~stream->crc || size != (uint32_t)stream->total;
        stream->state = NN_INFLATE_END;
        return;
    }
    stream->last = inflate_bits(stream, 1);
    uint32_t type = inflate_bits(stream, 2);
    if (stream->failed) return;
    if (type == 0) {
        stream->bits = 0;
        stream->bit_count = 0;
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

static void inflate_put(NnInflate *stream, unsigned char byte, unsigned char *out) {
    stream->window[stream->total++ % NN_WINDOW] = byte;
    stream->crc = inflate_crc(stream->crc, byte);
    *out = byte;
}

/* One symbol: a byte (true), or a match or the block's end, which make none by themselves. */
static bool inflate_code(NnInflate *stream, unsigned char *out) {
    static const uint16_t length_base[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                             15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                             67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint16_t distance_base[30] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
    int symbol = inflate_symbol(stream, &stream->literals);
    if (symbol < 0) return false;
    if (symbol < 256) {
        inflate_put(stream, (unsigned char)symbol, out);
        return true;
    }
    if (symbol == 256) {
        stream->state = NN_INFLATE_BLOCK;
        return false;
    }
    int length = symbol - 257;
    int length_bits = length < 8 || length == 28 ? 0 : length / 4 - 1;
    stream->failed |= length > 28;
    if (stream->failed) return false;
    stream->copy = length_base[length] + inflate_bits(stream, length_bits);
    int distance = inflate_symbol(stream, &stream->distances);
    stream->failed |= distance < 0 || distance > 29;
    if (stream->failed) return false;
    int distance_bits = distance < 4 ? 0 : distance / 2 - 1;
    stream->distance = distance_base[distance] + inflate_bits(stream, distance_bits);
    stream->failed |= stream->distance > stream->total;
    return false;
}

NN_API size_t nn_inflate_read(void *user, void *out, size_t size) {
    NnInflate *stream = user;
    unsigned char *bytes = out;
    size_t made = 0;
    while (made < size && !stream->failed && stream->state != NN_INFLATE_END) {
        if (stream->copy > 0) {
            size_t from = (size_t)((stream->total - stream->distance) % NN_WINDOW);
            inflate_put(stream, stream->window[from], &bytes[made++]);
            stream->copy--;
        } else if (stream->state == NN_INFLATE_CODES) {
            if (inflate_code(stream, &bytes[made])) made++;
        } else if (stream->state == NN_INFLATE_STORED && stream->stored > 0) {
            unsigned char byte = (unsigned char)inflate_bits(stream, 8);
            if (stream->failed) break;
            inflate_put(stream, byte, &bytes[made++]);
            stream->stored--;
        } else {
            inflate_block(stream);
        }
    }
    /* The caller may want no byte more: the checksum still has to be read. */
    while (made == size && !stream->failed && stream->copy == 0 && stream->stored == 0 &&
           stream->state != NN_INFLATE_END && stream->state != NN_INFLATE_CODES) {
        inflate_block(stream);
    }
    return made;
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
