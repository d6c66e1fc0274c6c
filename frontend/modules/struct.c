/* What the module struct is written on: numbers in bytes, as a format spells them.
 *
 * A format is an optional byte order (@ native with alignment, = native, < little, > or ! big),
 * then counts and type letters. Every function takes the class of its errors first. */
#include <stdlib.h>

#include "frontend/int.h"
#include "frontend/modules/modules.h"

typedef struct Format {
    const char *at;
    bool little, aligned;
    Value error;
} Format;

typedef struct Field {
    char code;
    int64_t count; /* how many, or the length of 's' */
    size_t size;   /* of one */
    size_t offset; /* of the first */
} Field;

static Value fail(Vm *vm, Value error, const char *message) {
    Value text = str_from(vm, message);
    Value made = vm_call1(vm, error, text);
    decref(text);
    if (!is_null(made)) vm_raise_value(vm, made);
    decref(made);
    return NULL_VALUE;
}

static bool format_start(Vm *vm, Value error, Value v, Format *format) {
    static const char orders[] = "@=<>!";
    const char *text = NULL;
    if (has_flag(v, CLASS_BYTES))
        text = (const char *)((const Bytes *)(const void *)v.o)->data;
    else
        text = vm_to_text(vm, v, "format");
    if (!text) return false;
    bool given = *text && strchr(orders, *text);
    *format = (Format){.at = text + given, .error = error};
    format->little = !given || (*text != '>' && *text != '!');
    format->aligned = !given || *text == '@';
    return true;
}

static size_t code_size(const Format *format, char code) {
    switch (code) {
    case 'x':
    case 'c':
    case 'b':
    case 'B':
    case '?':
    case 's':
        return 1;
    case 'h':
    case 'H':
        return 2;
    case 'i':
    case 'I':
    case 'f':
        return 4;
    case 'l':
    case 'L':
        return format->aligned ? 8 : 4;
    case 'q':
    case 'Q':
    case 'd':
        return 8;
    default:
        return 0;
    }
}

/* The next field after `*end` bytes, which it moves; 0 at the end, -1: raised. */
static int format_next(Vm *vm, Format *format, size_t *end, Field *field) {
    while (*format->at == ' ')
        format->at++;
    if (!*format->at) return 0;
    *field = (Field){.count = 1};
    if (*format->at >= '0' && *format->at <= '9') {
        char *rest;
        field->count = strtol(format->at, &rest, 10);
        format->at = rest;
    }
    field->code = *format->at ? *format->at++ : '\0';
    field->size = code_size(format, field->code);
    if (!field->size || field->count > 1 << 30) {
        fail(vm, format->error,
             field->size ? "total struct size too long" : "bad char in struct format");
        return -1;
    }
    if (format->aligned) *end = (*end + field->size - 1) / field->size * field->size;
    field->offset = *end;
    *end += (size_t)field->count * field->size;
    return 1;
}

/* The size of all fields, and how many values they hold. */
static bool measure(Vm *vm, Format format, size_t *size, size_t *values) {
    Field field;
    int more;
    *size = *values = 0;
    while ((more = format_next(vm, &format, size, &field)) > 0)
        *values += field.code == 'x' ? 0 : field.code == 's' ? 1 : (size_t)field.count;
    return more == 0;
}

/* ---- one number ---- */

static uint64_t bits_of(const unsigned char *bytes, size_t size, bool little) {
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | bytes[little ? size - 1 - i : i];
    return bits;
}

static void put_bits(unsigned char *bytes, size_t size, bool little, uint64_t bits) {
    for (size_t i = 0; i < size; i++)
        bytes[little ? i : size - 1 - i] = (unsigned char)(bits >> (8 * i));
}

static Value unpack_one(Vm *vm, const Format *format, const Field *field,
                        const unsigned char *bytes) {
    uint64_t bits = bits_of(bytes, field->size, format->little);
    uint32_t low = (uint32_t)bits;
    unsigned char ordered[8];
    float single;
    double wide;
    switch (field->code) {
    case 'c':
        return bytes_new(vm, (const char *)bytes, 1);
    case '?':
        return from_bool(bits != 0);
    case 'f':
        memcpy(&single, &low, sizeof single);
        return from_float((double)single);
    case 'd':
        memcpy(&wide, &bits, sizeof wide);
        return from_float(wide);
    case 'Q':
        put_bits(ordered, sizeof ordered, true, bits);
        return int_from_bigint(vm, bigint_from_bytes(ordered, sizeof ordered, false));
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q': {
        int shift = 64 - 8 * (int)field->size;
        return from_int((int64_t)(bits << shift) >> shift);
    }
    default:
        return from_int((int64_t)bits);
    }
}

static bool whole_bits(Vm *vm, const Format *format, const Field *field, Value v, uint64_t *bits) {
    int64_t value;
    if (!is_int(v)) {
        fail(vm, format->error, "required argument is not an integer");
        return false;
    }
    if (!vm_to_index(vm, v, &value)) return false;
    bool is_signed = strchr("bhilq", field->code) != NULL;
    int width = 8 * (int)field->size - is_signed;
    bool fits =
        is_signed ? width >= 63 || (value < (int64_t)1 << width && value >= -((int64_t)1 << width))
                  : value >= 0 && (width >= 63 || value < (int64_t)1 << width);
    if (!fits) fail(vm, format->error, "argument out of range");
    *bits = (uint64_t)value;
    return fits;
}

static bool pack_one(Vm *vm, const Format *format, const Field *field, Value v,
                     unsigned char *bytes) {
    uint64_t bits = 0;
    double wide;
    if (field->code == 'c') {
        const Bytes *b = (const Bytes *)(const void *)v.o;
        if (!has_flag(v, CLASS_BYTES) || b->size != 1) {
            fail(vm, format->error, "char format requires a bytes object of length 1");
            return false;
        }
        bits = b->data[0];
    } else if (field->code == '?') {
        int truth = vm_truth(vm, v);
        if (truth < 0) return false;
        bits = (uint64_t)truth;
    } else if (field->code == 'f' || field->code == 'd') {
        if (!is_int(v) && !is_float(v)) {
            fail(vm, format->error, "required argument is not a float");
            return false;
        }
        if (!vm_to_double(vm, v, &wide)) return false;
        float single = (float)wide;
        uint32_t low;
        memcpy(&low, &single, sizeof low);
        memcpy(&bits, &wide, sizeof bits);
        if (field->code == 'f') bits = low;
    } else if (!whole_bits(vm, format, field, v, &bits)) {
        return false;
    }
    put_bits(bytes, field->size, format->little, bits);
    return true;
}

/* ---- functions ---- */

MODULE_FUNCTION(struct_calcsize) {
    Format format;
    size_t size, values;
    if (!vm_args_simple(vm, "calcsize", nargs, kwnames, 2, 2) ||
        !format_start(vm, args[0], args[1], &format) || !measure(vm, format, &size, &values))
        return NULL_VALUE;
    return from_int((int64_t)size);
}

/* unpack(error, format, buffer, offset): the whole buffer when offset is None */
MODULE_FUNCTION(struct_unpack) {
    Format format;
    Field field;
    size_t size, values, end = 0, made = 0;
    int64_t offset = 0;
    if (!vm_args_simple(vm, "unpack", nargs, kwnames, 4, 4) ||
        !format_start(vm, args[0], args[1], &format) || !measure(vm, format, &size, &values))
        return NULL_VALUE;
    if (!has_flag(args[2], CLASS_BYTES))
        return vm_raise(vm, EXC_TypeError, "a bytes-like object is required, not '%s'",
                        vm_class_name(vm, args[2]));
    const Bytes *b = (const Bytes *)(const void *)args[2].o;
    bool whole = is_none(args[3]);
    if (!whole && !vm_to_index(vm, args[3], &offset)) return NULL_VALUE;
    bool fits =
        whole ? b->size == size
              : offset >= 0 && (uint64_t)offset <= b->size && size <= b->size - (size_t)offset;
    if (!fits) {
        char message[96];
        snprintf(message, sizeof message, "unpack%s requires a buffer of %s%zu bytes",
                 whole ? "" : "_from", whole ? "" : "at least ", size + (size_t)offset);
        return fail(vm, args[0], message);
    }
    const unsigned char *bytes = b->data + offset;
    Value out = tuple_new(vm, values);
    for (size_t i = 0; i < values; i++)
        as_tuple(out)->items[i] = NONE;
    while (format_next(vm, &format, &end, &field) > 0) {
        if (field.code == 's') {
            as_tuple(out)->items[made++] =
                bytes_new(vm, (const char *)bytes + field.offset, (size_t)field.count);
            continue;
        }
        for (int64_t i = 0; field.code != 'x' && i < field.count; i++) {
            Value v =
                unpack_one(vm, &format, &field, bytes + field.offset + (size_t)i * field.size);
            if (is_null(v)) {
                decref(out);
                return v;
            }
            as_tuple(out)->items[made++] = v;
        }
    }
    return out;
}

/* pack(error, format, *values) */
MODULE_FUNCTION(struct_pack) {
    Format format;
    Field field;
    size_t size, values, end = 0;
    if (!vm_args_simple(vm, "pack", nargs, kwnames, 2, -1) ||
        !format_start(vm, args[0], args[1], &format) || !measure(vm, format, &size, &values))
        return NULL_VALUE;
    if ((size_t)nargs - 2 != values) {
        char message[96];
        snprintf(message, sizeof message, "pack expected %zu items for packing (got %d)", values,
                 nargs - 2);
        return fail(vm, args[0], message);
    }
    Value out = bytes_new(vm, NULL, size);
    unsigned char *bytes = ((Bytes *)(void *)out.o)->data;
    memset(bytes, 0, size);
    const Value *next = args + 2;
    bool ok = true;
    while (ok && format_next(vm, &format, &end, &field) > 0) {
        if (field.code == 's') {
            const Bytes *b = (const Bytes *)(const void *)next->o;
            ok = has_flag(*next++, CLASS_BYTES);
            if (!ok) fail(vm, args[0], "argument for 's' must be a bytes object");
            size_t count = ok && b->size < (size_t)field.count ? b->size : (size_t)field.count;
            if (ok && count) memcpy(bytes + field.offset, b->data, count);
            continue;
        }
        for (int64_t i = 0; ok && field.code != 'x' && i < field.count; i++)
            ok = pack_one(vm, &format, &field, *next++,
                          bytes + field.offset + (size_t)i * field.size);
    }
    if (ok) return out;
    decref(out);
    return NULL_VALUE;
}

bool module_struct(Vm *vm, ModuleObj *module) {
    static const Method functions[] = {
        {"calcsize", struct_calcsize, 0},
        {"unpack", struct_unpack, 0},
        {"pack", struct_pack, 0},
        {NULL, NULL, 0},
    };
    module_functions(vm, module, functions);
    return true;
}
