/* What the two files of formula application share. */
#ifndef NNC_CODEGEN_FORMULA_INTERNAL_H
#define NNC_CODEGEN_FORMULA_INTERNAL_H

#include "codegen/formula.h"

/* One call in a formula. */
typedef struct FormulaCall {
    KBuilder *b;
    const Node *node; /* whose formula it is: attributes and dtypes */
    DType dtype;      /* of the node's first input: what "not" and shifts act on */
    KVal *arg[3];
    int count;
} FormulaCall;

KVal *formula_call(Op op, const FormulaCall *call);

#endif
