"""Records the weights that PyTorch gives LeNet, for tests/unit/test_init.c.

    python tests/oracle/record_init.py > tests/numeric/lenet_init.txt

Each line is a seed, an entry of the state dict and the 64-bit FNV-1a hash of its bytes.
"""
import torch
from torch import nn


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


for seed in (0, 7, 12345678901):
    torch.manual_seed(seed)
    for key, entry in LeNet().state_dict().items():
        print(seed, key, f"{fnv1a(entry.numpy().tobytes()):016x}")
