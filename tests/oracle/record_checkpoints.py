#!/usr/bin/env python3
"""Writes with PyTorch the checkpoints that tests/script/saving.nn reads and the fuzz target starts from.

Usage: record_checkpoints.py ROOT (needs torch, safetensors)
"""
import collections
import io
import pathlib
import pickle
import sys
import zipfile

import torch
from safetensors.torch import save_file
from torch import nn


def pickle_of(obj):
    buffer = io.BytesIO()
    torch.save(obj, buffer)
    return zipfile.ZipFile(buffer).read("archive/data.pkl")


def main(root):
    data, seeds = root / "tests/script/data", root / "tests/fuzz/corpus/pt"
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    net(torch.randn(4, 3)).square().mean().backward()
    adam.step()
    table = torch.arange(6.0).reshape(2, 3)
    tied = torch.ones(2)
    everything = {
        "model": net.state_dict(), "optimizer": adam.state_dict(), "epoch": 3, "best": 0.25, "name": "h\u00e9",
        "flags": [True, False, None], "pair": (1, -70000), "big": 2**40, "size": torch.Size([1, 2]), "dtype": torch.int64,
        "device": torch.device("cpu"), "set": {1}, "bytes": b"\x00\xff", "counter": collections.Counter("aab"),
        "parameter": nn.Parameter(torch.ones(2)), "wants": torch.ones(1, requires_grad=True), "table": table,
        "turned": table.t(), "row": table[1], "column": table[:, 1], "tied": tied, "also": tied,
        "ints": torch.tensor([1, -2]), "small": torch.tensor([1, 2], dtype=torch.uint8), "bools": torch.tensor([True, False]),
        "wide": torch.tensor(1.5, dtype=torch.float64), "i32": torch.tensor(3, dtype=torch.int32),
        "empty": torch.zeros(0, 3), "spread": torch.ones(1, 2).expand(2, 2),
    }
    torch.save(everything, data / "everything.pt")
    torch.save(nn.Linear(1, 1), data / "module.pt")
    torch.save({"h": torch.ones(1, dtype=torch.float16)}, data / "half.pt")
    torch.save([1], data / "legacy.pt", _use_new_zipfile_serialization=False)
    save_file({"w": table, "n": torch.tensor([1, 2]), "b": torch.tensor(True)}, data / "three.safetensors", metadata={"by": "torch"})
    torch.save(tied, seeds / "one")
    torch.save({"a": [1, "b"], "c": table.t()}, seeds / "table")
    for name, obj in (("tensor", tied), ("table_pickle", table.t()), ("parameter", nn.Parameter(tied)), ("module", nn.Linear(2, 1)),
                      ("mixed", {"a": (1, 2.5, "s"), "n": [None, True, 2**40], "s": {1}, "b": b"\xff", "d": torch.float32,
                                 "z": torch.Size([2]), "o": collections.OrderedDict(a=collections.Counter("ab"))})):
        (seeds / name).write_bytes(pickle_of(obj))
    for protocol in (2, 4, 5):
        text = pickle.dumps({"a": [1, 2.5, "s", b"b"], "t": (1, 2, 3, 4), "s": {1}, "f": frozenset([2])}, protocol)
        (seeds / f"plain{protocol}").write_bytes(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
