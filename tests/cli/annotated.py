import torch.nn as nn
from jaxtyping import Float
from torch import Tensor

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
    def forward(self, x: Float[Tensor, "1 4"]) -> Float[Tensor, "1 2"]:
        return self.fc(x)

net = Net()
