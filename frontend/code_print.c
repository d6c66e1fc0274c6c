/* Bytecode as text: one instruction a line, nested codes behind. */
#include "frontend/bytecode.h"

static const char *const opcode_names[OPCODE_COUNT] = {
#define X(name, effect) [OP_##name] = #name,
    OPCODES(X)
#undef X
};

const char *opcode_name(Opcode op) {
    return opcode_names[op];
}

static void put_const(Buf *out, const Const *value) {
    switch (value->kind) {
    case CONST_NONE:
        buf_puts(out, "None");
        break;
    case CONST_TRUE:
        buf_puts(out, "True");
        break;
    case CONST_FALSE:
        buf_puts(out, "False");
        break;
    case CONST_ELLIPSIS:
        buf_puts(out, "...");
        break;
    case CONST_INT:
        buf_printf(out, "%lld", (long long)value->as.integer);
        break;
    case CONST_BIG_INT:
        buf_puts(out, value->as.string.bytes);
        break;
    case CONST_FLOAT:
        buf_put_double(out, value->as.number);
        break;
    case CONST_STRING:
        buf_printf(out, "'%s'", value->as.string.bytes);
        break;
    case CONST_BYTES:
        buf_printf(out, "b'%s'", value->as.string.bytes);
        break;
    case CONST_CODE:
        buf_printf(out, "<%s>", value->as.code->qualified_name->text);
        break;
    case CONST_TUPLE:
        buf_putc(out, '(');
        for (size_t i = 0; i < value->as.tuple.count; i++) {
            if (i) buf_puts(out, ", ");
            put_const(out, &value->as.tuple.items[i]);
        }
        buf_putc(out, ')');
        break;
    }
}

static void put_slot(Buf *out, const Code *code, uint32_t slot) {
    if (slot < code->local_count + code->free_count)
        buf_printf(out, " %s", code->slot_names[slot] ? code->slot_names[slot]->text : "?");
}

static void put_operands(Buf *out, const Code *code, Instruction instruction) {
    uint32_t c = (uint32_t)instruction.c;
    switch ((Opcode)instruction.op) {
    case OP_CONST:
    case OP_MAKE_FUNCTION:
        buf_putc(out, ' ');
        put_const(out, &code->consts[c]);
        break;
    case OP_LOAD_LOCAL:
    case OP_STORE_LOCAL:
    case OP_DELETE_LOCAL:
    case OP_CLEAR_LOCAL:
    case OP_NEW_CELL:
    case OP_LOAD_CELL:
    case OP_STORE_CELL:
    case OP_DELETE_CELL:
        put_slot(out, code, c);
        break;
    case OP_LOAD_NAME:
    case OP_STORE_NAME:
    case OP_DELETE_NAME:
    case OP_ANNOTATE:
    case OP_LOAD_ATTR:
    case OP_STORE_ATTR:
    case OP_DELETE_ATTR:
    case OP_LOAD_METHOD:
    case OP_IMPORT:
    case OP_IMPORT_FROM:
        buf_printf(out, " %s", code->names[c]->text);
        break;
    case OP_MAKE_CLASS:
        buf_printf(out, " %s %u", code->names[instruction.b]->text, c);
        break;
    case OP_MATCH_CLASS:
    case OP_CALL_KEYWORDS:
        buf_printf(out, " %u ", c);
        put_const(out, &code->consts[instruction.b]);
        break;
    case OP_LIST_APPEND:
    case OP_SET_ADD:
    case OP_DICT_PUT:
        buf_printf(out, " %u", instruction.b);
        break;
    case OP_MATCH_SEQUENCE:
    case OP_UNPACK_STAR:
        buf_printf(out, " %u %u", instruction.b, c);
        break;
    case OP_FOR_LOCAL:
        put_slot(out, code, instruction.b);
        buf_printf(out, " -> %u", c);
        break;
    case OP_FOR_GLOBAL:
        buf_printf(out, " g%u -> %u", instruction.b, c);
        break;
    case OP_LOAD_GLOBAL:
    case OP_STORE_GLOBAL:
    case OP_DELETE_GLOBAL:
        buf_printf(out, " g%u", c);
        break;
    case OP_JUMP:
    case OP_JUMP_IF_FALSE:
    case OP_JUMP_IF_TRUE:
    case OP_JUMP_IF_FALSE_OR_POP:
    case OP_JUMP_IF_TRUE_OR_POP:
    case OP_COMPARE_JUMP:
    case OP_FOR:
        buf_printf(out, " -> %u", c);
        break;
    case OP_INT:
        buf_printf(out, " %d", instruction.c);
        break;
    case OP_UNPACK:
    case OP_TUPLE:
    case OP_LIST:
    case OP_SET:
    case OP_DICT:
    case OP_JOIN:
    case OP_CALL:
    case OP_MATCH_KEYS:
        buf_printf(out, " %u", c);
        break;
    default:
        break;
    }
}

static void put_head(Buf *out, const Code *code) {
    buf_printf(out, "%s: locals %u free %u stack %u", code->qualified_name->text, code->local_count,
               code->free_count, code->max_stack);
    if (code->flags & CODE_GENERATOR) buf_puts(out, " generator");
    if (code->class_cell >= 0) buf_printf(out, " class-cell %d", code->class_cell);
    for (uint32_t i = 0; i < code->free_count; i++)
        buf_printf(out, " %s<-%u", code->slot_names[code->local_count + i]->text,
                   code->captures[i]);
    if (code->module_name_count) buf_puts(out, " globals");
    for (uint32_t i = 0; i < code->module_name_count; i++)
        buf_printf(out, " %s", code->module_names[i]->text);
    buf_putc(out, '\n');
}

void code_print(const Code *code, Buf *out) {
    put_head(out, code);
    for (uint32_t i = 0; i < code->instruction_count; i++) {
        Instruction instruction = code->instructions[i];
        buf_printf(out, "%4u %s", i, opcode_names[instruction.op]);
        if (instruction.a) buf_printf(out, ".%u", instruction.a);
        put_operands(out, code, instruction);
        buf_putc(out, '\n');
    }
    for (uint32_t i = 0; i < code->handler_count; i++) {
        HandlerRange range = code->handlers[i];
        buf_printf(out, "  [%u, %u) -> %u depth %u\n", range.begin, range.end, range.target,
                   range.depth);
    }
    for (uint32_t i = 0; i < code->const_count; i++)
        if (code->consts[i].kind == CONST_CODE) code_print(code->consts[i].as.code, out);
}
