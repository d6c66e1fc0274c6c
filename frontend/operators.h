/* The operators of the language, as parser, compiler and values name them. */
#ifndef NNC_FRONTEND_OPERATORS_H
#define NNC_FRONTEND_OPERATORS_H

/* In-place forms use the same enumerators. The opcodes OP_ADD ... OP_XOR stand in this order. */
typedef enum BinaryOp {
    BINARY_ADD,
    BINARY_SUB,
    BINARY_MUL,
    BINARY_MATMUL,
    BINARY_DIV,
    BINARY_FLOORDIV,
    BINARY_MOD,
    BINARY_POW,
    BINARY_LSHIFT,
    BINARY_RSHIFT,
    BINARY_AND,
    BINARY_OR,
    BINARY_XOR,
    BINARY_DIVMOD, /* only reached through divmod() */
    BINARY_OP_COUNT,
} BinaryOp;

/* The opcodes OP_NEG, OP_POS and OP_INVERT stand in this order. */
typedef enum UnaryOp { UNARY_NEG, UNARY_POS, UNARY_INVERT, UNARY_ABS } UnaryOp;

typedef enum CompareOp {
    COMPARE_LT,
    COMPARE_LE,
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_GT,
    COMPARE_GE,
    COMPARE_IS, /* from here on only in the syntax tree and in instructions */
    COMPARE_IS_NOT,
    COMPARE_IN,
    COMPARE_NOT_IN,
} CompareOp;

#endif
