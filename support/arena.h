/* Arena allocation: everything one compilation makes is dropped whole.
 *
 * Memory is zeroed. Sizes are checked for overflow; running out of memory calls fatal_memory(),
 * which never returns. An Arena that is all zero bytes is valid and empty. */
#ifndef NNC_SUPPORT_ARENA_H
#define NNC_SUPPORT_ARENA_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *head; /* block being filled */
    char *at, *end;   /* what is left of it */
} Arena;

/* Zeroed memory that the block being filled has no room for. */
void *arena_alloc_more(Arena *arena, size_t size);

/* `size` bytes aligned for any type, that are about to be written. */
static inline void *arena_take(Arena *arena, size_t size) {
    /* What is left is a multiple of the alignment, so that a size that fits does so rounded up. */
    if (size - 1 >= (size_t)(arena->end - arena->at)) return arena_alloc_more(arena, size);
    char *result = arena->at;
    arena->at += (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    return result;
}

/* The same, zeroed. */
static inline void *arena_alloc(Arena *arena, size_t size) {
    if (size - 1 >= (size_t)(arena->end - arena->at)) return arena_alloc_more(arena, size);
    return memset(arena_take(arena, size), 0, size);
}

/* `count` zeroed items of `size` bytes; the product is checked. */
void *arena_array(Arena *arena, size_t count, size_t size);
/* A copy of `count` items; NULL stays NULL when count is 0. */
void *arena_copy(Arena *arena, const void *items, size_t count, size_t size);
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees every block; the arena is empty and may be used again. */
void arena_free(Arena *arena);
/* The same, but the memory stays with the arena, so that filling it again touches no fresh pages.
 */
void arena_reset(Arena *arena);
/* Everything in `from` belongs to `arena` from now on; `from` is empty. */
void arena_adopt(Arena *arena, Arena *from);

#define ARENA_NEW(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, count) ((Type *)arena_array((arena), (count), sizeof(Type)))

#endif
