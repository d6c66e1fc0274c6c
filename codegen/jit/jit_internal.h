/* What the parts of the translation share. */
#ifndef NNC_CODEGEN_JIT_JIT_INTERNAL_H
#define NNC_CODEGEN_JIT_JIT_INTERNAL_H

#include "codegen/jit/jit.h"
#include "codegen/jit/x86.h"
#include "codegen/kernel_program.h"

/* Never hold values: results and operands pass through them. */
enum { SCRATCH = 0, SCRATCH_2 = 1 };
/* Holds the address of the interpreter's registers. */
enum { FRAME = RBX };

/* Where a value of the kernel, or the address of a buffer, lives. Once decided this holds for its
 * whole life. */
typedef struct Home {
    const KVal *value; /* NULL for buffers */
    uint32_t slot;     /* in the interpreter's registers */
    int start, end;    /* first and last instruction; buffers are there before the first */
    int level;         /* loops around its start */
    int uses;          /* instructions that read it */
    double weight;     /* how often it is used */
    int reg;           /* or NO_REG: in its slot */
    bool slot_only;    /* too wide, or of odd size */
    int load;          /* the instruction whose memory is read in its place, or -1 */
    struct Home *same; /* a register that it is put in right away */
} Home;

typedef struct Jit {
    X86 x;
    KProgram *program;
    int width;      /* bytes of the processor's vectors */
    Home **by_slot; /* by slot / 8 */
    Home *homes;    /* buffers first */
    int home_count;
    size_t *offsets; /* code offset of each instruction */
    struct {
        struct JitJump {
            size_t at;
            uint32_t target; /* instruction */
        } * items;
        size_t count, capacity;
    } jumps;
} Jit;

/* ---- values ---- */

int jit_value_bytes(const KVal *value);
/* In a vector register; else in a general one. */
bool jit_is_vector(const KVal *value);
/* Wider than a register, or of odd size: stays in its slot. */
bool jit_slot_only(const Jit *j, const KVal *value);
/* The value that the instruction computes, or NULL. */
const KVal *jit_result(const Instr *instr);

/* ---- homes.c ---- */

void jit_find_homes(Jit *j);
Home *jit_home(const Jit *j, uint32_t slot);

/* ---- operands.c: operands fetched from where they live ---- */

/* Loads `value` of `slot` into the scratch register given unless it has a register: which one. */
int jit_vector(Jit *j, uint32_t slot, const KVal *value, int scratch);
int jit_scalar(Jit *j, uint32_t slot, const KVal *value, int scratch);
/* A register, or memory where the instruction may read it. */
Operand jit_vector_operand(Jit *j, uint32_t slot, const KVal *value, int scratch);
Operand jit_scalar_operand(Jit *j, uint32_t slot, const KVal *value);
/* The register to compute a result in, and putting it where it lives. */
int jit_target(const Jit *j, uint32_t slot);
void jit_finish(Jit *j, uint32_t slot, const KVal *value, int reg);
Operand jit_slot(uint32_t slot);
/* The address buf[index + imm]; uses RAX and RCX when parts of it are not in registers. */
Operand jit_address(Jit *j, int buf, uint32_t index_slot, const KVal *index, int64_t imm,
                    int element_size);
/* Moves a vector or float of so many bytes between a register and memory. */
void jit_load_bytes(Jit *j, int bytes, int to, Operand from);
void jit_store_bytes(Jit *j, int bytes, Operand to, int from);
void jit_move(Jit *j, int to, int from);
/* The addresses of buffers into the registers that they have. */
void jit_load_buffers(Jit *j);

/* ---- emission; the `can` functions say what is not left to the interpreter's functions ---- */

bool jit_vector_can(const Jit *j, const KVal *value);
void jit_vector_emit(Jit *j, const Instr *instr);
void jit_vector_copy(Jit *j, uint32_t to_slot, uint32_t from_slot, const KVal *from);
bool jit_scalar_can(const KVal *value);
void jit_scalar_emit(Jit *j, const Instr *instr);
void jit_scalar_copy(Jit *j, uint32_t to_slot, uint32_t from_slot, const KVal *from);
bool jit_load_can(const Jit *j, const KVal *load);
void jit_load_emit(Jit *j, const Instr *instr);
void jit_store_emit(Jit *j, const Instr *instr);
/* Whether the instruction is a call of the interpreter's function. */
bool jit_is_call(const Jit *j, const Instr *instr);
/* Whether operand `which` (0: a) of the instruction may be read from memory in one access. */
bool jit_takes_memory(const Jit *j, const Instr *instr, int which);

#endif
