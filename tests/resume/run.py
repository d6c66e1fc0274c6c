#!/usr/bin/env python3
"""Training that is killed over and over prints the losses of training that is not: run.py NNC

A program runs once whole: train.nn, whose losses are PyTorch's (train.out), and train.c with the compiled
step.nn. Then it is killed (SIGKILL) after some of its steps, at any moment or when a checkpoint is being
written, and started again, until it has been killed often and has come to its end. Each loss must be the
whole run's to the last digit. Every wait ends: a process that takes too long is killed, and fails the
test."""
import os
import pathlib
import random
import select
import subprocess
import sys
import tempfile
import time

KILLS, LONGEST = 16, 60
HERE = pathlib.Path(__file__).resolve().parent


class Lines:
    """What a process prints, line by line."""

    def __init__(self, process):
        self.pipe = process.stdout.fileno()
        self.ends = time.monotonic() + LONGEST
        self.text = b""
        self.lines = []

    def read(self):
        """Waits for more; false at the end."""
        if not select.select([self.pipe], [], [], max(0, self.ends - time.monotonic()))[0]:
            raise TimeoutError(f"no end after {LONGEST} s")
        more = os.read(self.pipe, 1 << 16)
        self.text += more
        *complete, self.text = self.text.split(b"\n")
        self.lines += [line.decode() for line in complete]
        return bool(more)


def wait_for_save(checkpoint, longest):
    """Until a file beside the checkpoint shows that one is being written."""
    ends = time.monotonic() + longest
    while time.monotonic() < ends:
        if any(name != checkpoint.name for name in os.listdir(checkpoint.parent)):
            return


def live(command, checkpoint, steps, moment):
    """One life: killed at the moment after so many steps (None: it may end). Its lines, and whether
    it was killed."""
    process = subprocess.Popen([*command, checkpoint, "17"], stdout=subprocess.PIPE)
    lines = Lines(process)
    try:
        while steps is None or len(lines.lines) < steps:
            if not lines.read():
                break
        else:
            moment()
            process.kill()
            while lines.read():
                pass
        status = process.wait(LONGEST)
    finally:
        process.kill()
        process.wait(LONGEST)
        process.stdout.close()
    if status not in (0, -9):
        raise RuntimeError(f"status {status}")
    return lines.lines, status == -9


def whole_run(command, folder):
    """The losses by step."""
    folder.mkdir(parents=True)
    lines, _ = live(command, folder / "state.pt", None, None)
    return dict(line.split() for line in lines)


def check(command, losses, folder, draw):
    folder.mkdir(parents=True)
    checkpoint = folder / "state.pt"
    kills, in_saves, printed = 0, 0, set()
    for _ in range(4 * KILLS):
        if kills < KILLS:
            longest = draw.random() * 0.01
            in_save = draw.random() < 0.5
            lines, killed = live(command, checkpoint, draw.randint(1, len(losses) // 4),
                                 lambda: wait_for_save(checkpoint, 0.1) if in_save else time.sleep(longest))
        else:
            lines, killed = live(command, checkpoint, None, None)
        for step, loss in map(str.split, lines):
            if losses.get(step) != loss:
                raise ValueError(f"life {kills}: step {step} has loss {loss}, not {losses.get(step)}")
            printed.add(step)
        kills += killed
        in_saves += killed and len(os.listdir(checkpoint.parent)) > 1
        if not killed:
            left = os.listdir(checkpoint.parent)
            if left != ["state.pt"] or printed != set(losses):
                raise ValueError(f"after the end: files {left}, {len(printed)} of {len(losses)} steps")
            if kills >= KILLS:
                print(f"{kills} kills, {in_saves} of them in a save; {len(losses)} losses are the same")
                return
            checkpoint.unlink()
            printed.clear()
    raise ValueError(f"only {kills} kills")


def compiled(nnc, folder):
    """train.c with the train step of step.nn."""
    source, program = folder / "step.c", folder / "step"
    subprocess.run([nnc, HERE / "step.nn", "-o", source], check=True, timeout=LONGEST)
    subprocess.run(["gcc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{folder}", source,
                    HERE / "train.c", "-o", program, "-lm"], check=True, timeout=LONGEST)
    return program


def main():
    nnc = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "temporary").mkdir()
        os.environ["TMPDIR"] = str(folder / "temporary")  # for what killed processes leave
        command = [nnc, "run", HERE / "train.nn"]
        losses = whole_run(command, folder / "run" / "whole")
        recorded = (HERE / "train.out").read_text()
        if "".join(f"{step} {float(loss):.4f}\n" for step, loss in losses.items()) != recorded:
            raise ValueError(f"not PyTorch's losses: {losses}")
        check(command, losses, folder / "run" / "killed", random.Random(1))
        command = [compiled(nnc, folder)]
        losses = whole_run(command, folder / "compiled" / "whole")
        check(command, losses, folder / "compiled" / "killed", random.Random(2))


if __name__ == "__main__":
    main()
