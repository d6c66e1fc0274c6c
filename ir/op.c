/* The op table made from ops.def, and the names of ops and attributes. */
#include "ir/op.h"

#include <string.h>

#include "ir/eval.h"
#include "ir/infer.h"

static const OpInfo OPS[OP_COUNT] = {
#define OP(op, ...) [OP_##op] = {.name = #op, __VA_ARGS__},
#include "ir/ops.def"
#undef OP
};

static const struct {
    const char *name;
    AttrKind kind;
} ATTRS[ATTR_NAME_COUNT] = {
#define X(attr, kind) [ATTR_##attr] = {#attr, ATTR_KIND_##kind},
    ATTR_LIST(X)
#undef X
};

const OpInfo *op_info(Op op) {
    return &OPS[op];
}

/* The ops' first letters, side by side: few names are worth a second look. */
static const char LETTERS[OP_COUNT] = {
#define OP(op, ...) [OP_##op] = #op[0],
#include "ir/ops.def"
#undef OP
};

bool op_from_name(const char *name, Op *out) {
    for (const char *at = LETTERS, *end = LETTERS + OP_COUNT;
         (at = memchr(at, name[0], (size_t)(end - at))); at++) {
        *out = (Op)(at - LETTERS);
        if (strcmp(OPS[*out].name, name) == 0) return true;
    }
    return false;
}

AttrKind attr_kind(AttrName name) {
    return ATTRS[name].kind;
}

const char *attr_name(AttrName name) {
    return ATTRS[name].name;
}

bool attr_from_name(const char *name, AttrName *out) {
    for (int i = 0; i < ATTR_NAME_COUNT; i++) {
        if (ATTRS[i].name[0] == name[0] && strcmp(ATTRS[i].name, name) == 0) {
            *out = (AttrName)i;
            return true;
        }
    }
    return false;
}

const char *word_next(const char *words, int *length) {
    while (*words == ' ')
        words++;
    *length = (int)strcspn(words, " ");
    return *length ? words : NULL;
}

bool op_has_attr(Op op, AttrName name) {
    int length;
    for (const char *word = op_info(op)->attrs; (word = word_next(word, &length)); word += length) {
        if (strncmp(word, attr_name(name), (size_t)length) == 0 && attr_name(name)[length] == 0)
            return true;
    }
    return false;
}
