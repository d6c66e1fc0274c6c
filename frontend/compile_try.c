/* Code for try and with, and for leaving blocks.
 *
 * Normal completion costs nothing: handlers are ranges in a table. A finally block is emitted once
 * for each way to leave: normal completion, an exception, and every return, break or continue
 * that crosses it. In a handler the stack holds the previously handled exception, which POP_EXC or
 * RERAISE restores. */
#include "frontend/compile_internal.h"

/* The common end of handlers: (previous e --) restores and raises on. */
static void place_reraise(Emitter *emitter, uint32_t label, uint32_t depth) {
    emit_place(emitter, label);
    emitter->depth = depth;
    emit_grow(emitter);
    emit0(emitter, OP_RERAISE);
}

/* Where an exception arrives: the stack was cut to `depth` and the exception pushed. */
static void place_handler(Emitter *emitter, uint32_t label, uint32_t depth) {
    emit_place(emitter, label);
    emitter->depth = depth;
    emit_grow(emitter);
    emit0(emitter, OP_PUSH_EXC);
}

/* `except E as name` unsets the name at its end. */
static void clear_name(Emitter *emitter, Name *name) {
    emit_none(emitter);
    compile_store(emitter, name);
    compile_delete(emitter, name);
}

static void compile_finally(Emitter *emitter, const Stmt *stmt) {
    compile_block(emitter, stmt->as.try.finally);
}

/* The finally block may leave by itself, by break or continue: then a waiting value is dropped. */
static void leave_finally(Emitter *emitter, const EmitBlock *block, bool value) {
    EmitBlock pending = {.kind = BLOCK_PENDING};
    if (value) emit_push_block(emitter, &pending);
    compile_finally(emitter, block->try);
    if (value) emit_pop_block(emitter);
}

/* Emits one block's exit; `value`: a value on top is to be kept. */
static void leave_block(Emitter *emitter, const EmitBlock *block, bool value) {
    switch (block->kind) {
    case BLOCK_LOOP:
        if (!block->has_iterator) break;
        if (value) emit0(emitter, OP_SWAP);
        emit0(emitter, OP_POP);
        break;
    case BLOCK_PENDING:
        if (value) emit0(emitter, OP_SWAP);
        emit0(emitter, OP_POP);
        break;
    case BLOCK_TRY:
        break;
    case BLOCK_FINALLY:
        leave_finally(emitter, block, value);
        break;
    case BLOCK_FINALLY_RAISED:
        if (value) emit0(emitter, OP_ROT3);
        emit0(emitter, OP_POP);
        emit0(emitter, OP_POP_EXC);
        break;
    case BLOCK_WITH:
        if (value) emit0(emitter, OP_SWAP);
        emit0(emitter, OP_WITH_EXIT);
        break;
    case BLOCK_HANDLER:
        if (value) emit0(emitter, OP_SWAP);
        emit0(emitter, OP_POP_EXC);
        break;
    case BLOCK_HANDLER_NAME:
        clear_name(emitter, block->name);
        break;
    }
}

void compile_leave(Emitter *emitter, const EmitBlock *target, bool value) {
    EmitBlock *const innermost = emitter->blocks;
    Span span = emitter->span;
    for (EmitBlock *block = innermost; block != target; block = block->outer) {
        emit_close(emitter, block);
        emitter->blocks = block->outer; /* what the exit runs is outside the block */
        emitter->span = block->kind == BLOCK_WITH ? block->span : span;
        leave_block(emitter, block, value);
    }
    for (EmitBlock *block = innermost; block != target; block = block->outer)
        emit_open(emitter, block);
    emitter->blocks = innermost;
    emitter->span = span;
}

/* One except clause: (previous e -- previous e) on to the next one when it does not match.
 * `cleanup` is where exceptions raised in the clauses go on from: (previous e --). */
static void compile_clause(Emitter *emitter, const ExceptClause *clause, uint32_t cleanup,
                           uint32_t end) {
    uint32_t next = emit_label(emitter);
    uint32_t depth = emitter->depth;
    emitter->span = clause->span;
    if (clause->type) {
        compile_expr(emitter, clause->type);
        emit0(emitter, OP_MATCH_EXC);
        emit_jump(emitter, OP_JUMP_IF_FALSE, 0, 0, next);
    }
    if (!clause->name) {
        emit0(emitter, OP_POP);
        compile_block(emitter, clause->body);
    } else {
        uint32_t unset = emit_label(emitter), done = emit_label(emitter);
        compile_store(emitter, clause->name);
        EmitBlock block = {.kind = BLOCK_HANDLER_NAME,
                           .handler_label = unset,
                           .depth = emitter->depth,
                           .name = clause->name};
        emit_push_block(emitter, &block);
        compile_block(emitter, clause->body);
        emit_pop_block(emitter);
        emit_jump(emitter, OP_JUMP, 0, 0, done);
        emit_place(emitter, unset);
        emit_grow(emitter);
        clear_name(emitter, clause->name);
        emit_jump(emitter, OP_JUMP, 0, 0, cleanup);
        emitter->depth = block.depth;
        emit_place(emitter, done);
        clear_name(emitter, clause->name);
    }
    emit0(emitter, OP_POP_EXC);
    emit_jump(emitter, OP_JUMP, 0, 0, end);
    emit_place(emitter, next);
    emitter->depth = depth;
}

static void compile_try_except(Emitter *emitter, const Stmt *stmt) {
    uint32_t depth = emitter->depth;
    uint32_t end = emit_label(emitter), cleanup = emit_label(emitter);
    EmitBlock body = {
        .kind = BLOCK_TRY, .handler_label = emit_label(emitter), .depth = emitter->depth};
    emit_push_block(emitter, &body);
    compile_block(emitter, stmt->as.try.body);
    emit_pop_block(emitter);
    compile_block(emitter, stmt->as.try.orelse);
    emit_jump(emitter, OP_JUMP, 0, 0, end);
    place_handler(emitter, body.handler_label, depth);
    EmitBlock handler = {.kind = BLOCK_HANDLER, .handler_label = cleanup, .depth = depth + 1};
    emit_push_block(emitter, &handler);
    for (size_t i = 0; i < stmt->as.try.clause_count; i++)
        compile_clause(emitter, &stmt->as.try.clauses[i], cleanup, end);
    emit_pop_block(emitter);
    emit0(emitter, OP_RERAISE);
    place_reraise(emitter, cleanup, depth + 1);
    emitter->depth = depth;
    emit_place(emitter, end);
}

static void compile_try_body(Emitter *emitter, const Stmt *stmt) {
    if (stmt->as.try.clause_count)
        compile_try_except(emitter, stmt);
    else
        compile_block(emitter, stmt->as.try.body);
}

void compile_try(Emitter *emitter, const Stmt *stmt) {
    if (!stmt->as.try.finally.count) {
        compile_try_body(emitter, stmt);
        return;
    }
    uint32_t depth = emitter->depth;
    uint32_t end = emit_label(emitter), cleanup = emit_label(emitter);
    EmitBlock body = {
        .kind = BLOCK_FINALLY, .handler_label = emit_label(emitter), .depth = depth, .try = stmt};
    emit_push_block(emitter, &body);
    compile_try_body(emitter, stmt);
    emit_pop_block(emitter);
    compile_finally(emitter, stmt);
    emit_jump(emitter, OP_JUMP, 0, 0, end);
    place_handler(emitter, body.handler_label, depth);
    EmitBlock raised = {.kind = BLOCK_FINALLY_RAISED, .handler_label = cleanup, .depth = depth + 1};
    emit_push_block(emitter, &raised);
    compile_finally(emitter, stmt);
    emit_pop_block(emitter);
    emit0(emitter, OP_RERAISE);
    place_reraise(emitter, cleanup, depth + 1);
    emitter->depth = depth;
    emit_place(emitter, end);
}

void compile_with(Emitter *emitter, const Stmt *stmt, size_t index) {
    if (index == stmt->as.with.count) {
        compile_block(emitter, stmt->as.with.body);
        return;
    }
    const WithItem *item = &stmt->as.with.items[index];
    uint32_t depth = emitter->depth;
    uint32_t end = emit_label(emitter), suppress = emit_label(emitter);
    compile_expr(emitter, item->context);
    emitter->span = item->context->span;
    emit0(emitter, OP_WITH_ENTER);
    EmitBlock body = {.kind = BLOCK_WITH, .handler_label = emit_label(emitter), .depth = depth + 1};
    emit_push_block(emitter, &body);
    if (item->target)
        compile_target(emitter, item->target);
    else
        emit0(emitter, OP_POP);
    compile_with(emitter, stmt, index + 1);
    emitter->span = item->context->span;
    emit_pop_block(emitter);
    emit0(emitter, OP_WITH_EXIT);
    emit_jump(emitter, OP_JUMP, 0, 0, end);
    place_handler(emitter, body.handler_label, depth + 1);
    EmitBlock exiting = {
        .kind = BLOCK_HANDLER, .handler_label = emit_label(emitter), .depth = depth + 2};
    emit_push_block(emitter, &exiting);
    emit0(emitter, OP_WITH_EXCEPT);
    emit_jump(emitter, OP_JUMP_IF_TRUE, 0, 0, suppress);
    emit_pop_block(emitter);
    emit0(emitter, OP_RERAISE);
    place_reraise(emitter, exiting.handler_label, depth + 2);
    emit_place(emitter, suppress);
    emitter->depth = depth + 3; /* exit previous e */
    emit0(emitter, OP_POP);
    emit0(emitter, OP_POP_EXC);
    emit0(emitter, OP_POP);
    emit_place(emitter, end);
}
