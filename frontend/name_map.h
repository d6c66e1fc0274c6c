/* A map from interned names to numbers, in an arena: the compiler's symbol tables. */
#ifndef NNC_FRONTEND_NAME_MAP_H
#define NNC_FRONTEND_NAME_MAP_H

#include "frontend/intern.h"

typedef struct NameMap {
    struct NameMapSlot {
        const Name *name;
        uint32_t value;
    } * slots;
    uint32_t capacity, count;
} NameMap;

/* UINT32_MAX when the name is not there. */
uint32_t name_map_get(const NameMap *map, const Name *name);
/* The name must not be there yet. */
void name_map_add(NameMap *map, Arena *arena, const Name *name, uint32_t value);

#endif
