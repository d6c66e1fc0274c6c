"""Modules of torch.nn, by the rank of what they take ("*": any): RANK CONSTRUCTOR [-> CALL].

{C}: channels, {L}: the last dimension, {m}: the module, {x}: its input.
"""

LAYERS = """
* nn.<ReLU|ReLU6|SELU|Sigmoid|Tanh|SiLU|Mish|Softsign|Tanhshrink|Hardswish|Hardsigmoid|LogSigmoid|Identity>()
* nn.<ReLU|ReLU6|SELU|CELU|ELU|SiLU|Mish|Hardswish|Hardsigmoid>(inplace=True)
* nn.<ELU|CELU>([alpha={p}])
* nn.GELU([approximate="tanh"])
* nn.LeakyReLU(<|{q}|0.2, True>)
* nn.Hardtanh(<|-2, 2|-0.5, {p}>)
* nn.<Hardshrink|Softshrink>(<|{q}>)
* nn.Threshold({q}, {f})
* nn.Softplus(<|beta=2|beta=0.5, threshold=10>)
* nn.PReLU([init={q}])
* nn.PReLU({C})
* nn.RReLU(<|0.1, 0.4>)
* nn.<Softmax|LogSoftmax|Softmin>(dim={d})
4 nn.Softmax2d()
2 nn.GLU() -> {m}(torch.cat([{x}, {x} * 0.5], -1))
3 nn.GLU(1) -> {m}(torch.cat([{x}, {x}.flip(1)], 1))
* nn.Dropout(<{q}|p=0.5>)
* nn.Dropout({q}, inplace=True)
* nn.<AlphaDropout|FeatureAlphaDropout>({q})
3 nn.Dropout1d({q})
4 nn.Dropout2d({q})
5 nn.Dropout3d({q})
* nn.Linear({L}, {c}[, bias=False])
* nn.Linear(in_features={L}, out_features={c})
* nn.LazyLinear({c})
2 nn.Bilinear({L}, {L}, {c}[, bias=False]) -> {m}({x}, {x})
* nn.LayerNorm(<{L}|[{L}]|({L},), eps=0.001|{L}, elementwise_affine=False|{L}, bias=False>)
* nn.RMSNorm(<{L}|[{L}], eps=0.001|{L}, elementwise_affine=False>)
2 nn.BatchNorm1d({C}[, momentum={q}][, affine=False][, track_running_stats=False])
3 nn.BatchNorm1d({C}[, eps=0.001][, momentum=None])
4 nn.BatchNorm2d({C}[, eps=0.01][, affine=False][, momentum={q}])
5 nn.BatchNorm3d({C}[, affine=False])
4 nn.SyncBatchNorm({C}) -> {m}.eval()({x})
3 nn.LazyBatchNorm1d()
4 nn.LazyBatchNorm2d()
5 nn.LazyBatchNorm3d()
3 nn.InstanceNorm1d({C}[, affine=True][, track_running_stats=True])
4 nn.InstanceNorm2d({C}[, affine=True][, track_running_stats=True])
5 nn.InstanceNorm3d({C}[, affine=True])
3 nn.LazyInstanceNorm1d([affine=True])
4 nn.LazyInstanceNorm2d([affine=True])
5 nn.LazyInstanceNorm3d([affine=True])
3 nn.GroupNorm(<1|{C}>, {C}[, affine=False])
4 nn.GroupNorm(<1|{C}>, {C}[, eps=0.01])
3 nn.LocalResponseNorm({n}[, alpha=0.1])
4 nn.LocalResponseNorm(2[, beta=0.5][, k=2])
3 nn.Conv1d({C}, {c}, {k}[, stride=2][, padding=1][, bias=False])
3 nn.Conv1d({C}, {c}, 2, dilation=2, padding=<2|"same">[, padding_mode=<"reflect"|"circular"|"replicate">])
3 nn.Conv1d({C}, {C} * {n}, 1, groups={C})
4 nn.Conv2d({C}, {c}, {k}[, stride=2][, padding=1][, bias=False])
4 nn.Conv2d({C}, {c}, (1, {k})[, padding=(0, 1)][, stride=(2, 1)])
4 nn.Conv2d({C}, {c}, kernel_size=3, padding=<"same"|1>[, padding_mode=<"circular"|"replicate"|"zeros">])
4 nn.Conv2d({C}, {C}, 2, padding=1, groups={C}[, dilation=2])
5 nn.Conv3d({C}, {c}, {k}[, padding=1][, stride=2][, bias=False])
3 nn.LazyConv1d({c}, 1[, padding=1])
4 nn.LazyConv2d({c}, {k}, padding=1)
5 nn.LazyConv3d({c}, 2, padding=1)
3 nn.ConvTranspose1d({C}, {c}, {k}[, stride=2][, padding=0][, bias=False])
3 nn.ConvTranspose1d({C}, {c}, 3, stride=2, padding=1, output_padding=1[, dilation=2])
4 nn.ConvTranspose2d({C}, {c}, {k}[, stride=2][, bias=False])
4 nn.ConvTranspose2d({C}, {C}, 2, stride=2, output_padding=1, groups={C})
5 nn.ConvTranspose3d({C}, {c}, <1|2>[, stride=(1, 2, 1)])
3 nn.LazyConvTranspose1d({c}, 2)
4 nn.LazyConvTranspose2d({c}, {k})
5 nn.LazyConvTranspose3d({c}, 1)
3 nn.MaxPool1d({k}[, stride=1])
3 nn.MaxPool1d(3, padding=1[, stride=2][, ceil_mode=True])
4 nn.MaxPool2d({k}[, stride=1])
4 nn.MaxPool2d((1, 2), stride=1[, dilation=(1, 2)])
4 nn.MaxPool2d(3, stride=2, padding=1[, ceil_mode=True])
5 nn.MaxPool3d(<1|(1, 2, 1)|2>[, stride=1])
3 nn.MaxPool1d(1, return_indices=True) -> {m}({x})[0]
3 nn.AvgPool1d({k}[, stride=1][, ceil_mode=True])
4 nn.AvgPool2d({k}[, stride=1])
4 nn.AvgPool2d(3, stride=1, padding=1[, count_include_pad=False])
5 nn.AvgPool3d(<1|(1, 2, 1)|2>[, stride=1])
3 nn.LPPool1d(2, {k}[, stride=1])
4 nn.LPPool2d(<1|2>, {k}[, stride=1])
5 nn.LPPool3d(2, <1|(1, 2, 1)>)
3 nn.<AdaptiveAvgPool1d|AdaptiveMaxPool1d>({n})
4 nn.<AdaptiveAvgPool2d|AdaptiveMaxPool2d>(<{n}|({n}, {n2})|(None, 2)>)
5 nn.<AdaptiveAvgPool3d|AdaptiveMaxPool3d>(<{n}|(1, {n}, 2)>)
4 nn.FractionalMaxPool2d(<2|(1, 2)>, output_size=<1|(2, 1)>)
4 nn.FractionalMaxPool2d(<1|2>, output_ratio=<0.5|(0.6, 0.9)>)
5 nn.FractionalMaxPool3d(1, output_size=<1|(1, 2, 1)>)
5 nn.FractionalMaxPool3d(1, output_ratio=(0.9, 0.5, 0.6))
3 nn.MaxUnpool1d(2) -> {m}(*F.max_pool1d({x}.repeat(1, 1, 2), 2, return_indices=True))
4 nn.MaxUnpool2d(2[, stride=2]) -> {m}(*F.max_pool2d({x}.repeat(1, 1, 2, 2), 2, return_indices=True))
5 nn.MaxUnpool3d(2) -> {m}(*F.max_pool3d({x}.repeat(1, 1, 2, 2, 2), 2, return_indices=True))
3 nn.<CircularPad1d|ReplicationPad1d|ReflectionPad1d|ZeroPad1d>(<1|(1, 0)>)
4 nn.<CircularPad2d|ReplicationPad2d|ReflectionPad2d|ZeroPad2d>(<1|(1, 0, 0, 1)>)
5 nn.<CircularPad3d|ReplicationPad3d|ReflectionPad3d|ZeroPad3d>(<1|(1, 0, 0, 1, 0, 0)>)
3 nn.ConstantPad1d((1, {n}), {f})
4 nn.ConstantPad2d(1, {f})
5 nn.ConstantPad3d((1, 0, 0, 1, 0, 0), {f})
4 nn.PixelShuffle(2) -> {m}({x}.repeat(1, 4, 1, 1))
4 nn.PixelUnshuffle(2) -> {m}({x}.repeat(1, 1, 2, 2))
4 nn.ChannelShuffle(2) -> {m}({x}.repeat(1, 2, 1, 1))
3 nn.ChannelShuffle(2) -> {m}({x}.repeat(1, 2, 1))
4 nn.Upsample(scale_factor=<2|1.5|(2, 1)>[, mode="nearest"])
4 nn.Upsample(size=({n}, {c}), mode=<"bilinear"|"bicubic">[, align_corners=True])
3 nn.Upsample(scale_factor=2, mode="linear")
5 nn.Upsample(scale_factor=2, mode=<"trilinear"|"nearest">)
4 nn.<UpsamplingBilinear2d|UpsamplingNearest2d>(scale_factor=2)
4 nn.Unfold(<1|(1, 2)|2>[, padding=1][, stride=2])
3 nn.Fold((2, 2), 1) -> {m}(F.adaptive_avg_pool1d({x}, 4))
3 nn.Fold(output_size=(3, 3), kernel_size=(1, 1)[, stride=1]) -> {m}(F.adaptive_avg_pool1d({x}, 9))
4 nn.Flatten([start_dim=2])
3 nn.Flatten()
* nn.Flatten(0, 1)
2 nn.Unflatten(1, (1, {L}))
2 nn.Unflatten(-1, (-1, 1))
2 nn.CosineSimilarity(<dim=1|dim=0>) -> {m}({x}, {x}.flip(0) + 1).unsqueeze(0)
2 nn.PairwiseDistance(<p=2|p=1|keepdim=True>) -> {m}({x}, {x} * 0.5 + 1).reshape(1, -1)
2 nn.Embedding({c}, {c2}[, padding_idx=0][, max_norm=1.0]) -> {m}(({x}.abs() * 10).long() % 2)
2 nn.Embedding({c}, {c2}) -> {x}.unsqueeze(-1) + {m}(torch.zeros({x}.shape, dtype=torch.long))
2 nn.EmbeddingBag({c}, {c2}[, mode=<"sum"|"max">]) -> {m}(({x}.abs() * 10).long() % 2)
3 nn.RNN({L}, {c}[, nonlinearity="relu"][, num_layers=2][, bidirectional=True]) -> {m}({x})[0]
3 nn.RNN({L}, {c}, batch_first=True[, bias=False]) -> {m}({x})[0]
3 nn.LSTM({L}, {c}[, num_layers=2][, bidirectional=True][, bias=False]) -> {m}({x})[0]
3 nn.LSTM({L}, {c}, batch_first=True[, proj_size=1]) -> {m}({x})[<0|1][0>]
3 nn.LSTM({L}, {c}, num_layers=2, dropout={q}) -> {m}({x})[0]
3 nn.GRU({L}, {c}[, num_layers=2][, bidirectional=True][, batch_first=True]) -> {m}({x})[<0|1>]
2 nn.RNNCell({L}, {c}[, nonlinearity="relu"]) -> {m}({x}[, torch.ones({x}.shape[0], {c})])
2 nn.LSTMCell({L}, {c}[, bias=False]) -> {m}({x})[<0|1>]
2 nn.GRUCell({L}, {c}) -> {m}({x})
3 nn.MultiheadAttention({L}, <1|{L}>[, bias=False][, add_bias_kv=True][, batch_first=True]) -> {m}({x}, {x}, {x}[, need_weights=False])[0]
3 nn.MultiheadAttention({L}, 1[, dropout={q}][, add_zero_attn=True]) -> {m}({x}, {x}.flip(0), {x})[0]
3 nn.MultiheadAttention({L}, 1, kdim={L}, vdim={L}) -> {m}({x}, {x}, {x}, average_attn_weights=False)[0]
3 nn.TransformerEncoderLayer({L}, 1, dim_feedforward={c}[, dropout=0.0][, activation="gelu"][, norm_first=True][, batch_first=True])
3 nn.TransformerDecoderLayer({L}, 1, {c}, dropout=<0.0|{q}>[, batch_first=True]) -> {m}({x}, {x} * 0.5)
3 nn.TransformerEncoder(nn.TransformerEncoderLayer({L}, 1, {c}, 0.0), {n}[, norm=nn.LayerNorm({L})])
3 nn.TransformerDecoder(nn.TransformerDecoderLayer({L}, 1, {c}, dropout=0.0), {n}) -> {m}({x}, {x}.flip(0))
3 nn.Transformer({L}, 1, 1, 1, {c}, dropout=0.0[, batch_first=True]) -> {m}({x}, {x} + 1)
2 nn.AdaptiveLogSoftmaxWithLoss({L}, 6, <[2, 4]|[3]>[, div_value=2.0][, head_bias=True]) -> {m}.log_prob({x})
2 nn.AdaptiveLogSoftmaxWithLoss({L}, <2|4>, [1]) -> {m}({x}, torch.arange({x}.shape[0]) % 2).output.unsqueeze(1)
* nn.Sequential(nn.Linear({L}, {c}), nn.<ReLU|Tanh|Sigmoid|ELU>(), nn.Linear({c}, {c2}))
4 nn.Sequential(nn.Conv2d({C}, {c}, {k}, bias=False), nn.BatchNorm2d({c}), nn.<ReLU|LeakyReLU>())
* nn.ModuleList([nn.Linear({L}, {L}) for _ in range({n})]) -> {m}[<0|-1>]({x}) + {x}
* nn.ModuleList([nn.<Tanh|ReLU>(), nn.Linear({L}, {c})]) -> {m}[1]({m}[0]({x}))
* nn.ModuleDict({"a": nn.Linear({L}, {L}), "b": nn.<Tanh|GELU>()}) -> {m}["b"]({m}["a"]({x}))
* nn.ParameterList([nn.Parameter(torch.randn({L})) for _ in range({n})]) -> sum(({x} * p for p in {m}), {x})
* nn.ParameterDict({"w": nn.Parameter(torch.ones({L})), "b": nn.Parameter(torch.zeros({L}))}) -> {x} * {m}["w"] + {m}["b"]
* nn.Parameter(torch.<randn|ones|rand>({L})) -> {x} * {m}
* nn.Buffer(torch.<randn|ones>({L})) -> {x} * {m}
* nn.DataParallel(nn.Linear({L}, {c}))
* nn.utils.weight_norm(nn.Linear({L}, {c}))
* nn.utils.spectral_norm(nn.Linear({L}, {c}))
* nn.utils.parametrizations.weight_norm(nn.Linear({L}, {c}))
4 nn.utils.spectral_norm(nn.Conv2d({C}, {c}, {k}))
"""

# What a forward does between layers; h is an earlier x.
STEPS = """
x = x + h
x = x * torch.sigmoid(x)
x = F.relu(x)
x = torch.tanh(x) + {f}
x = torch.cat([x, h], dim={d})
x = torch.cat((x, x.flip({d})), {d})
x = torch.stack([x, x * {f}]).mean(0)
x = x - x.mean(dim={d}, keepdim=True)
x = x / (x.norm(dim={d}, keepdim=True) + 1)
x = x.transpose({d}, {e})
x = x.permute({perm})
x = x.flip({d})
x = x.roll(1, {d})
x = x.clone(); x[..., 0] = {f}
x = x.masked_fill(x > 1, {f})
x = torch.where(x > 0, x, {q} * x)
x = x.clamp(-2, 2)
x = x.narrow({d}, 0, 1) * x
x = torch.split(x, 1, dim={d})[0] + x
x = x * x.softmax({d})
x = x.reshape(x.shape[0], -1)
x = x.unsqueeze(1)
x = x.mean({d}) if x.dim() > 2 else x
x = torch.einsum("...i,...i->...", x, x).unsqueeze(-1) * x
x = x @ x.mT @ x / x.numel()
x = x.chunk(2, dim={d})[-1]
x = x[:, :1] + x
x = x[..., ::2]
x = F.dropout(x, {q}, self.training)
x = F.layer_norm(x, x.shape[-1:])
x = F.normalize(x, dim={d})
x = F.pad(x, (1, 1))
if self.training:\n    x = x * {p}
for i in range({n}):\n    x = x + i * torch.cos(x)
if x.shape[-1] > 2:\n    x = x[..., :2]
x = x.repeat_interleave(2, {d})
x = sum(torch.unbind(x, {d})).unsqueeze({d})
x = torch.cumsum(x, {d})
x = x.sort({d}).values
x = x.max({d}, keepdim=True).values + x
x = torch.maximum(x, h)
x = torch.lerp(x, h, {q})
x = torch.addcmul(x, h, h, value={q})
x = x.abs().sqrt() + 1
x = (x ** 2 + 1).log()
x = torch.exp(-x.abs())
x = x.double().float()
x += {f}
x = x.contiguous().view(x.size(0), -1)
"""

# INPUTS | TARGET: what a loss is given. N is the batch, x1 and x2 results of the network of the same shape.
LOSSES = """
nn.<MSELoss|L1Loss|SmoothL1Loss|HuberLoss>([reduction="sum"]) | loss(x, torch.randn(x.shape))
nn.SmoothL1Loss(beta={q}) | loss(x, torch.zeros_like(x))
nn.HuberLoss(delta={q}[, reduction="sum"]) | loss(x, torch.randn(x.shape))
nn.BCELoss([reduction="sum"]) | loss(torch.sigmoid(x), torch.rand(x.shape))
nn.BCEWithLogitsLoss([pos_weight=torch.tensor({p})]) | loss(x, (torch.rand(x.shape) > 0.5).float())
nn.<CrossEntropyLoss|MultiMarginLoss>() | loss(x, torch.arange(x.shape[0]) % x.shape[1])
nn.CrossEntropyLoss(<label_smoothing=0.1|reduction="sum"|ignore_index=0>) | loss(x, torch.arange(x.shape[0]).flip(0) % x.shape[1])
nn.MultiMarginLoss(<p=2|margin={q}>) | loss(x, torch.zeros(x.shape[0], dtype=torch.long))
nn.CrossEntropyLoss() | loss(x, torch.softmax(torch.randn(x.shape), 1))
nn.NLLLoss([reduction="sum"]) | loss(F.log_softmax(x, 1), torch.arange(x.shape[0]) % x.shape[1])
nn.KLDivLoss(reduction=<"batchmean"|"sum"|"mean">[, log_target=False]) | loss(F.log_softmax(x, 1), torch.softmax(torch.randn(x.shape), 1))
nn.PoissonNLLLoss([log_input=True][, full=True]) | loss(x, torch.rand(x.shape) * 3)
nn.GaussianNLLLoss([full=True]) | loss(x, torch.randn(x.shape), torch.rand(x.shape) + 0.5)
nn.HingeEmbeddingLoss([margin=2.0]) | loss(x, torch.randn(x.shape).sign())
nn.SoftMarginLoss() | loss(x, torch.randn(x.shape).sign())
nn.MarginRankingLoss(<|margin=0.5>) | loss(x[:, 0], x[:, -1] + 0.1, torch.ones(x.shape[0]))
nn.CosineEmbeddingLoss([margin=0.2]) | loss(x, torch.randn(x.shape), torch.ones(x.shape[0]))
nn.TripletMarginLoss([margin={p}][, p=1][, swap=True]) | loss(x, torch.randn(x.shape), torch.randn(x.shape))
nn.TripletMarginWithDistanceLoss([margin={p}][, swap=True]) | loss(x, torch.randn(x.shape), torch.randn(x.shape))
nn.MultiLabelMarginLoss() | loss(x, torch.full(x.shape, -1).index_fill(1, torch.tensor([0]), 0))
nn.MultiLabelSoftMarginLoss() | loss(x, (torch.rand(x.shape) > 0.5).float())
nn.CTCLoss([blank=0][, zero_infinity=True]) | loss(F.log_softmax(x.unsqueeze(1), 2), torch.tensor([[1]]), torch.tensor([x.shape[0]]), torch.tensor([1]))
"""

OPTIMIZERS = """
SGD(<lr=0.1|lr=0.1, momentum=0.9|lr=0.05, momentum=0.9, nesterov=True|lr=0.1, weight_decay=0.01|lr=0.1, momentum=0.5, dampening=0.1>)
Adam(<|lr=0.01|lr=0.01, weight_decay=0.1|lr=0.01, amsgrad=True|betas=(0.8, 0.9)>)
AdamW(<|lr=0.01|lr=0.01, weight_decay=0.1|lr=0.01, amsgrad=True>)
<Adamax|NAdam|RAdam|Adagrad|Adadelta|Rprop|ASGD|RMSprop>(<|lr=0.02>)
RMSprop(lr=0.01<, momentum=0.9|, centered=True|, alpha=0.9>)
Adagrad(lr=0.1<, lr_decay=0.1|, weight_decay=0.1|, initial_accumulator_value=0.5>)
NAdam(lr=0.01<, weight_decay=0.1|, decoupled_weight_decay=True>)
Adadelta(lr=0.5<, rho=0.8|, weight_decay=0.1>)
Adafactor(<|lr=0.05>)
"""

SCHEDULERS = """
StepLR(opt, <1|2>[, gamma=0.5])
MultiStepLR(opt, [1, 2][, gamma=0.5])
ConstantLR(opt[, factor=0.5][, total_iters=2])
LinearLR(opt[, start_factor=0.5][, total_iters=3])
ExponentialLR(opt, <0.9|gamma=0.5>)
CosineAnnealingLR(opt, T_max=<3|2>[, eta_min=0.001])
CosineAnnealingWarmRestarts(opt, <2|1, 2>)
PolynomialLR(opt, <3|total_iters=3, power=2.0>)
LambdaLR(opt, lambda epoch: <0.9 ** epoch|1 / (1 + epoch)>)
MultiplicativeLR(opt, lambda epoch: 0.8)
OneCycleLR(opt, max_lr=0.1, total_steps=5[, anneal_strategy="linear"])
CyclicLR(opt, base_lr=0.01, max_lr=0.1, step_size_up=2, cycle_momentum=False[, mode="triangular2"])
ReduceLROnPlateau(opt[, factor=0.5][, patience=0])
SequentialLR(opt, [torch.optim.lr_scheduler.ConstantLR(opt, 0.1, 1), torch.optim.lr_scheduler.ExponentialLR(opt, 0.9)], milestones=[1])
ChainedScheduler([torch.optim.lr_scheduler.ConstantLR(opt, 0.1, 1), torch.optim.lr_scheduler.ExponentialLR(opt, 0.9)])
"""

INITIALIZERS = """
nn.init.<normal_|trunc_normal_>({w}[, std=0.5])
nn.init.uniform_({w}, <-1, 1|-0.1, 0.2>)
nn.init.constant_({w}, {f})
nn.init.<ones_|zeros_>({w})
nn.init.<xavier_uniform_|xavier_normal_>({w}[, gain=nn.init.calculate_gain(<"relu"|"tanh"|"selu">)])
nn.init.<kaiming_uniform_|kaiming_normal_>({w}[, mode="fan_out"][, nonlinearity="relu"])
nn.init.<orthogonal_|eye_>({w})
nn.init.dirac_(torch.empty(2, 2, 3))
nn.init.calculate_gain(<"leaky_relu", 0.2|"sigmoid"|"relu">)
"""

# Distributions over {x} and a positive {y}, and what is asked of them.
DISTRIBUTIONS = """
Normal({x}, {pos})
LogNormal({x}, {pos})
HalfNormal({pos})
Laplace({x}, {pos})
Gumbel({x}, {pos})
Uniform({x}, {x} + {pos})
Exponential({pos})
Poisson({pos})
<Gamma|Beta>({pos}, {pos} + 0.5)
Dirichlet({pos})
Chi2({pos})
StudentT({pos} + 2)
Bernoulli(<{part}|logits={x}>)
Geometric({part})
Categorical(<logits={x}|probs={part}>)
OneHotCategorical(<logits={x}|{part}>)
OneHotCategoricalStraightThrough(logits={x})
Independent(D.Normal({x}, {pos}), 1)
MultivariateNormal(torch.zeros({spd}.shape[0]), {spd}.float())
MixtureSameFamily(D.Categorical(logits={x}), D.Normal({x}, {pos}))
TransformedDistribution(D.Normal({x}, {pos}), [D.<ExpTransform|SigmoidTransform|TanhTransform|SoftplusTransform>()])
TransformedDistribution(D.Normal({x}, {pos}), [D.AbsTransform()])
TransformedDistribution(D.Normal({x}, 1.0), [D.AffineTransform({f}, {p}), D.ExpTransform()])
TransformedDistribution(D.Uniform({x}.abs(), {x}.abs() + 1), [D.PowerTransform(2.0)])
TransformedDistribution(D.Normal(0.0, 1.0), [D.ComposeTransform([D.AffineTransform({f}, 2.0), D.TanhTransform()])])
"""
DISTRIBUTION_USES = """
dist.sample()
dist.sample(({n},))
dist.rsample()
dist.log_prob(dist.sample())
dist.entropy()
dist.mean
dist.variance
dist.stddev
dist.cdf({x})
dist.icdf(torch.tensor({q}))
dist.batch_shape, dist.event_shape
dist.mode
D.kl_divergence(dist, dist)
dist.expand((2,) + tuple(dist.batch_shape)).batch_shape
"""

# Statements, "; " between them, around what is neither a layer nor a function of tensors.
UTILITIES = """
net = nn.Sequential(nn.Linear({c}, 3), nn.Tanh(), nn.Linear(3, {n})); data = torch.randn(4, {c}); opt = torch.optim.LBFGS(net.parameters(), lr=0.5, max_iter={n2}[, line_search_fn="strong_wolfe"]); def closure():    opt.zero_grad()    loss = net(data).square().mean()    loss.backward()    return loss; print([round(opt.step(closure).item(), 4) for _ in range(2)])
net = nn.Linear({c}, {n}); net(torch.randn(2, {c})).sum().backward(); total = nn.utils.get_total_norm([p.grad for p in net.parameters()][, norm_type=1.0]); nn.utils.clip_grads_with_norm_(net.parameters(), 0.5, total); print(total, net.weight.grad)
net = nn.Linear({c}, {n}); vector = nn.utils.parameters_to_vector(net.parameters()); nn.utils.vector_to_parameters(vector * 2, net.parameters()); print(net.bias, vector.shape)
net = nn.utils.weight_norm(nn.Linear({c}, {n})); print(sorted(net.state_dict())); nn.utils.remove_weight_norm(net); print(net.weight, sorted(net.state_dict()))
net = nn.utils.spectral_norm(nn.Linear({c}, {n})); net(torch.randn(2, {c})); nn.utils.remove_spectral_norm(net); print(net.weight)
conv, norm = nn.Conv2d(2, {c}, {n}), nn.BatchNorm2d({c}); norm(torch.randn(2, {c}, 2, 3)); conv.eval(); norm.eval(); fused = nn.utils.fuse_conv_bn_eval(conv, norm); print(fused, fused.weight.flatten()[:4], fused.bias)
linear, norm = nn.Linear({c}, {n}), nn.BatchNorm1d({n}); norm(torch.randn(5, {n})); fused = nn.utils.fuse_linear_bn_eval(linear.eval(), norm.eval()); print(fused, fused.bias)
net = nn.utils.skip_init(nn.Linear, {c}, {n}); nn.init.constant_(net.weight, {f}); print(net, net.weight)
v = {x}.clone().requires_grad_(); u = v * {f}; u.retain_grad(); (u ** 2).sum().backward(); print(u.grad)
from torch.utils.data import StackDataset, SubsetRandomSampler, DataLoader; print(list(SubsetRandomSampler(range({c})))); print(len(StackDataset({x}, torch.arange(len({x})))), [tuple(a.shape) for a, b in DataLoader(StackDataset({x}, {x}), batch_size={n})])
from torch.utils.data import IterableDataset, ChainDataset, DataLoader; class Count(IterableDataset):    def __init__(self, n):        self.n = n    def __iter__(self):        return iter(range(self.n)); print(list(DataLoader(ChainDataset([Count({n}), Count({c})]), batch_size={n2})))
from torch.utils.data import default_collate, default_convert; print(default_collate([{"a": {n}, "b": [{f}, {c}]}, {"a": 0, "b": [1.5, 2]}])); print(default_convert([{n}, {f}, "text"]))
from torch.utils.data import Dataset, DataLoader; class Pairs(Dataset):    def __len__(self):        return {c}    def __getitem__(self, i):        return {"i": i, "x": torch.full((2,), i * {f})}; for batch in DataLoader(Pairs(), batch_size=2[, shuffle=True][, drop_last=True]):    print(batch)
opt = torch.optim.SGD([nn.Parameter({x})], lr={q}, momentum=0.9); sched = torch.optim.lr_scheduler.<ExponentialLR(opt, 0.5)|StepLR(opt, 2, gamma=0.1)|LambdaLR(opt, lambda n: 1 / (n + 1))|MultiStepLR(opt, [1, 3], 0.3)>; for _ in range({c}):    opt.step()    sched.step()    print(sched.get_last_lr())
"""
