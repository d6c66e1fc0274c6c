"""Programs under `nnc run` and under python3 with PyTorch, in turn, two threads each.

    python3 bench/script/bench.py NNC [NAME ...] [--rounds N] [--write]

NAME is a sample (`resnet50`), `mnist` (the script, one epoch), `prints` (60 operations, each printed),
`record` (a chain of small operations that repeats) or `step` (the MNIST script's train step: what compiled
code takes under `nnc run`, beside the same file's emitted C); all of them by default. Needs PyTorch and torchvision.
Medians of rounds: seconds to the first output on a terminal, seconds to the end, and processor time.
--write keeps the table in result.txt: on an idle machine only.
"""
import argparse
import gzip
import os
import platform
import pty
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SAMPLES = os.path.join(ROOT, "samples")
LIMIT = 180
STEPS = 3000

PRINTS = "import torch\nx = torch.arange(12.).reshape(3, 4)\n" + "".join(
    f"print(x * {i} + {i})\n" if i % 2 else f"print((x - {i}).sum({i // 2 % 2}))\n" for i in range(60))

RECORD_OPS = 40
RECORD = f"""import sys
import torch
x = torch.ones(8)
for step in range(int(sys.argv[1])):
    y = x
    for i in range({RECORD_OPS // 2}):
        y = y * 0.5 + 1.0
    last = y.sum().item()
print(last)
"""

STEP = """
import sys
model, data, target = Net(), torch.rand(64, 1, 28, 28), torch.arange(64) % 10
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
for i in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
    optimizer.zero_grad()
    loss = F.nll_loss(model(data), target)
    loss.backward()
    optimizer.step()
"""


def run(command):
    """Seconds to the first byte and to the end, processor time, and whether it ended well."""
    leader, follower = pty.openpty()
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=SAMPLES, stdin=subprocess.DEVNULL, stdout=follower,
                             stderr=subprocess.DEVNULL, env=dict(os.environ, OMP_NUM_THREADS="2"))
    os.close(follower)
    first = None
    try:
        while os.read(leader, 65536):
            first = first or time.perf_counter() - start
            if time.perf_counter() - start > LIMIT:
                child.kill()
    except OSError:  # the terminal's other end is closed
        pass
    os.close(leader)
    _, status, usage = os.wait4(child.pid, 0)
    total = time.perf_counter() - start
    child.returncode = status
    return first or total, total, usage.ru_utime + usage.ru_stime, status == 0


def unpack(packed, raw):
    """The files that torchvision would have downloaded and unpacked."""
    os.makedirs(raw)
    for name in os.listdir(packed):
        with gzip.open(os.path.join(packed, name)) as source, open(os.path.join(raw, name[:-3]), "wb") as target:
            shutil.copyfileobj(source, target)


def programs(directory):
    """Each name's arguments, behind `nnc run` or `python3`; the programs see unpacked data beside them."""
    found = {}
    for name in sorted(os.listdir(SAMPLES)):
        if name.endswith(".nn"):
            found[name[:-3]] = [shutil.copy(os.path.join(SAMPLES, name), directory)]
    data = os.path.join(directory, "data")
    unpack(os.path.join(SAMPLES, "mnist"), os.path.join(data, "MNIST", "raw"))
    found["mnist"] = [os.path.join(SAMPLES, "mnist_script/mnist.py"), "--data", data, "--epochs", "1"]
    for name, text, arguments in (("prints", PRINTS, []), ("record", RECORD, ["3000"])):
        path = os.path.join(directory, name + ".nn")
        with open(path, "w") as file:
            file.write(text)
        found[name] = [path, *arguments]
    return found


def measure(commands, rounds):
    """By tool: the medians, or None where it fails."""
    results = {tool: [] for tool in commands}
    for _ in range(rounds):
        for tool, command in commands.items():
            results[tool].append(run(command))
    return {tool: [statistics.median(r[k] for r in rows) for k in range(3)] if all(r[3] for r in rows) else None
            for tool, rows in results.items()}


def compiled_step(nnc, program):
    """Seconds of one evaluation by compiled code under `nnc run`."""
    said = subprocess.run([nnc, "run", "-v", program, str(STEPS)], capture_output=True, text=True, check=True).stderr
    count = int(re.search(r"(\d+) by compiled code", said)[1])
    return float(re.search(r"compiled code ([\d.]+) ms", said)[1]) / 1e3 / count


def step_line(nnc, directory, rounds):
    """Our own two ways to run one train step, in turn."""
    with open(os.path.join(SAMPLES, "mnist_script/mnist.py")) as file:
        network = file.read().split("def train(")[0]
    program, binary = os.path.join(directory, "step.nn"), os.path.join(directory, "step")
    with open(program, "w") as file:
        file.write(network + STEP)
    subprocess.run([nnc, program, "-o", binary + ".c"], check=True)
    subprocess.run(["gcc", "-O2", "-march=native", f"-I{directory}", binary + ".c", os.path.join(HERE, "step.c"),
                    "-o", binary, "-lm"], check=True)
    ran, emitted = [], []
    for _ in range(rounds):
        ran.append(compiled_step(nnc, program))
        emitted.append(float(subprocess.run([binary], capture_output=True, text=True, check=True).stdout))
    ran, emitted = statistics.median(ran), statistics.median(emitted)
    return f"step: {ran * 1e3:.2f} ms by compiled code under nnc run, {emitted * 1e3:.2f} ms as emitted C: {ran / emitted:.2f}"


def cells(result):
    return "".join(f"{x:8.2f}" for x in result) if result else f"{'fails':>24}"


def line(name, result):
    ratio = f"{result['python'][1] / result['nnc'][1]:6.1f}x" if result["nnc"] and result["python"] else ""
    return f"{name:14}{cells(result['nnc'])}  {cells(result['python'])} {ratio}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("nnc")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_intermixed_args()
    nnc = os.path.abspath(args.nnc)
    with tempfile.TemporaryDirectory() as directory:
        known = programs(directory)
        lines = [f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors; medians of "
                 f"{args.rounds} rounds; load {os.getloadavg()[0]:.1f} at the start",
                 f"{'':14}{'nnc run':>24}  {'python3':>24}   total",
                 f"{'':14}" + 2 * f"{'first':>8}{'total':>8}{'cpu':>8}  "]
        print("\n".join(lines), flush=True)
        for name in args.names or [*known, "step"]:
            if name == "step":
                lines.append(step_line(nnc, directory, args.rounds))
                print(lines[-1], flush=True)
                continue
            tail = known[name]
            result = measure({"nnc": [nnc, "run", *tail], "python": [sys.executable, *tail]}, args.rounds)
            lines.append(line(name, result))
            print(lines[-1], flush=True)
            if name == "record" and result["nnc"]:
                lines.append(f"{'':14}{result['nnc'][1] / 3000 / RECORD_OPS * 1e6:8.2f} µs an operation of nnc's")
                print(lines[-1], flush=True)
    if args.write:
        with open(os.path.join(HERE, "result.txt"), "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
