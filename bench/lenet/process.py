"""Whole processes: how long nnc takes for LeNet, and the standalone binary for one digit.

    python3 bench/lenet/process.py NNC WEIGHTS.safetensors [OUTPUT.json]

Wall time from posix_spawn to the process's end, medians of 101 runs, beside /bin/true in the same rounds.
"""
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def wall(argv):
    quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=quiet)
    _, status = os.waitpid(pid, 0)
    elapsed = time.perf_counter() - start
    if status != 0:
        raise SystemExit(f"{argv}: status {status}")
    return elapsed


def main():
    nnc, weights = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory() as directory:
        binary = os.path.join(directory, "lenet")
        model = os.path.join(ROOT, "samples/lenet.nn")
        subprocess.run([nnc, model, "--weights", weights, "--emit=exe", "-o", binary], check=True)
        images = os.path.join(directory, "images")
        with gzip.open(os.path.join(ROOT, "samples/mnist/t10k-images-idx3-ubyte.gz")) as file:
            header = file.read(16)
            with open(images, "wb") as out:
                out.write(header[:4] + (100).to_bytes(4, "big") + header[8:] + file.read(100 * 28 * 28))
        rows = {
            "nnc lenet.nn -o lenet.c": ([nnc, model, "-o", os.path.join(directory, "lenet.c")], 10),
            "lenet, one digit": ([binary, "--classify", "--count", "1", images], 2),
            "/bin/true": (["/bin/true"], None),
        }
        times = {name: [] for name in rows}
        for _ in range(101):
            for name, (argv, _) in rows.items():
                times[name].append(wall(argv))
        result = {"binary_bytes": os.path.getsize(binary), "rows": []}
        for name, (_, wanted) in rows.items():
            ms = statistics.median(times[name]) * 1e3
            print(f"{name:26} {ms:7.2f} ms" + (f"   (wanted: under {wanted})" if wanted else ""))
            result["rows"].append({"work": name, "ms": ms, "wanted": wanted})
        print(f"{'the binary':26} {result['binary_bytes']:7d} bytes   (wanted: under 327680)")
        print(subprocess.run(["ldd", binary], capture_output=True, text=True).stdout, end="")
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
