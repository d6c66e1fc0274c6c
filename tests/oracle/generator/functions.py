"""Functions of torch and methods of tensors: NAME|NAME OPERAND ARGUMENTS, one template a line.

A template is used as torch.NAME(operand, arguments), operand.NAME(arguments) or in place, whichever there are.
"""

FUNCTIONS = """
abs|absolute|neg|negative|sign|sgn|square|exp2|frac|positive|sinc|expm1|erf|erfc|atan|arctan|sinh|arcsinh|asinh x
sin|cos|tanh|sigmoid|floor|ceil|trunc|fix|exp|cosh|i0|deg2rad|rad2deg|isnan|isinf|isfinite|isreal|signbit|logical_not x
conj|conj_physical|real|resolve_conj|resolve_neg|angle|isposinf|isneginf x
round x [, decimals=<1|2|-1>]
acos|arccos|asin|arcsin|atanh|arctanh|erfinv|tan unit
log|log2|log10|log1p|sqrt|rsqrt|reciprocal|digamma|lgamma pos
acosh|arccosh pos+1
logit part [, eps=0.1]
mvlgamma pos+2 <1|2>
nan_to_num x
add|sub|subtract x <{k}|{y}|{f}|{c}>[, alpha=<2|0.5>]
mul|multiply|maximum|minimum|fmax|fmin|hypot|copysign|atan2|arctan2 x <{k}|{y}>
mul|multiply|copysign|float_power|true_divide x <{p}|{c}>
div|divide|true_divide x {y}.abs() + 0.5
div|divide x {p}, rounding_mode=<"floor"|"trunc"|None>
floor_divide|fmod|remainder x {p}
fmod|remainder xi {c}
floor_divide|div|true_divide xi {c}
pow|float_power pos <{k}|{p}|{c}>
pow x <2|3>
addcdiv x {y}, {z}.abs() + 1[, value=<0.5|2>]
addcmul x {y}, {k}[, value=<0.5|-2>]
lerp x {y}, <{p}|{k}>
clamp|clip x <{f}, 3.0|min={f}|max={f}|-0.5, 0.5>
clamp|clip xi <1, 3|max=2|min=0>
heaviside x {k}
nextafter x {y}
hardshrink x
xlogy x {k}.abs() + 0.5
logaddexp|logaddexp2 x <{k}|{y}>
ldexp x {yi}
igamma|igammac pos {x}.abs() + 1
eq|ne|not_equal|lt|less|le|less_equal|gt|greater|ge|greater_equal x <{y}|{k}|{f}>
eq|ne|lt|le|gt|ge xi <{yi}|2>
logical_and|logical_or|logical_xor x <{b}|{mask}>
bitwise_and|bitwise_or|bitwise_xor xi <{yi}|3>
bitwise_and|bitwise_or|bitwise_xor xb {mask}
bitwise_not xi
bitwise_left_shift xi {n}
bitwise_right_shift xi {n}
gcd|lcm xi <{yi}|{yi}.abs() + 1>
isclose|allclose|equal x {y}
isclose|allclose x {x} + 1e-7
sum|mean|nansum|nanmean|std|var x [, dim={d}][, keepdim=True]
sum|mean x <({d}, {e})|{d}>[, keepdim=True]
sum|prod|amax|amin|cumsum|cumprod xi {d}
std|var x {d}, unbiased=<False|True>
std|var x dim={d}, correction=<0|1>[, keepdim=True]
std_mean|var_mean x <{d}|>
prod|amax|amin x {d}[, keepdim=True]
amax|amin x ({d}, {e})
aminmax x [, dim={d}]
max|min|median|nanmedian|argmax|argmin x
max|min|median|nanmedian|argmax|argmin x {d}[, keepdim=True]
max|min x {y}
all|any xb <|{d}>
all|any x
mode xi {d}
kthvalue x 1, dim={d}[, keepdim=True]
logsumexp x {d}[, keepdim=True]
norm x [, p=<1|2|3>]
norm x 2, dim={d}
cumsum|cumprod|logcumsumexp x {d}
cummax|cummin x {d}
count_nonzero <x|xi> <|{d}>
sort|argsort x <|{d}>
sort x dim={d}, descending=True
msort x
topk x1 1
topk x2 2, dim=<0|1>[, largest=False]
softmax x {d}
reshape x <(-1,)|({numel},)|({numel}, 1)|(1, -1)>
flatten x <|{d}>
ravel x
unflatten x {d}, (-1, 1)
squeeze x <|{d}>
unsqueeze x {d}
permute x ({perm},)
permute x {perm}
transpose|swapaxes|swapdims x {d}, {e}
movedim|moveaxis x {d}, {e}
t x2
adjoint x3
flip x <({d},)|({d}, {e})>
fliplr x2
flipud x2
roll x {n}[, dims={d}]
roll x ({n}, -1), dims=({d}, {e})
rot90 x2 <|{n}|-1>
narrow x {d}, 0, 1
select x {d}, {i}
chunk|unsafe_chunk|tensor_split x {n}[, dim={d}]
split x {n}[, dim={d}]
unsafe_split x {n}, {d}
tensor_split x ({n},), dim={d}
unbind x <|{d}>
hsplit x2 ({n},)
vsplit x2 ({n},)
dsplit x3 ({n},)
expand x 2, {size}
broadcast_to x (2, {size})
repeat x 2, {size}
tile x <(2,)|(2, 1)|(1, 2)>
repeat_interleave x {n}[, dim={d}]
diag x1 <|1|-1>
diag x2 <|1|-1>
diagonal x2 <|1|-1>
diagonal x3 0, {d}, {e}
diag_embed x2 <|1>
diagflat x1
tril|triu x2 <|1|-1>
trace x2
unfold x {d}, 1, 1
unfold x1 0, 2, 1
gather x {d}, torch.argsort({y}, {d})
take_along_dim x torch.argsort({y}, {d}), {d}
take x torch.tensor([0, {numel} - 1, {numel} // 2])
index_select x {d}, torch.tensor({idx})
index_add x {d}, torch.arange({nd}), {y}[, alpha=2]
index_copy x {d}, torch.arange({nd}).flip(0), {y}
index_fill x {d}, torch.tensor([0]), {f}
index_reduce x {d}, torch.arange({nd}), {y}, <"amax"|"mean"|"prod"|"amin">[, include_self=False]
index_put x (torch.tensor([0]),), torch.tensor({f}, dtype={x}.dtype)
index_put x (torch.tensor([0, 0]),), torch.tensor({f}, dtype={x}.dtype), accumulate=True
scatter x {d}, torch.argsort({y}, {d}), {f}
scatter x {d}, torch.argsort({y}, {d}), {y}
scatter_add x {d}, torch.zeros_like({x}, dtype=torch.int64), {y}
scatter_reduce x {d}, torch.argsort({y}, {d}) // 2, {y}, <"sum"|"amax"|"mean"|"prod"|"amin">[, include_self=False]
select_scatter x {y}.select({d}, 0), {d}, 0
slice_scatter x {y}.narrow({d}, 0, 1), {d}, 0, 1
diagonal_scatter x2 {y}.diagonal()
masked_fill x {b}, <{f}|0>
masked_select x {b}
masked_scatter x {b}, {y}
put x torch.tensor([0]), torch.tensor([{f}], dtype={x}.dtype)
put x torch.tensor([0, 0]), torch.tensor([1, {f}], dtype={x}.dtype), accumulate=True
nonzero <x|xb>
argwhere xb
nonzero_static xb size=<3|6>
renorm x2 2, 0, <1.0|2.0>
cov x2
corrcoef x2
diff x [, dim={d}][, n=1]
dist x {y}[, p=<1|2|3>]
dot|inner|vdot x1 {y}
inner x {y}
outer|ger x1 {x1}
kron x2 {x2}
mm|matmul x2 {y}.T
mv|matmul x2 {y}[0]
matmul x {y}.mT
matmul x3 {y}[0].T
bmm x3 {y}.mT
addmm x2 {x}, torch.eye({x}.shape[1], dtype={x}.dtype)[, beta=0.5][, alpha=2]
addmv x1 torch.eye(len({x}), dtype={x}.dtype) + 0.5, {y}[, beta=0.5][, alpha=2]
addr x2 {x}[:, 0], {x}[0]
addbmm x2 {x3}, {x3}.mT
baddbmm x3 {x} @ {x}.mT, {x}[, beta=0.5]
matrix_power sq <2|3|0>
matrix_exp sq
det|inverse|logdet|slogdet|pinverse spd
bincount xi.abs().flatten() [, minlength=6]
histc x [, bins={c}, min=-2, max=2]
histogram x {c}[, range=(-2.0, 2.0)]
bernoulli part
poisson pos
multinomial part {n}, replacement=True
frexp pos
T x2
tolist x
numel|nelement x
dim|ndimension x
stride x
size x
is_contiguous x
is_floating_point|is_signed|element_size|get_device|is_inference|type|numpy x
double|float|long|int|bool|byte pos
to x <torch.float64|torch.int64|torch.float32|torch.bool>
type_as xi {x}
type x <torch.float64|torch.int64>
new_full x <(2,)|(2, 3)>, {f}
new_ones|new_zeros x <(2,)|(2, 3)>
new_tensor x [1.0, 2.5]
clone|contiguous|detach|cpu x
expand_as x {z}
view_as|reshape_as x {y}
view x <-1|{numel}|{size}|1, -1>
sum_to_size x {size}
item s
gradient x1
vander x1 [, {n}]
std|var x ({d}, {e})
unique|unique_consecutive xi
unique xi return_counts=True
unique xi dim={d}
unique_consecutive xi return_inverse=True, return_counts=True
is_nonzero s
numel x
trapezoid|trapz|cumulative_trapezoid x <dim={d}|dx=0.5>
tensordot x2 {y}, dims=<2|([0], [0])|([1], [1])>
cdist x2 {y}[, p=<1.0|2.0|3.0>]
searchsorted x1.sort().values {x}
bucketize x torch.tensor([-1.0, 0.0, 1.0], dtype={x}.dtype)[, right=True]
isin xi torch.tensor([1, 2])
combinations x1
"""

# Expressions of their own.
EXPRESSIONS = """
torch.cholesky_inverse(torch.linalg.cholesky({spd}))
torch.as_strided({x1}, (2, 1), (1, 1))
{x1}.as_strided((2, 1), (1, 1))
torch.polygamma(<1|2>, {pos})
torch.cat([{x}, {y}], <{d}|dim={d}>)
torch.concat([{x}, {y}, {x}])
torch.concatenate([{x}, {y}], dim={d})
torch.stack([{x}, {y}], <0|-1|{d}>)
torch.<hstack|vstack|dstack|column_stack|row_stack>([{x}, {y}])
torch.block_diag({x2}, {x2})
torch.cartesian_prod({x1}, {x1})
torch.where({x} > {f}, {x}, <{k}|0.0|{f}>)
torch.where({xb})
torch.einsum("ij,kj->ik", {x2}, {x2}[:1].expand(2, -1).contiguous() * 0 + {x2}[:1, :1])
torch.einsum("ij,<ij|kj|jk|i>", {x2:=x}, {y})
torch.einsum("ij,ij->i", {x2:=x}, {y})
torch.einsum("ij,kj->ik", {x2:=x}, {y})
torch.einsum("bij,bkj->bik", {x3:=x}, {y})
torch.einsum("bij,bij->ji", {x3:=x}, {y})
torch.einsum("b...j->j...b", {x3})
torch.einsum("i,j->ij", {x1}, {x1})
torch.arange({c}<|, dtype=torch.float32>) * {f}
torch.arange(0, {c}, 0.5)
torch.linspace(-1.3, {f}, {c})
torch.logspace(-1, 1, {c})
torch.full(({n}, {c}), <{f}|3|True>)
torch.full_like({x}, {f})
torch.<ones|zeros|rand|randn>({n}, {c})
torch.<ones_like|zeros_like|rand_like|randn_like>({x})
torch.empty_like({x}).fill_({f})
torch.eye({c}[, {n}])
torch.randint(0, {c}, ({n}, 3))
torch.randint_like({x}, {c})
torch.range(0, {c}<|, 0.5>)
torch.randperm({c})
torch.normal({x}, 0.5)
torch.normal(0.0, 1.5, ({n}, 3))
torch.tensor([[{f}, 2], [{f2}, {c}]])
torch.tensor([{c}, {n}<|, True|, 2.5>])
torch.<as_tensor|asarray>([{f}, {f2}])
torch.from_numpy({x}.numpy())
torch.empty_strided(({n}, 2), (2, 1)).fill_({f})
{x}.new_empty(({n}, 2)).fill_({f})
torch.<tril_indices|triu_indices>({c}, {c2}[, offset=1])
torch.meshgrid({x1}, {x1}, indexing=<"ij"|"xy">)
torch.broadcast_tensors({x}, {k})
torch.broadcast_shapes(({c}, 1), (1, {n}))
torch.<atleast_1d|atleast_2d|atleast_3d>({x})
torch.chain_matmul({x2}, {x2}.T)
torch.<bartlett_window|blackman_window|hamming_window|hann_window|kaiser_window>({c}[, periodic=False])
torch.unravel_index(torch.tensor([0, 3]), (2, 3))
torch.<promote_types|can_cast>(torch.float32, torch.<int64|float64|bool>)
<torch|torch.linalg>.cross(torch.randn({n}, 3), torch.rand({n}, 3)[, dim=-1])
torch.randn({n}, 3).cross(torch.rand({n}, 3), dim=-1)
torch.bernoulli(torch.full(({n}, 4), {q}))
torch.result_type({x}, {xi})
torch.get_default_dtype()
torch.<is_grad_enabled|is_inference_mode_enabled>()
{x}[{xb}] if {x}.shape == {xb}.shape else {x}
{x}[{x} > {f}]
{x}[0]
{x}[-1]
{x}[..., 0]
{x}[None]
{x}[..., ::2]
{x}[::2]
{x}[1:]
{x}[:, -1:]
{x2}[:, [0]]
{x2}[[0, -1]]
{x2}[torch.tensor([[0, -1], [-1, 0]])]
{x3}[:, 0, :]
{x3}[0, :, None, -1]
{x3}[..., [0, -1]]
{x} + {xi}.sum()
{x} * {b}
{x} - {x}.mean({d}, keepdim=True)
({x} - {x}.mean()) / ({x}.std() + 1)
-{x} // 0.5
{x} % 2
2 ** {x}
{x} @ {y}.mT
({x} > {f}).float().mean()
({x} > {f}).sum({d})
({x} >= {f}) & ({x} < 2)
~({x} > {f})
{xi} // {c}
{xi} % {c}
{xi} / {c}
{xi} * {f}
{xi} + {xb}.sum()
{xi} << {n}
{xi}.float().mean()
{xi}[{yi:=xi} > 1]
1 / ({x}.abs() + 1)
{x}.max(dim={d}).values
{x}.min(dim={d}).indices
{x}.sort(dim={d}).values
{x}.topk(1, dim={d}).indices
{x}.softmax({d}).argmax({d})
{x}.mT
{x}.size({d})
{x}.shape[{d}]
len({x})
{x}.unsqueeze({d}).expand_as({x}.unsqueeze({d})).sum()
torch.cumsum({x}, {d}).flip({d})
torch.special.<entr|erfcx|expit|i0|i0e|i1|i1e|log_ndtr|ndtr|erf|erfc|exp2|expm1|round|sinc>({x})
torch.special.<gammaln|digamma|psi|log1p>({x}.abs() + 0.5)
torch.special.<ndtri|logit>(torch.sigmoid({x}))
torch.special.erfinv({x}.sin() * 0.8)
torch.special.<xlog1py|xlogy>({x}, {k}.abs() + 0.5)
torch.special.<gammainc|gammaincc>({x}.abs() + 0.5, {x}.abs() + 1)
torch.special.<log_softmax|softmax>({x}, {d})
torch.special.logsumexp({x}, {d})
torch.special.multigammaln({x}.abs() + 2, 2)
torch.special.polygamma(1, {x}.abs() + 0.5)
torch.special.zeta({x}.abs() + 1.5, 1.0)
torch.linalg.<cholesky|det|inv|slogdet|matrix_rank|eigvalsh|cond|svdvals|pinv|matrix_exp|lu_factor|inv_ex|cholesky_ex>({spd})
torch.linalg.<cholesky|det|inv>({spd} / 2)
torch.linalg.eigh({spd}).eigenvalues
torch.linalg.svd({x2}).S
torch.linalg.qr({spd}).R
torch.linalg.lu({spd})
torch.linalg.solve({spd:=x}, {x}[:, 0] + 1)
torch.linalg.lstsq({spd:=x}, {x}[:, :1] + 1).solution
torch.linalg.solve_triangular(torch.tril({spd:=x}), {x} + 1, upper=False)
torch.linalg.matrix_norm({x2}[, ord=<"fro"|1|-1>])
torch.linalg.vector_norm({x}[, ord=<1|2|3>][, dim={d}])
torch.linalg.norm({x2}<|, ord=1|, ord=2>)
torch.linalg.matrix_power({sq}, <2|3>)
torch.linalg.multi_dot([{x2}, {x2}.T])
torch.linalg.vecdot({x}, {y})
torch.linalg.cross({x2}[:, :1].expand(-1, 3), torch.rand(3, dtype={x2}.dtype))
torch.linalg.diagonal({x2})
torch.linalg.vander({x1})
torch.linalg.matmul({x2}, {x2}.T)
torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4) * {p})
torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4) * {p}, torch.rand(2, 2))
torch.cholesky_solve({spd:=x}[:, :1] + 1, torch.linalg.cholesky({x}))
torch.func.vmap(lambda row: (row * row).sum())({x2})
torch.func.grad(lambda v: (v ** 3).sum())({x})
torch.nn.utils.parameters_to_vector([nn.Parameter({x}), nn.Parameter({y})])
F.<relu|relu6|elu|selu|celu|gelu|silu|mish|softplus|softsign|tanhshrink|hardswish|hardsigmoid|logsigmoid|leaky_relu|hardtanh|hardshrink|softshrink|tanh|sigmoid>({x})
F.<elu|celu>({x}, alpha={p})
F.leaky_relu({x}, {q})
F.<relu_|elu_|celu_|selu_|leaky_relu_|hardtanh_|rrelu_>({x}.clone())
F.<threshold|threshold_>({x}.clone(), {q}, {f})
F.gelu({x}, approximate="tanh")
F.softplus({x}, beta=2[, threshold=1])
F.<softmax|log_softmax|softmin|normalize>({x}, dim={d})
F.glu(torch.cat([{x}, {y}], {d}), {d})
F.gumbel_softmax({x2}[, tau={p}][, hard=True])
F.prelu({x2}, torch.tensor(0.2, dtype={x2}.dtype))
F.rrelu({x}[, training=True])
F.<dropout|alpha_dropout|feature_alpha_dropout>({x}, {q}, training=<True|False>)
F.dropout1d({x3}, {q})
F.<dropout2d|dropout3d>({x4}, {q})
F.linear({x2:=x}, {y})
F.bilinear({x2:=x}, {y}, torch.ones({c}, {x}.shape[1], {x}.shape[1], dtype={x}.dtype))
F.one_hot({xi}.abs()[, num_classes=9])
F.pad({x}, (1, {n}))
F.pad({x}, (1, -1), value={f})
F.pad({x3}, (1, 1), mode=<"replicate"|"circular">)
F.pad({x4}, (<1, 1, 1, 1|0, 1, 1, 0>), mode=<"replicate"|"circular"|"constant">)
F.cosine_similarity({x2:=x}, {y})
F.pairwise_distance({x2:=x}, {y}[, p=1])
F.pdist({x2})
F.layer_norm({x:=x}, {x}.shape[-1:])
F.rms_norm({x:=x}, {x}.shape[-1:])
F.group_norm({x3:=x}, {x}.shape[1])
F.instance_norm({x3})
F.batch_norm({x3:=x}, None, None, training=True)
F.local_response_norm({x3}, {n})
F.conv1d({x3:=x}, torch.randn({c}, {x}.shape[1], 1, dtype={x}.dtype)[, bias=torch.ones({c}, dtype={x}.dtype)])
F.conv2d({x4:=x}, torch.randn({c}, {x}.shape[1], 2, 2, dtype={x}.dtype), padding=<1|(1, 1)|"same">)
F.conv3d({x5:=x}, torch.randn({c}, {x}.shape[1], 1, 2, 1, dtype={x}.dtype), padding=1)
F.conv_transpose1d({x3:=x}, torch.randn({x}.shape[1], {c}, 2, dtype={x}.dtype)[, stride=2])
F.conv_transpose2d({x4:=x}, torch.randn({x}.shape[1], {c}, 2, 2, dtype={x}.dtype)[, stride=2])
F.conv_transpose3d({x5:=x}, torch.randn({x}.shape[1], {c}, 1, 2, 1, dtype={x}.dtype))
F.<avg_pool1d|max_pool1d>({x3}, {n}[, stride=1])
F.<avg_pool2d|max_pool2d>({x4}, {n}[, stride=1])
F.<avg_pool3d|max_pool3d>({x5}, 1)
F.<lp_pool1d>({x3}, 2, {n})
F.<lp_pool2d>({x4}, 2, {n})
F.<lp_pool3d>({x5}, 2, 1)
F.max_pool1d({x3}, {n}, return_indices=True)
F.max_pool2d({x4}, {n}, 1, return_indices=True)
F.<adaptive_avg_pool1d|adaptive_max_pool1d>({x3}, {n})
F.<adaptive_avg_pool2d|adaptive_max_pool2d>({x4}, <{n}|({n}, {n2})>)
F.<adaptive_avg_pool3d|adaptive_max_pool3d>({x5}, {n})
F.max_unpool1d(*F.max_pool1d({x3}.repeat(1, 1, 2), 2, return_indices=True), 2)
F.max_unpool2d(*F.max_pool2d({x4}.repeat(1, 1, 2, 2), 2, return_indices=True), 2)
F.max_unpool3d(*F.max_pool3d({x5}.repeat(1, 1, 2, 2, 2), 2, return_indices=True), 2)
F.interpolate({x4}, scale_factor=<2|1.5>, mode=<"nearest"|"bilinear"|"bicubic"|"area"|"nearest-exact">)
F.interpolate({x4}, size=({n}, {c}), mode="bilinear"[, align_corners=True])
F.interpolate({x3}, size={c}, mode=<"linear"|"nearest">)
F.upsample({x4}, scale_factor=2)
F.pixel_shuffle({x4}.repeat(1, 4, 1, 1), 2)
F.pixel_unshuffle({x4}.repeat(1, 1, 2, 2), 2)
F.channel_shuffle({x4}.repeat(1, 2, 1, 1), 2)
F.unfold({x4}, 1)
F.unfold({x4}.repeat(1, 1, 2, 2), 2[, padding=1])
F.fold(torch.randn(1, 8, 4), (3, 3), 2)
F.grid_sample(torch.randn(1, 2, 4, 4), torch.rand(1, {n}, 3, 2) * 1.8 - 0.9, align_corners=<True|False>[, padding_mode=<"border"|"reflection">][, mode="bicubic"])
F.affine_grid(torch.randn(1, 2, 3), (1, 1, {n}, 3), align_corners=<True|False>)
F.embedding({xi}.abs(), torch.randn(9, {n}))
F.embedding_bag({i2}.abs(), torch.randn(9, {n}), mode=<"sum"|"mean"|"max">)
F.scaled_dot_product_attention({x3:=x}, {y}, {z}[, is_causal=True])
F.scaled_dot_product_attention({x4:=x}, {y}, {y}[, scale={p}])
F.<mse_loss|l1_loss|smooth_l1_loss|huber_loss>({x}, {y}[, reduction=<"sum"|"none">])
F.cross_entropy(torch.cat([{x2:=x}, {y}], 1), torch.zeros({x}.shape[0], dtype=torch.int64)[, label_smoothing=0.1])
F.cross_entropy(torch.cat([{x2:=x}, {x}], 1), torch.softmax(torch.cat([{y}, {x}], 1), 1))
F.nll_loss(F.log_softmax({x2:=x}, 1), torch.zeros({x}.shape[0], dtype=torch.int64))
F.kl_div(F.log_softmax({x2:=x}, 1), torch.softmax({y}, 1), reduction=<"batchmean"|"sum"|"none">)
F.binary_cross_entropy(torch.sigmoid({x:=x}), torch.sigmoid({y}))
F.binary_cross_entropy_with_logits({x:=x}, torch.sigmoid({y}))
F.poisson_nll_loss({x:=x}, {y}.abs()[, full=True])
F.gaussian_nll_loss({x:=x}, {y}, {z}.abs() + 0.5)
F.hinge_embedding_loss({x:=x}, {y}.sign())
F.soft_margin_loss({x:=x}, {y}.sign())
F.margin_ranking_loss({x1:=x}, {y}, {z}.sign()[, margin=0.5])
F.cosine_embedding_loss({x2:=x}, {y}, torch.ones({x}.shape[0]))
F.triplet_margin_loss({x2:=x}, {y}, {z}[, p=1])
F.triplet_margin_with_distance_loss({x2:=x}, {y}, {z})
F.multi_margin_loss({x2:=x}, torch.zeros({x}.shape[0], dtype=torch.int64))
F.multilabel_margin_loss({x1:=x}, torch.tensor([0, -1, -1])) if len({x}) == 3 else {x}
F.multilabel_soft_margin_loss({x2:=x}, ({y} > 0).to({x}.dtype))
F.ctc_loss(torch.randn(4, 2, 3).log_softmax(2), torch.tensor([[1, 2], [2, 1]]), torch.tensor([4, 4]), torch.tensor([2, 1]))
"""

# Statements that write: x is a clone.
WRITES = """
{w}[0] = {f}
{w}[..., 0] = {f}
{w}[:, -1] = {w}[:, 0]
{w}[{w} > {f}] = {f2}
{w}[::2] *= {f}
{w}[1:] += {w}[:-1].clone()
{w}[[0, -1]] = 1
{w} += {x}
{w} *= {p}
{w} -= {w}.mean()
{w}.add_({y}[, alpha=2])
{w}.mul_({y}).add_({f})
{w}.clamp_(-1, 1)
{w}.zero_()
{w}.fill_({f})
{w}.copy_({y})
{w}.masked_fill_({w} > {f}, {f2})
{w}.index_fill_(0, torch.tensor([0]), {f})
{w}.select(0, 0).mul_(2)
{w}.view(-1)[0] = {f}
{w}.t_()
{w}.transpose_(0, 1)
{w}.unsqueeze_(0)
{w}.squeeze_()
{w}.fill_diagonal_({f})
{w}.normal_()
{w}.uniform_(-1, 2)
{w}.exponential_()
{w}.bernoulli_({q})
{w}.random_(0, 5)
{w}.geometric_({q})
{w}.log_normal_()
{w}.cauchy_()
{w}.scatter_(0, torch.zeros_like({w}, dtype=torch.int64), {f})
{w}.index_add_(0, torch.tensor([0]), {w}[:1].clone())
{w}.resize_({n}, {n2}).fill_({f})
{w}.resize_({numel} // <1|2>)
{w}.resize_as_({y})
{w}.set_({y})
{w}.apply_(lambda v: v * 2 + 1)
{w}.map_({y}, lambda a, b: a - b)
{w}.diagonal().add_(1)
{w}.abs_().sqrt_()
{w}.tanh_()
{w}[0], {w}[-1] = {w}[-1].clone(), {w}[0].clone()
"""
