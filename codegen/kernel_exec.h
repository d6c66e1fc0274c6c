/* The instructions of the interpreting tier and the functions that execute them.
 *
 * Registers are slots in one byte array: 8 bytes for a scalar, 16 lanes for a vector however many
 * of them exist, so that most functions work on a constant number of lanes. */
#ifndef NNC_CODEGEN_KERNEL_EXEC_H
#define NNC_CODEGEN_KERNEL_EXEC_H

#include "codegen/kernel.h"

typedef struct Instr Instr;
typedef struct Machine Machine;

typedef void (*Exec)(Machine *machine, const Instr *instr);

typedef enum Control {
    CONTROL_EXEC,
    CONTROL_ENTER,
    CONTROL_AGAIN,
    CONTROL_UNLESS,
    CONTROL_JUMP,
    CONTROL_FAULT,
    CONTROL_END
} Control;

struct Instr {
    Exec exec;
    Control control;
    int lanes;
    const KStmt *stmt;   /* NULL at the end */
    uint32_t d, a, b, c; /* byte offsets of registers */
    int64_t imm;         /* load offset, lane, step */
    int64_t stride;
    int active;
    int buf;         /* -1: none */
    uint32_t target; /* of jumps */
    const int *shuffle;
    union {
        float (*f32)(float, float);
        double (*f64)(double, double);
    } call;
};

struct Machine {
    char *registers;
    void **buffers; /* by KBuf id */
};

/* The function for the value's operation. */
Exec exec_for(const KVal *value);
Exec exec_for_store(const KStmt *store);
Exec exec_for_tile(const KStmt *stmt);
/* Copies a register of the value's type. */
Exec exec_for_copy(const KVal *value);
/* Fills in instr->call. */
void exec_set_call(Instr *instr, const KVal *value);

#endif
