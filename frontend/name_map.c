/* Open addressing on the names' ids. Outgrown tables stay in the arena. */
#include "frontend/name_map.h"

static uint32_t find(const NameMap *map, const Name *name) {
    uint32_t at = (name->id * 2654435769U) & (map->capacity - 1);
    while (map->slots[at].name && map->slots[at].name != name)
        at = (at + 1) & (map->capacity - 1);
    return at;
}

uint32_t name_map_get(const NameMap *map, const Name *name) {
    if (!map->capacity) return UINT32_MAX;
    uint32_t at = find(map, name);
    return map->slots[at].name ? map->slots[at].value : UINT32_MAX;
}

void name_map_add(NameMap *map, Arena *arena, const Name *name, uint32_t value) {
    if (map->count * 2 >= map->capacity) {
        NameMap old = *map;
        map->capacity = old.capacity ? old.capacity * 2 : 8;
        map->slots = ARENA_ARRAY(arena, struct NameMapSlot, map->capacity);
        for (uint32_t i = 0; i < old.capacity; i++)
            if (old.slots[i].name) map->slots[find(map, old.slots[i].name)] = old.slots[i];
    }
    map->slots[find(map, name)] = (struct NameMapSlot){name, value};
    map->count++;
}
