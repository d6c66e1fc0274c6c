/* Arena allocation: a list of blocks, filled in turn.
 *
 * A request larger than a quarter of a block gets a block of its own behind the one being filled,
 * so that large tensors do not waste the rest of the current block. Fresh memory is zeroed by
 * calloc, which gets large blocks zeroed from the system for nothing. */
#include "support/arena.h"

#include "support/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 16 * 1024, BLOCK_MAX = 1024 * 1024 };

struct ArenaBlock {
    ArenaBlock *next;
    size_t size; /* of data; a multiple of the alignment */
    alignas(max_align_t) char data[];
};

static ArenaBlock *new_block(size_t size) {
    size_t bytes;
    if (!add_size(size, sizeof(ArenaBlock), &bytes)) fatal_memory();
    ArenaBlock *block = xcalloc(1, bytes);
    block->size = size;
    return block;
}

static void fill_next(Arena *arena, ArenaBlock *block) {
    block->next = arena->head;
    arena->head = block;
    arena->at = block->data;
    arena->end = block->data + block->size;
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
    if (arena->head && padded > block_size / 4) {
        ArenaBlock *own = new_block(padded);
        own->next = arena->head->next;
        arena->head->next = own;
        return own->data;
    }
    fill_next(arena, new_block(padded > block_size ? padded : block_size));
    arena->at += padded;
    return arena->head->data;
}

void *arena_array(Arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (!mul_size(count, size, &bytes)) fatal_memory();
    return arena_alloc(arena, bytes);
}

void *arena_copy(Arena *arena, const void *items, size_t count, size_t size) {
    if (count == 0) return NULL;
    void *copy = arena_array(arena, count, size);
    memcpy(copy, items, count * size);
    return copy;
}

char *arena_strndup(Arena *arena, const char *text, size_t length) {
    size_t bytes;
    if (!add_size(length, 1, &bytes)) fatal_memory();
    char *copy = arena_alloc(arena, bytes);
    if (length) memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) {
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char small[128]; /* room for most, which are printed once then */
    int length = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    NNC_CHECK(length >= 0, "bad format: %s", format);
    char *text = arena_alloc(arena, (size_t)length + 1);
    if ((size_t)length < sizeof small)
        memcpy(text, small, (size_t)length + 1);
    else
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
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
        memset(head->data, 0, (size_t)(arena->at - head->data));
        arena->at = head->data;
        return;
    }
    size_t total = 0;
    for (const ArenaBlock *block = head; block; block = block->next)
        total += block->size;
    arena_free(arena);
    fill_next(arena, new_block(total));
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
