/* Arena allocation: a list of blocks, filled in turn.
 *
 * A request larger than a quarter of a block gets a block of its own behind the one being filled,
 * so that large tensors do not waste the rest of the current block. calloc zeroes that one, which
 * gets much memory zeroed from the system for nothing; small requests are zeroed as they come, when
 * they are about to be filled anyway. */
#include "support/arena.h"

#include "support/buf.h"
#include "support/checked.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 16 * 1024, BLOCK_MAX = 1024 * 1024 };

struct ArenaBlock {
    ArenaBlock *next;
    size_t size; /* of data; a multiple of the alignment */
    alignas(max_align_t) char data[];
};

static size_t bytes_of_block(size_t size) {
    size_t bytes;
    if (!add_size(size, sizeof(ArenaBlock), &bytes)) fatal_memory();
    return bytes;
}

static void fill(Arena *arena, ArenaBlock *block) {
    arena->at = block->data;
    arena->end = block->data + block->size;
}

static void fill_next(Arena *arena, size_t size) {
    ArenaBlock *block = xmalloc(bytes_of_block(size));
    *block = (ArenaBlock){.next = arena->head, .size = size};
    arena->head = block;
    fill(arena, block);
}

/* Blocks double in size up to BLOCK_MAX, so small arenas stay small. */
static size_t next_block_size(const Arena *arena) {
    size_t size = arena->head ? arena->head->size * 2 : BLOCK_MIN;
    return size > BLOCK_MAX ? BLOCK_MAX : size < BLOCK_MIN ? BLOCK_MIN : size;
}

/* What doesn't fit into the rest of the block. */
void *arena_alloc_more(Arena *arena, size_t size) {
    const size_t align = alignof(max_align_t);
    if (size == 0) return arena_alloc(arena, 1);
    size_t padded;
    if (!add_size(size, align - 1, &padded)) fatal_memory();
    padded &= ~(align - 1);
    size_t block_size = next_block_size(arena);
    if (padded > block_size / 4) {
        ArenaBlock *own = xcalloc(1, bytes_of_block(padded));
        ArenaBlock **place = arena->head ? &arena->head->next : &arena->head;
        *own = (ArenaBlock){.next = *place, .size = padded};
        *place = own;
        return own->data;
    }
    fill_next(arena, block_size);
    return arena_alloc(arena, padded);
}

void *arena_array(Arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (!mul_size(count, size, &bytes)) fatal_memory();
    return arena_alloc(arena, bytes);
}

void *arena_copy(Arena *arena, const void *items, size_t count, size_t size) {
    if (count == 0) return NULL;
    size_t bytes;
    if (!mul_size(count, size, &bytes)) fatal_memory();
    return memcpy(arena_take(arena, bytes), items, bytes);
}

char *arena_strndup(Arena *arena, const char *text, size_t length) {
    size_t bytes;
    if (!add_size(length, 1, &bytes)) fatal_memory();
    char *copy = arena_take(arena, bytes);
    if (length) memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) {
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(Arena *arena, const char *format, ...) {
    Buf text = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    char *copy = arena_strndup(arena, buf_text(&text), text.size);
    buf_free(&text);
    return copy;
}

void arena_free(Arena *arena) {
    for (ArenaBlock *block = arena->head; block;) {
        ArenaBlock *next = block->next;
        free(block);
        block = next;
    }
    *arena = (Arena){0};
}

/* What took several blocks gets one, which will do the next time. */
void arena_reset(Arena *arena) {
    ArenaBlock *head = arena->head;
    if (!head) return;
    if (!head->next) {
        fill(arena, head);
        return;
    }
    size_t total = 0;
    for (const ArenaBlock *block = head; block; block = block->next)
        total += block->size;
    arena_free(arena);
    fill_next(arena, total);
}

void arena_adopt(Arena *arena, Arena *from) {
    if (!from->head) return;
    if (!arena->head) {
        *arena = *from;
    } else {
        ArenaBlock *last = from->head;
        while (last->next)
            last = last->next;
        last->next = arena->head->next;
        arena->head->next = from->head;
    }
    *from = (Arena){0};
}
