/* The intern table: open addressing over names kept in an arena. */
#include "frontend/intern.h"

#include "support/checked.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

void interns_init(Interns *interns) {
    *interns = (Interns){.capacity = FIRST_CAPACITY};
    interns->slots = xcalloc(FIRST_CAPACITY, sizeof *interns->slots);
}

void interns_free(Interns *interns) {
    free(interns->slots);
    arena_free(&interns->arena);
    *interns = (Interns){0};
}

uint64_t text_hash(const char *text, size_t length) { /* FNV-1a */
    uint64_t hash = 14695981039346656037UL;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211UL;
    hash ^= hash >> 29;
    return hash == 0 || hash == UINT64_MAX ? 7 : hash; /* -1 is no hash value of the language */
}

static void grow(Interns *interns) {
    size_t capacity = interns->capacity * 2;
    Name **slots = xcalloc(capacity, sizeof *slots);
    for (size_t i = 0; i < interns->capacity; i++) {
        Name *name = interns->slots[i];
        if (!name) continue;
        size_t at = name->hash & (capacity - 1);
        while (slots[at])
            at = (at + 1) & (capacity - 1);
        slots[at] = name;
    }
    free(interns->slots);
    interns->slots = slots;
    interns->capacity = capacity;
}

Name *intern_hashed(Interns *interns, uint64_t hash, const char *text, size_t length) {
    size_t at = hash & (interns->capacity - 1);
    for (Name *name; (name = interns->slots[at]); at = (at + 1) & (interns->capacity - 1))
        if (name->hash == hash && name->length == length && memcmp(name->text, text, length) == 0)
            return name;
    if (interns->count * 2 >= interns->capacity) {
        grow(interns);
        at = hash & (interns->capacity - 1);
        while (interns->slots[at])
            at = (at + 1) & (interns->capacity - 1);
    }
    Name *name = arena_alloc(&interns->arena, sizeof(Name) + length + 1);
    name->id = (uint32_t)interns->count++;
    name->hash = hash;
    name->length = length;
    if (length) memcpy(name->text, text, length);
    interns->slots[at] = name;
    return name;
}

Name *intern(Interns *interns, const char *text, size_t length) {
    return intern_hashed(interns, text_hash(text, length), text, length);
}

Name *intern_text(Interns *interns, const char *text) {
    return intern(interns, text, strlen(text));
}
