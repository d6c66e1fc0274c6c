/* Values of formula expressions, and the helpers that compute on them: between formula.c and
 * formula_helpers.c only. */
#ifndef NNC_IR_FORMULA_VALUE_H
#define NNC_IR_FORMULA_VALUE_H

#include "ir/formula.h"

typedef enum FormulaKind {
    FORMULA_NODE = 'n',
    FORMULA_NUMBER = 'x',
    FORMULA_INTS = 'i',
    FORMULA_DTYPE = 'd',
    FORMULA_TEXT = 't',
} FormulaKind;

typedef struct FormulaValue {
    FormulaKind kind;
    union {
        Node *node;
        double number;
        DType dtype;
        const char *text;
        struct {
            int64_t items[MAX_RANK];
            int count;
        } ints;
    };
} FormulaValue;

/* What a helper may know beside its arguments. */
typedef struct FormulaContext {
    Graph *graph;
    const FormulaScope *scope;
    int operand; /* of an op of any number of operands: whose gradient is built */
} FormulaContext;

typedef struct FormulaHelper {
    const char *name;
    const char
        *kinds;     /* one FormulaKind an argument; a number where ints are wanted is converted */
    bool only_type; /* reads no argument's elements: such operands need not be saved */
    FormulaValue (*run)(const FormulaContext *context, const FormulaValue *args);
} FormulaHelper;

/* NULL when there is none of that name. */
const FormulaHelper *formula_helper(const char *name, size_t length);

#endif
