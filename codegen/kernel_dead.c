/* Removal of what nothing reads: values, empty loops, buffers. */
#include "codegen/kernel_internal.h"

static void count_operands(uint32_t *uses, const KVal *value, uint32_t change) {
    const KVal *operands[] = {value->a, value->b, value->c};
    for (int i = 0; i < 3; i++)
        if (operands[i] && operands[i]->id >= 0) uses[operands[i]->id] += change;
}

static void count_use(uint32_t *uses, const KVal *value, uint32_t change) {
    if (value && value->id >= 0) uses[value->id] += change;
}

static void count_block(uint32_t *uses, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        if (s->kind == KSTMT_LET)
            count_operands(uses, s->value, 1);
        else
            count_use(uses, s->value, 1);
        count_use(uses, s->index, 1);
        count_use(uses, s->lo, 1);
        count_use(uses, s->hi, 1);
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

/* Unlinks dead statements; uses of their operands are given back. */
static bool sweep_block(uint32_t *uses, KBlock *block) {
    bool changed = false;
    KStmt *last = NULL, *s = block->first;
    block->first = NULL;
    for (KStmt *next; s; s = next) {
        next = s->next;
        s->next = NULL;
        bool dead = false;
        if (s->body && sweep_block(uses, s->body)) changed = true;
        if (s->other && sweep_block(uses, s->other)) changed = true;
        if (s->kind == KSTMT_LET && uses[s->value->id] == 0) {
            dead = true;
            count_operands(uses, s->value, (uint32_t)-1);
        } else if (s->kind == KSTMT_SET && uses[s->var->id] == 0) {
            dead = true;
            count_use(uses, s->value, (uint32_t)-1);
        } else if ((s->kind == KSTMT_FOR || s->kind == KSTMT_IF) && is_empty(s->body) &&
                   is_empty(s->other)) {
            dead = true;
            count_use(uses, s->value, (uint32_t)-1);
            count_use(uses, s->lo, (uint32_t)-1);
            count_use(uses, s->hi, (uint32_t)-1);
        }
        if (dead) {
            changed = true;
            continue;
        }
        if (last)
            last->next = s;
        else
            block->first = s;
        last = s;
    }
    block->last = last;
    return changed;
}

void kernel_drop_dead(Kernel *kernel, Arena *arena) {
    uint32_t *uses = ARENA_ARRAY(arena, uint32_t, (size_t)kernel->value_count + 1);
    count_block(uses, kernel->body);
    while (sweep_block(uses, kernel->body))
        continue;
}

static void mark_block(bool *used, const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        if (s->buf) used[s->buf->id] = true;
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
