/* Arena allocation: everything one compilation makes is dropped whole.
 *
 * Memory is zeroed. Sizes are checked for overflow; running out of memory (or over the arena's
 * limit, when one is set) calls fatal_memory(), which never returns. An Arena that is all zero
 * bytes is valid and empty. */
#ifndef NNC_SUPPORT_ARENA_H
#define NNC_SUPPORT_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct ArenaBlock ArenaBlock;

typedef struct Arena {
    ArenaBlock *head; /* block being filled */
    size_t total;     /* bytes handed out, for reports and limits */
    size_t limit;     /* 0: none */
} Arena;

/* `size` zeroed bytes aligned for any type. */
void *arena_alloc(Arena *arena, size_t size);
/* `count` zeroed items of `size` bytes; the product is checked. */
void *arena_array(Arena *arena, size_t count, size_t size);
/* A copy of `count` items; NULL stays NULL when count is 0. */
void *arena_copy(Arena *arena, const void *items, size_t count, size_t size);
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees every block; the arena is empty and may be used again. */
void arena_free(Arena *arena);

#define ARENA_NEW(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, count) ((Type *)arena_array((arena), (count), sizeof(Type)))

#endif
