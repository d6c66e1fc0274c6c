/* By which schedule a contraction is lowered: what a file says, else what the model finds best. */
#include <string.h>

#include "codegen/contract_internal.h"
#include "codegen/schedule_book.h"
#include "codegen/schedule_text.h"
#include "support/checked.h"

static const char *json_text(Arena *arena, const Contraction *c, const Schedule *s) {
    Buf text = {0};
    schedule_json(&text, c, s);
    const char *copy = arena_strdup(arena, buf_text(&text));
    buf_free(&text);
    return copy;
}

/* The candidates that are worth being measured, the model's choice first. */
static void note_candidates(const Contraction *c, const ScheduleRequest *request,
                            const LowerContext *context, KernelChoice *choice) {
    if (context->candidates == 0) return;
    size_t most = (size_t)context->candidates;
    Schedule *best = ARENA_ARRAY(context->arena, Schedule, most);
    const char **others = ARENA_ARRAY(context->arena, const char *, most);
    choice->other_count = schedule_best(c, request, best, context->candidates);
    for (int i = 0; i < choice->other_count; i++)
        others[i] = json_text(context->arena, c, &best[i]);
    choice->others = others;
}

ScheduleRequest contract_request(const Contraction *c, Epilogue *epilogue, const Target *target,
                                 const LowerContext *context, Schedule *best,
                                 KernelChoice *choice) {
    ScheduleRequest request = {.target = target, .precision = context->precision};
    for (int operand = 0; operand < 2; operand++)
        request.prepared[operand] = context->known && context->known[c->operand[operand].node->id];
    Buf key = {0}, why = {0};
    for (bool found = false; !found;) {
        epilogue_windows(epilogue, c, request.window);
        buf_clear(&key);
        schedule_key(&key, c, &request);
        found = schedule_book_find(context->schedules, buf_text(&key), c, &request, best, &why) ==
                    BOOK_HAS ||
                schedule_choose(c, &request, best);
        if (found) continue;
        NNC_CHECK(!epilogue->pool_later, "no schedule for a contraction");
        epilogue->pool_later = true;
    }
    *choice = (KernelChoice){.key = arena_strdup(context->arena, buf_text(&key)),
                             .schedule = json_text(context->arena, c, best)};
    if (why.size) choice->wrong = arena_strdup(context->arena, buf_text(&why));
    note_candidates(c, &request, context, choice);
    buf_free(&key);
    buf_free(&why);
    return request;
}
