/* The native module `_nnc`: what torch's prelude is written on.
 *
 * Types
 *   Tensor, Parameter(data, requires_grad=True), Size, dtype, device(type), Generator(), Function
 *   float32 float64 int64 int32 uint8 bool     dtype objects (float, double, long, int are aliases)
 * Modes
 *   grad_enabled() -> bool; set_grad_enabled(on) -> the old mode; set_inference(on) -> the old mode
 *   get_default_dtype(), set_default_dtype(dtype), set_printoptions(precision=, threshold=,
 *   edgeitems=, linewidth=, profile=, sci_mode=)
 *   manual_seed(n) -> Generator, initial_seed(), get_rng_state(), set_rng_state(t)
 * Recording
 *   op(name, *tensors, grad_fn=None, **attrs)   one IR op; elementwise ops promote and broadcast;
 *       numbers become 0-d operands; attrs are ints, floats, lists of ints, dtypes or strings
 *   results(t, n, grad_fn=None) -> tuple        the results of an op that has several
 *   named(t, "AddmmBackward0") -> t             sets the name of t's grad_fn
 *   extend_tensor(cls)                          copies cls's functions and properties into Tensor
 *   const(t) -> t                               compile: its value is part of the network, not data
 * Compile mode (all do nothing under `nnc run`, returning their tensor or number)
 *   compiling() -> bool
 *   hyper(name, number)                         a number that may change: a 0-d float64 input
 *   state(name, param_or_None, tensor)          optimizer state; in-place writes to it are updates
 *   enter_module(module, args, kwargs) -> args  Module.__call__, before forward
 *   leave_module(module)                        Module.__call__, after forward (also when it raises)
 *   zero_grad_mark(), step_mark()               Optimizer.zero_grad, the end of Optimizer.step
 *
 * Creation: tensor(data, dtype=None, device=None, requires_grad=False), as_tensor, from_numpy-less;
 *   zeros ones full empty rand randn (size as ints or one sequence; dtype=, device=,
 *   requires_grad=, generator=), zeros_like ones_like full_like empty_like rand_like randn_like
 *   randint_like, arange linspace logspace eye randint randperm normal bernoulli multinomial tril_indices
 *   triu_indices, from_bytes(bytes, dtype, shape), to_bytes(t), is_tensor(x), is_floating_point(x)
 * Functions that are methods too (f(x, ...) and x.f(...)):
 *   add sub mul div true_divide floor_divide remainder fmod pow neg positive abs matmul mm bmm mv dot
 *   addmm(input, mat1, mat2, beta=, alpha=) addbmm-less baddbmm eq ne lt le gt ge equal allclose
 *   isclose logical_and logical_or logical_xor logical_not bitwise_and bitwise_or bitwise_xor
 *   bitwise_not maximum minimum atan2 where masked_fill clamp clamp_min clamp_max clip lerp addcmul
 *   addcdiv abs sign floor ceil round trunc frac sqrt rsqrt exp expm1 log log1p log2 log10 exp2 sin
 *   cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc sigmoid relu lgamma digamma
 *   reciprocal square isnan isinf isfinite nan_to_num
 *   sum mean prod max min amax amin argmax argmin var std var_mean std_mean any all norm cumsum
 *   cumprod logsumexp softmax log_softmax count_nonzero median-less
 *   reshape permute transpose swapaxes t movedim unsqueeze squeeze flatten unflatten narrow select
 *   broadcast_to split chunk unbind flip roll tril triu diagonal diag repeat_interleave tile
 *   gather scatter scatter_add index_select index_add index_copy index_put take take_along_dim
 *   masked_select nonzero masked_scatter-less sort argsort topk clone detach numel
 *   cat stack hstack vstack (a sequence), meshgrid-less, broadcast_tensors, result_type,
 *   promote_types, can_cast-less, linear(x, w, b=None)
 * Methods only: view view_as reshape_as expand expand_as repeat contiguous is_contiguous size dim
 *   ndimension nelement stride element_size storage_offset item tolist numpy-less to type float
 *   double long int byte bool half-less cpu type_as is_floating_point backward requires_grad_ detach_
 *   retain_grad register_hook new_zeros new_ones new_full new_empty new_tensor copy_ fill_ zero_
 *   set-less normal_ uniform_ bernoulli_ random_ exponential-less masked_fill_ scatter_ scatter_add_
 *   index_add_ index_copy_ index_fill_ index_put_ squeeze_ unsqueeze_ transpose_ t_ and the in-place
 *   form f_ of every arithmetic and unary function above (add_ mul_ clamp_ relu_ addcmul_ lerp_ ...)
 * Attributes: shape dtype device requires_grad grad grad_fn is_leaf data T mT H-less ndim _version
 *   itemsize nbytes names-less is_cuda layout-less retains_grad
 * Autograd: grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False,
 *   allow_unused=False), backward(tensors, grads, retain_graph, create_graph); Function.apply
 *
 * "x-less" marks a name that is left out on purpose. */
