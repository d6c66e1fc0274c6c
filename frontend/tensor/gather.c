/* Reads and writes at index tensors: gather, scatter, index_select and kin; sorting. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "ir/graph.h"

/* The index argument as i64 (a new reference), which must not be negative: checked now where its
 * values are known, else when the graph runs. NULL: raised. */
static LazyNode *index_arg(TensorState *ts, Value v, const char *name, bool flat, int dim,
                           int64_t size) {
    Tensor *index;
    if (!arg_tensor_at(ts, v, name, "index", 3, &index)) return NULL;
    if (flat && index->type.rank > 1) {
        vm_raise(ts->vm, EXC_IndexError, "%s(): Index is supposed to be a vector", name);
        return NULL;
    }
    if (index->type.dtype != DT_I64 && index->type.dtype != DT_I32) {
        vm_raise(ts->vm, EXC_RuntimeError, "%s(): Expected dtype int32/int64 for index", name);
        return NULL;
    }
    LazyNode *node = lazy_cast(ts, tensor_read(ts, index), DT_I64);
    const LazyNode *data;
    if (!node) return NULL;
    if (!value_to_check(ts, node, &data)) {
        lazy_unref(ts, node);
        return NULL;
    }
    int64_t count = data ? type_numel(&node->type) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = ((const int64_t *)(const void *)data->value->bytes)[i];
        if (at >= 0 && at < size) continue;
        if (flat)
            vm_raise(ts->vm, EXC_IndexError, "index out of range in self");
        else
            vm_raise(ts->vm, EXC_RuntimeError,
                     "index %lld is out of bounds for dimension %d with size %lld", (long long)at,
                     dim, (long long)size);
        lazy_unref(ts, node);
        return NULL;
    }
    return node;
}

/* Along x's dim, for ranks that agree; a 0-d tensor counts as one element. */
typedef struct Place {
    Tensor *x;
    int dim;
    LazyNode *node, *index;
} Place;

static void place_free(TensorState *ts, Place *p) {
    if (p->node) lazy_unref(ts, p->node);
    if (p->index) lazy_unref(ts, p->index);
}

static bool place_args(TensorState *ts, const char *name, Value input, Value dim, Value index,
                       bool flat, Place *p) {
    *p = (Place){0};
    if (!arg_tensor(ts, input, name, &p->x) || !arg_dim(ts, dim, p->x->type.rank, &p->dim))
        return false;
    int64_t size = p->x->type.rank ? p->x->type.dim[p->dim] : 1;
    p->index = index_arg(ts, index, name, flat, p->dim, size);
    p->node = p->index ? tensor_read(ts, p->x) : NULL;
    if (!p->node) {
        place_free(ts, p);
        return false;
    }
    int want = flat ? 1 : p->x->type.rank;
    if (p->x->type.rank == 0) {
        p->node = lazy_reshape(ts, p->node, 1, (int64_t[]){1});
        want = 1;
    }
    if (p->index->type.rank == 0) p->index = lazy_reshape(ts, p->index, 1, (int64_t[]){1});
    if (p->index->type.rank == want) return true;
    vm_raise(ts->vm, EXC_RuntimeError,
             "Index tensor must have the same number of dimensions as input tensor");
    place_free(ts, p);
    return false;
}

static Value gather_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Place p;
    if (!vm_args(vm, "gather", "input dim|axis index * sparse_grad?", args, nargs, kwnames, v) ||
        !place_args(ts, "gather", v[0], v[1], v[2], false, &p))
        return NULL_VALUE;
    const Type *a = &p.node->type, *b = &p.index->type;
    for (int i = 0; i < a->rank; i++) {
        if (i == p.dim || b->dim[i] <= a->dim[i]) continue;
        Buf x = {0}, y = {0};
        shape_text(&x, a->dim, a->rank);
        shape_text(&y, b->dim, b->rank);
        vm_raise(vm, EXC_RuntimeError,
                 "Size does not match at dimension %d expected index %s to be no larger than self "
                 "%s apart from dimension %d",
                 i, buf_text(&y), buf_text(&x), p.dim);
        buf_free(&x);
        buf_free(&y);
        place_free(ts, &p);
        return NULL_VALUE;
    }
    int64_t start[MAX_RANK] = {0}, size[MAX_RANK], step[MAX_RANK];
    for (int i = 0; i < a->rank; i++) {
        size[i] = i == p.dim ? a->dim[i] : b->dim[i];
        step[i] = 1;
    }
    LazyNode *x = lazy_slice(ts, p.node, start, size, step);
    LazyNode *node = lazy_indexed(ts, OP_gather, x, p.index, NULL, p.dim);
    if (as_tensor(v[2])->type.rank == 0) node = lazy_reshape(ts, node, 0, NULL);
    return tensor_wrap(ts, node, "GatherBackward0");
}

/* ---- scatter ---- */

/* The source as a node of the index's shape: a number, or a tensor at least that large. */
static LazyNode *source_node(TensorState *ts, Value src, const Place *p) {
    Type type = p->index->type;
    type.dtype = p->x->type.dtype;
    if (!is_tensor(ts, src)) return operand_node(ts, src, type);
    Tensor *t = as_tensor(src);
    int64_t start[MAX_RANK] = {0}, step[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++)
        step[i] = 1;
    LazyNode *node = lazy_cast(ts, tensor_read(ts, t), type.dtype);
    if (t->type.rank == 0) return lazy_broadcast(ts, node, type.rank, type.dim);
    if (t->type.rank != type.rank) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Index tensor must have the same number of dimensions as src tensor");
        if (node) lazy_unref(ts, node);
        return NULL;
    }
    for (int i = 0; i < type.rank; i++) {
        if (type.dim[i] <= t->type.dim[i]) continue;
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Expected index to be no larger than src in dimension %d: %lld and %lld", i,
                 (long long)type.dim[i], (long long)t->type.dim[i]);
        if (node) lazy_unref(ts, node);
        return NULL;
    }
    return lazy_slice(ts, node, start, type.dim, step);
}

/* The box of x that an index smaller than x in other dims reaches is written, the rest stays. */
static LazyNode *scatter_node(TensorState *ts, Place *p, Op op, LazyNode *source) {
    Type box = p->node->type;
    bool whole = true;
    for (int i = 0; i < box.rank; i++) {
        if (i == p->dim || p->index->type.dim[i] == box.dim[i]) continue;
        box.dim[i] = p->index->type.dim[i];
        whole = false;
    }
    if (!source) {
        place_free(ts, p);
        return NULL;
    }
    if (whole) return lazy_indexed(ts, op, p->node, p->index, source, p->dim);
    int64_t zeros[MAX_RANK] = {0}, ones[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++)
        ones[i] = 1;
    LazyNode *part = lazy_slice(ts, lazy_ref(p->node), zeros, box.dim, ones);
    part = lazy_indexed(ts, op, part, p->index, source, p->dim);
    LazyNode *inputs[3] = {p->node, part, lazy_indices(ts, zeros, box.rank)};
    LazyNode *node = part ? lazy_op(ts, OP_dynamic_update, inputs, 3, NULL, 0) : NULL;
    for (int i = 0; i < 3; i++)
        if (inputs[i]) lazy_unref(ts, inputs[i]);
    return node;
}

static Value put(TensorState *ts, Value self, bool inplace, LazyNode *node, const char *fn_name) {
    Tensor *x = as_tensor(self);
    if (node) node = lazy_cast(ts, node, x->type.dtype);
    if (node && x->type.rank == 0) node = lazy_reshape(ts, node, 0, NULL);
    if (!inplace) return tensor_wrap(ts, node, fn_name);
    return tensor_write(ts, x, node, fn_name) ? incref(self) : NULL_VALUE;
}

/* The sum of bools is whether there is one: they are counted, put() casts the counts. */
static LazyNode *counted(TensorState *ts, LazyNode *node) {
    return node && node->type.dtype == DT_BOOL ? lazy_cast(ts, node, DT_I64) : node;
}

/* reduce='multiply': where an element is named several times all factors count, so the elements are
 * taken, multiplied and put back one slice of the index after the other. */
static Value scatter_product(TensorState *ts, Value self, Value dim, Value index, Value src,
                             bool inplace) {
    Vm *vm = ts->vm;
    Value result = inplace ? incref(self) : vm_call_method(vm, self, "clone", NULL, 0);
    Tensor *at = as_tensor(index);
    int axis = 0;
    if (is_null(result) || !arg_dim(ts, dim, at->type.rank, &axis)) return NULL_VALUE;
    int64_t steps = at->type.rank ? at->type.dim[axis] : 1;
    for (int64_t i = 0; i < steps && !vm_failed(vm); i++) {
        bool whole = at->type.rank == 0;
        Value place = whole ? incref(index) : tensor_narrow(ts, at, axis, i, 1, 1, NULL);
        Value factor = whole || !is_tensor(ts, src) || as_tensor(src)->type.rank == 0
                           ? incref(src)
                           : tensor_narrow(ts, as_tensor(src), axis, i, 1, 1, NULL);
        Value args[3] = {dim, place, NULL_VALUE};
        Value old = vm_call_method(vm, result, "gather", args, 2);
        args[2] = is_null(old) ? old : tensor_binary(ts, OP_mul, old, factor, NULL);
        Value done = is_null(args[2]) ? args[2] : vm_call_method(vm, result, "scatter_", args, 3);
        Value used[] = {place, factor, old, args[2], done};
        for (size_t k = 0; k < sizeof used / sizeof *used; k++)
            if (!is_null(used[k])) decref(used[k]);
    }
    if (!vm_failed(vm)) return result;
    decref(result);
    return NULL_VALUE;
}

static Value scatter_any(Vm *vm, const char *name, Op op, bool inplace, const Value *args,
                         int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[6];
    Place p;
    if (!vm_args(vm, name, "input dim|axis index src? * value? reduce?", args, nargs, kwnames, v) ||
        !place_args(ts, name, v[0], v[1], v[2], false, &p))
        return NULL_VALUE;
    if (inplace && !tensor_check_inplace(ts, p.x)) {
        place_free(ts, &p);
        return NULL_VALUE;
    }
    Value src = is_null(v[3]) ? v[4] : v[3];
    const char *problem = NULL;
    bool multiply = is_str(v[5]) && str_equals(as_str(v[5]), "multiply");
    if (is_str(v[5]) && str_equals(as_str(v[5]), "add"))
        op = OP_scatter_add;
    else if (!is_null(v[5]) && !multiply)
        problem = "reduce argument must be either add or multiply.";
    if (is_null(src)) problem = "scatter() missing the source";
    if (is_tensor(ts, src) && as_tensor(src)->type.dtype != p.x->type.dtype)
        problem = "scatter(): Expected self.dtype to be equal to src.dtype";
    if (problem) {
        place_free(ts, &p);
        return vm_raise(vm, EXC_RuntimeError, "%s", problem);
    }
    if (multiply) {
        place_free(ts, &p);
        return scatter_product(ts, v[0], v[1], v[2], src, inplace);
    }
    const char *fn_name = op == OP_scatter_add ? "ScatterAddBackward0"
                          : is_tensor(ts, src) ? "ScatterBackward0"
                                               : "ScatterBackward1";
    LazyNode *source = source_node(ts, src, &p);
    if (op == OP_scatter_add && source) {
        p.node = counted(ts, p.node);
        source = counted(ts, source);
    }
    return put(ts, v[0], inplace, scatter_node(ts, &p, op, source), fn_name);
}
static Value scatter_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return scatter_any(vm, "scatter", OP_scatter, false, args, nargs, kwnames);
}
static Value scatter_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return scatter_any(vm, "scatter_", OP_scatter, true, args, nargs, kwnames);
}
static Value scatter_add_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return scatter_any(vm, "scatter_add", OP_scatter_add, false, args, nargs, kwnames);
}
static Value scatter_add_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return scatter_any(vm, "scatter_add_", OP_scatter_add, true, args, nargs, kwnames);
}

/* ---- whole slices ---- */

static Value index_select_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Place p;
    if (!vm_args(vm, "index_select", "input dim|axis index", args, nargs, kwnames, v) ||
        !place_args(ts, "index_select", v[0], v[1], v[2], true, &p))
        return NULL_VALUE;
    LazyNode *node = lazy_indexed(ts, OP_take, p.node, p.index, NULL, p.dim);
    if (p.x->type.rank == 0 && node && type_numel(&node->type) == 1)
        node = lazy_reshape(ts, node, 0, NULL);
    return tensor_wrap(ts, node, "IndexSelectBackward0");
}

/* index_add(dim, index, source, alpha), index_copy and index_fill. */
static Value index_write(Vm *vm, const char *name, Op op, bool inplace, const char *fn_name,
                         const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Place p;
    const char *spec = "input dim|axis index source * alpha?";
    if (strncmp(name, "index_fill", 10) == 0) spec = "input dim|axis index value * alpha?";
    if (!vm_args(vm, name, spec, args, nargs, kwnames, v) ||
        !place_args(ts, name, v[0], v[1], v[2], true, &p))
        return NULL_VALUE;
    if (inplace && !tensor_check_inplace(ts, p.x)) {
        place_free(ts, &p);
        return NULL_VALUE;
    }
    Type type = p.node->type;
    type.dim[p.dim] = p.index->type.dim[0];
    Value source = incref(v[3]);
    if (!is_null(v[4])) {
        decref(source);
        source = vm_binary(vm, BINARY_MUL, v[3], v[4]);
    }
    Type given = is_null(source) ? type : operand_type(ts, source, type.dtype), out = type;
    LazyNode *u = NULL;
    if (!is_null(source) && broadcast_shapes(ts, &type, &given, &out) &&
        type_same_shape(&type, &out))
        u = operand_node(ts, source, type);
    else if (!vm_failed(vm))
        vm_raise(vm, EXC_RuntimeError, "%s(): the source does not fit the indexed slices", name);
    if (!is_null(source)) decref(source);
    if (!u) {
        place_free(ts, &p);
        return NULL_VALUE;
    }
    if (op == OP_index_add) {
        p.node = counted(ts, p.node);
        u = counted(ts, u);
    }
    return put(ts, v[0], inplace, lazy_indexed(ts, op, p.node, p.index, u, p.dim), fn_name);
}
#define INDEX_WRITE(name, op, fn)                                                                  \
    static Value name##_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {         \
        return index_write(vm, #name, op, false, fn, args, nargs, kwnames);                        \
    }                                                                                              \
    static Value name##_call_(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {        \
        return index_write(vm, #name "_", op, true, fn, args, nargs, kwnames);                     \
    }
INDEX_WRITE(index_add, OP_index_add, "IndexAddBackward0")
INDEX_WRITE(index_copy, OP_index_put, "IndexCopyBackward0")
INDEX_WRITE(index_fill, OP_index_put, "IndexFillBackward0")

/* take(x, index): x read as one long row. */
static Value take_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    if (!vm_args(vm, "take", "input index", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "take", &x))
        return NULL_VALUE;
    int64_t flat = type_numel(&x->type);
    Tensor *at;
    if (!arg_tensor_at(ts, v[1], "take", "index", 2, &at)) return NULL_VALUE;
    LazyNode *index = index_wrap(ts, tensor_read(ts, at), 0, flat);
    if (!index) return NULL_VALUE;
    LazyNode *node = index ? lazy_reshape(ts, tensor_read(ts, x), 1, &flat) : NULL;
    return tensor_wrap(ts, lazy_indexed(ts, OP_take, node, index, NULL, 0), "TakeBackward0");
}

/* repeat_each(x, n, dim): each slice n times in a row. */
static Value repeat_each_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    int64_t n;
    int dim = 0;
    if (!vm_args(vm, "repeat_each", "input repeats dim|axis?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "repeat_interleave", &x) || !arg_int(ts, v[1], 1, &n))
        return NULL_VALUE;
    LazyNode *node = tensor_read(ts, x);
    int64_t flat = type_numel(&x->type);
    if (is_null(v[2]) || is_none(v[2]))
        node = lazy_reshape(ts, node, 1, &flat);
    else if (!arg_dim(ts, v[2], x->type.rank, &dim))
        return NULL_VALUE;
    if (!node) return NULL_VALUE;
    Type type = node->type;
    if (type.rank == 0) {
        lazy_unref(ts, node);
        return vm_raise(vm, EXC_IndexError,
                        "Dimension out of range (expected to be in range of [-1, 0], but got 1)");
    }
    if (type.rank == MAX_RANK || n < 0)
        return vm_raise(vm, EXC_RuntimeError,
                        "repeat_interleave: too many dimensions or repeats < 0");
    int64_t wide[MAX_RANK];
    for (int i = 0, k = 0; i < type.rank; i++) {
        wide[k++] = type.dim[i];
        if (i == dim) wide[k++] = 1;
    }
    node = lazy_reshape(ts, node, type.rank + 1, wide);
    wide[dim + 1] = n;
    node = lazy_expand(ts, node, type.rank + 1, wide);
    type.dim[dim] *= n;
    node = lazy_reshape(ts, node, type.rank, type.dim);
    return tensor_wrap(ts, node, "ViewBackward0");
}

/* ---- sorting ---- */

static LazyNode *sort_node(TensorState *ts, Tensor *x, int dim, bool descending) {
    LazyNode *in = tensor_read(ts, x);
    if (!in) return NULL;
    if (x->type.dtype == DT_BOOL) in = lazy_cast(ts, in, DT_U8);
    if (x->type.rank == 0) in = lazy_reshape(ts, in, 1, (int64_t[]){1});
    Attr attrs[] = {attr_int(ATTR_axis, dim), attr_int(ATTR_descending, descending)};
    LazyNode *node = lazy_op(ts, OP_sort, &in, 1, attrs, 2);
    lazy_unref(ts, in);
    return node;
}

/* One result of the sort, `count` of its elements along the dim. */
static LazyNode *sorted_part(TensorState *ts, LazyNode *sorted, int index, const Type *shape,
                             int dim, int64_t count) {
    LazyNode *node = lazy_result(ts, lazy_ref(sorted), index);
    if (!node) return NULL;
    int64_t start[MAX_RANK] = {0}, size[MAX_RANK], step[MAX_RANK];
    for (int i = 0; i < node->type.rank; i++) {
        size[i] = i == dim ? count : node->type.dim[i];
        step[i] = 1;
    }
    node = lazy_slice(ts, node, start, size, step);
    return shape->rank ? node : lazy_reshape(ts, node, 0, NULL);
}

static Value sort_any(Vm *vm, bool only_indexes, const Value *args, int nargs,
                      const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    int dim;
    bool descending;
    if (!vm_args(vm, "sort", "input dim|axis? descending? stable?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "sort", &x) ||
        !arg_dim(ts, is_null(v[1]) ? from_int(-1) : v[1], x->type.rank, &dim) ||
        !arg_bool(ts, v[2], false, &descending))
        return NULL_VALUE;
    LazyNode *node = sort_node(ts, x, dim, descending);
    if (!node) return NULL_VALUE;
    int64_t count = node->type.dim[dim];
    LazyNode *places = sorted_part(ts, node, 1, &x->type, dim, count);
    Value indices = tensor_wrap_like(ts, places, NULL, &x, 1);
    Value result = indices;
    if (!only_indexes) {
        LazyNode *values =
            lazy_cast(ts, sorted_part(ts, node, 0, &x->type, dim, count), x->type.dtype);
        const char *name = is_null(v[3]) ? "SortBackward0" : "SortBackward1";
        result = pair_new(ts, PAIR_SORT, tensor_wrap_like(ts, values, name, &x, 1), indices);
    }
    lazy_unref(ts, node);
    return result;
}
static Value sort_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sort_any(vm, false, args, nargs, kwnames);
}
static Value argsort_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sort_any(vm, true, args, nargs, kwnames);
}

static Value topk_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Tensor *x;
    int dim;
    int64_t k;
    bool largest;
    if (!vm_args(vm, "topk", "input k dim|axis? largest? sorted?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "topk", &x) || !arg_int(ts, v[1], 1, &k) ||
        !arg_dim(ts, is_null(v[2]) ? from_int(-1) : v[2], x->type.rank, &dim) ||
        !arg_bool(ts, v[3], true, &largest))
        return NULL_VALUE;
    if (k < 0 || k > (x->type.rank ? x->type.dim[dim] : 1))
        return vm_raise(vm, EXC_RuntimeError, "selected index k out of range");
    if (x->type.rank == 0) k = 1; /* all there is, even of none */
    LazyNode *node = sort_node(ts, x, dim, largest);
    if (!node) return NULL_VALUE;
    LazyNode *values = sorted_part(ts, node, 0, &x->type, dim, k);
    LazyNode *places = sorted_part(ts, node, 1, &x->type, dim, k);
    lazy_unref(ts, node);
    return pair_new(ts, PAIR_TOPK, tensor_wrap(ts, values, "TopkBackward0"),
                    tensor_wrap(ts, places, NULL));
}

/* ---- selection ---- */

typedef struct Row {
    const double *values;
    int64_t *places; /* a permutation, which is what moves */
} Row;

/* NaN is above all. */
static bool is_above(const Row *row, int64_t i, int64_t j) {
    double a = row->values[row->places[i]], b = row->values[row->places[j]];
    return (isnan(a) && !isnan(b)) || a > b;
}

static void swap_places(const Row *row, int64_t i, int64_t j) {
    int64_t place = row->places[i];
    row->places[i] = row->places[j];
    row->places[j] = place;
}

/* Hoare's selection around the median of the first, middle and last element: which of equal
 * elements ends up k-th is what PyTorch's kthvalue returns. */
static int64_t select_place(const Row *row, int64_t count, int64_t k) {
    int64_t low = 0, high = count - 1;
    while (high > low + 1) {
        swap_places(row, low + (high - low) / 2, low + 1);
        if (is_above(row, low + 1, high)) swap_places(row, low + 1, high);
        if (is_above(row, low, high)) swap_places(row, low, high);
        if (is_above(row, low + 1, low)) swap_places(row, low + 1, low);
        int64_t i = low + 1, j = high;
        for (;;) {
            do
                i++;
            while (is_above(row, low, i));
            do
                j--;
            while (is_above(row, j, low));
            if (j < i) break;
            swap_places(row, i, j);
        }
        swap_places(row, low, j);
        if (j <= k) low = i;
        if (j >= k) high = j - 1;
    }
    if (high == low + 1 && is_above(row, low, high)) swap_places(row, low, high);
    return row->places[k];
}

/* kth_places(t, k): where the k-th of each row lies, the last dim being the rows; None: not known
 * while compiling. */
static Value kth_places_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[2];
    Tensor *x;
    int64_t k;
    if (!vm_args(vm, "kth_places", "t k", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "kthvalue", &x) || !arg_int(ts, v[1], 1, &k))
        return NULL_VALUE;
    if (ts->policy.compiling) return NONE;
    Buffer *from = tensor_buffer(ts, x, "kthvalue()");
    if (!from) return NULL_VALUE;
    Type type = x->type;
    int64_t count = type.dim[type.rank - 1], rows = count ? type_numel(&type) / count : 0;
    type.dim[type.rank - 1] = 1;
    type.dtype = DT_I64;
    Buffer *to = buffer_new(ts, type_bytes(&type));
    double *values = xcalloc((size_t)count + 1, sizeof *values);
    int64_t *places = xcalloc((size_t)count + 1, sizeof *places);
    size_t size = dtype_size(x->type.dtype);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < count; i++) {
            places[i] = i;
            values[i] = element_double(x->type.dtype, from->bytes + (size_t)(r * count + i) * size);
        }
        ((int64_t *)(void *)to->bytes)[r] = select_place(&(Row){values, places}, count, k - 1);
    }
    free(values);
    free(places);
    buffer_unref(ts, from);
    return tensor_from_buffer(ts, type, to);
}

const TensorFunction GATHER_FUNCTIONS[] = {
    {"kth_places", kth_places_call, FN_FUNCTION},
    {"gather", gather_call, FN_BOTH},
    {"scatter", scatter_call, FN_BOTH},
    {"scatter_", scatter_call_, FN_METHOD},
    {"scatter_add", scatter_add_call, FN_BOTH},
    {"scatter_add_", scatter_add_call_, FN_METHOD},
    {"index_select", index_select_call, FN_BOTH},
    {"index_add", index_add_call, FN_BOTH},
    {"index_add_", index_add_call_, FN_METHOD},
    {"index_copy", index_copy_call, FN_BOTH},
    {"index_copy_", index_copy_call_, FN_METHOD},
    {"index_fill", index_fill_call, FN_BOTH},
    {"index_fill_", index_fill_call_, FN_METHOD},
    {"take", take_call, FN_BOTH},
    {"repeat_each", repeat_each_call, FN_FUNCTION},
    {"sort", sort_call, FN_BOTH},
    {"argsort", argsort_call, FN_BOTH},
    {"topk", topk_call, FN_BOTH},
    {NULL, NULL, 0},
};
