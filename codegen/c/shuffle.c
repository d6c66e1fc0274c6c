/* The orders of lanes that have names in the text: how kernels turn squares, pool, and read every
 * other element. Others are printed lane by lane. */
#include "codegen/c/print_internal.h"

static const char *const order_names[SHUFFLE_ORDERS] = {"ZIP_LOW", "ZIP_HIGH", "EVENS", "ODDS"};

/* Which lane of both vectors, counted through, stands at `lane` of the result. */
static int lane_from(int order, int lane, int lanes) {
    switch (order) {
    case 0:
        return lane / 2 + lane % 2 * lanes;
    case 1:
        return (lanes + lane) / 2 + lane % 2 * lanes;
    default:
        return 2 * lane + order % 2;
    }
}

static bool has_order(const KVal *v, int order) {
    for (int l = 0; l < v->lanes; l++)
        if (v->shuffle[l] != lane_from(order, l, v->lanes)) return false;
    return true;
}

int shuffle_order(const KVal *v) {
    if (v->lanes < 4 || v->a->lanes != v->lanes) return -1;
    for (int order = 0; order < SHUFFLE_ORDERS; order++)
        if (has_order(v, order)) return order;
    return -1;
}

void print_shuffle(Printer *p, const KVal *v) {
    int order = shuffle_order(v);
    if (order >= 0)
        emit_text(p->e, "%s_X%d(", order_names[order], v->lanes);
    else
        emit_literal(p->e, "__builtin_shufflevector(");
    print_value(p, v->a, PREC_ANY);
    emit_literal(p->e, ", ");
    print_value(p, v->b, PREC_ANY);
    for (int l = 0; l < v->lanes && order < 0; l++) {
        emit_literal(p->e, ", ");
        emit_decimal(p->e, v->shuffle[l]);
    }
    emit_literal(p->e, ")");
}

void print_shuffle_macro(Emitter *e, int order, int lanes) {
    emit_text(e, "#define %s_X%d(a, b) __builtin_shufflevector(a, b", order_names[order], lanes);
    for (int l = 0; l < lanes; l++)
        emit_text(e, ", %d", lane_from(order, l, lanes));
    emit_text(e, ")\n");
}
