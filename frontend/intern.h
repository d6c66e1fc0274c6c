/* Interned strings: equal names are the same pointer.
 *
 * One table is shared by the parser, the compiler and the VM. A Name lives as long as its table.
 * `id` counts from 0 in order of first appearance, so it is the same from run to run. */
#ifndef NNC_FRONTEND_INTERN_H
#define NNC_FRONTEND_INTERN_H

#include "support/arena.h"

#include <stddef.h>
#include <stdint.h>

typedef struct Name {
    uint32_t id;
    uint64_t hash;
    size_t length;
    void *object; /* for the VM: its string value for this name; NULL until made */
    char text[];  /* NUL-terminated */
} Name;

typedef struct Interns {
    Arena arena;
    Name **slots; /* open addressing; capacity is a power of two */
    size_t capacity, count;
} Interns;

void interns_init(Interns *interns);
void interns_free(Interns *interns);
/* The name with this text, made on first use. Names are mutable only in `object`. */
Name *intern(Interns *interns, const char *text, size_t length);
Name *intern_text(Interns *interns, const char *text);
/* The same for a text whose hash is known. */
Name *intern_hashed(Interns *interns, uint64_t hash, const char *text, size_t length);
/* Never 0. Fixed, so that output never depends on a seed. */
uint64_t text_hash(const char *text, size_t length);

#endif
