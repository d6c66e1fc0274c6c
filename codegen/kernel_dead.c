/* Removal of what nothing reads: values, empty loops, buffers. */
#include "codegen/kernel_internal.h"

static void count_block(uint32_t *uses, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        const KVal *operands[KSTMT_OPERANDS];
        int count = kstmt_operands(s, operands);
        for (int i = 0; i < count; i++)
            if (operands[i]->id >= 0) uses[operands[i]->id]++;
        if (s->body) count_block(uses, s->body);
        if (s->other) count_block(uses, s->other);
    }
}

static bool is_empty(const KBlock *block) {
    if (!block) return true;
    const KStmt *s = block->first;
    while (s && s->kind == KSTMT_COMMENT)
        s = s->next;
    return !s;
}

/* Whether nothing needs the statement; then uses of its operands are given back, and *last says
 * whether one of them was used no more. */
static bool is_dead(uint32_t *uses, const KStmt *s, bool *last) {
    if (s->kind == KSTMT_LET) {
        if (uses[s->value->id] > 0) return false;
    } else if (s->kind == KSTMT_SET) {
        if (uses[s->var->id] > 0) return false;
    } else if (s->kind == KSTMT_FOR || s->kind == KSTMT_IF) {
        if (!is_empty(s->body) || !is_empty(s->other)) return false;
    } else {
        return false;
    }
    const KVal *operands[KSTMT_OPERANDS];
    int count = kstmt_operands(s, operands);
    for (int i = 0; i < count; i++)
        if (operands[i]->id >= 0 && --uses[operands[i]->id] == 0) *last = true;
    return true;
}

/* Unlinks dead statements. Whether others, before them, may be dead now. */
static bool sweep_block(uint32_t *uses, KBlock *block) {
    bool again = false;
    KStmt *last = NULL, *s = block->first;
    block->first = NULL;
    for (KStmt *next; s; s = next) {
        next = s->next;
        s->next = NULL;
        if (s->body && sweep_block(uses, s->body)) again = true;
        if (s->other && sweep_block(uses, s->other)) again = true;
        if (is_dead(uses, s, &again)) continue;
        if (last)
            last->next = s;
        else
            block->first = s;
        last = s;
    }
    block->last = last;
    return again;
}

void kernel_drop_dead(Kernel *kernel, Arena *arena) {
    uint32_t *uses = ARENA_ARRAY(arena, uint32_t, (size_t)kernel->value_count + 1);
    count_block(uses, kernel->body);
    while (sweep_block(uses, kernel->body))
        continue;
}

static void mark_block(bool *used, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        const KBuf *named[] = {s->buf, s->from[0], s->from[1]};
        for (int i = 0; i < 3; i++)
            if (named[i]) used[named[i]->id] = true;
        if (s->kind == KSTMT_LET && s->value->buf) used[s->value->buf->id] = true;
        if (s->body) mark_block(used, s->body);
        if (s->other) mark_block(used, s->other);
    }
}

void kernel_drop_buffers(Kernel *kernel, Arena *arena) {
    bool *used = ARENA_ARRAY(arena, bool, kernel->buffers.count + 1);
    mark_block(used, kernel->body);
    size_t kept = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        KBuf *buf = kernel->buffers.items[i];
        /* An empty result is written by nothing but is still a result. */
        if (!used[buf->id] && buf->role != KBUF_OUT) continue;
        kernel->buffers.items[kept] = buf;
        kept++;
    }
    kernel->buffers.count = kept;
    for (size_t i = 0; i < kept; i++)
        kernel->buffers.items[i]->id = (int)i;
}
