"""The small works as one writes them for JAX: functions of arrays, compiled by XLA."""
import os


def parameters(shapes):
    import numpy
    draw = numpy.random.default_rng(0)
    return [draw.uniform(-0.05, 0.05, shape).astype("f4") for shape in shapes]


def lenet(p, x):
    import jax
    for kernel, bias in ((p[0], p[1]), (p[2], p[3])):
        x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = jax.nn.relu(x + bias)
        x = jax.lax.reduce_window(x, -float("inf"), jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return dense(p[4:], x.reshape(x.shape[0], -1))


def dense(p, x):
    import jax
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = jax.nn.relu(x)
    return x


def lstm(p, x):
    import jax
    import jax.numpy as jnp

    def cell(state, gates):
        h, c = state
        i, f, g, o = jnp.split(gates + h @ p[1], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), None

    zero = jnp.zeros((x.shape[1], p[1].shape[0]), "f4")
    (h, _), _ = jax.lax.scan(cell, (zero, zero), x @ p[0] + p[2])
    return h @ p[3] + p[4]


def layer(inputs, outputs):
    return [(inputs, outputs), (outputs,)]


NETS = {  # function, shapes of its parameters, shape of the input of a batch
    "lenet": (lenet, [(5, 5, 1, 6), (6,), (5, 5, 6, 16), (16,), *layer(400, 120), *layer(120, 84), *layer(84, 10)],
              lambda batch: (batch, 32, 32, 1)),
    "mlp": (dense, [*layer(784, 512), *layer(512, 512), *layer(512, 10)], lambda batch: (batch, 784)),
    "lstm": (lstm, [(64, 512), (128, 512), (512,), *layer(128, 10)], lambda batch: (32, batch, 64)),
}


def calls(name, threads):
    """The work "NET [train] bBATCH"."""
    words = name.split()
    if words[0] not in NETS:
        raise RuntimeError("not written for JAX")
    os.environ["JAX_PLATFORMS"] = "cpu"
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import jax
    import jax.numpy as jnp
    net, shapes, shape = NETS[words[0]]
    batch = int(words[-1][1:])
    p = [jnp.asarray(array) for array in parameters(shapes)]
    x = jnp.asarray(parameters([shape(batch)])[0])
    if "train" not in words:
        forward = jax.jit(net)
        return {"jit": lambda: forward(p, x).block_until_ready()}
    target = jnp.arange(batch) % 10

    def loss(p):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(net(p, x)), target[:, None], 1))

    def update(p, v):
        gradients = jax.grad(loss)(p)
        v = [0.9 * old + new for old, new in zip(v, gradients)]
        return [old - 1e-4 * by for old, by in zip(p, v)], v

    step = jax.jit(update, donate_argnums=(0, 1))
    state = [p, [jnp.zeros_like(value) for value in p]]

    def call():
        state[:] = step(*state)
        jax.block_until_ready(state)
    return {"jit": call}
