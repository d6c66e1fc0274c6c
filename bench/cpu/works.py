"""What is measured: networks with their inputs, forward or the whole train step.

A work is one program: the classes of a .nn file, then a model, inputs, and a forward or a step. nnc and PyTorch are
given the same text; what takes ONNX gets PyTorch's export of it.
"""
import dataclasses
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = HERE.parent.parent / "samples"


@dataclasses.dataclass(frozen=True)
class Work:
    file: pathlib.Path
    model: str
    inputs: tuple
    target: str = ""  # of a train step
    loss: str = "nn.functional.cross_entropy(model(*inputs), target)"
    convolutions: bool = False  # PyTorch is also tried with channels last
    batched: bool = False  # more than one: ncnn has no batches

    def setup(self):
        """Defines `model`, `inputs`, and `target`."""
        text = self.file.read_text().split("\ntorch.manual_seed(")[0]
        lines = [text, "torch.manual_seed(0)", f"model = {self.model}",
                 f"inputs = ({', '.join(self.inputs)},)"]
        lines.append(f"target = {self.target}" if self.target else "model.eval()")
        return "\n".join(lines) + "\n"

    def program(self):
        if not self.target:
            return self.setup() + "with torch.no_grad():\n    model(*inputs)\n"
        return self.setup() + ("optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)\n"
                               f"optimizer.zero_grad()\nloss = {self.loss}\nloss.backward()\noptimizer.step()\n")


def image(batch):
    return (f"torch.randn({batch}, 3, 224, 224)",)


def digits(batch):
    return (f"torch.randn({batch}, 1, 32, 32)",)


def classes(count, batch):
    return f"torch.randint({count}, ({batch},))"


TOKENS = "torch.randint(50257, (1, 64))"
LENET = (SAMPLES / "lenet.nn", "Net()")
MLP = (HERE / "mlp.nn", "Perceptron()")
LSTM = (HERE / "lstm.nn", "Recurrent()")
RESNET18 = (SAMPLES / "resnet18.nn", "ResNet(BasicBlock, [2, 2, 2, 2])")
RESNET50 = (SAMPLES / "resnet50.nn", "ResNet(Bottleneck, [3, 4, 6, 3])")
GPT2 = (SAMPLES / "gpt2.nn", "GPT(GPTConfig(vocab_size=50257))")
GPT2_LOSS = "model(inputs[0], target)[1]"

WORKS = {
    "lenet b1": Work(*LENET, digits(1)),
    "lenet b128": Work(*LENET, digits(128), batched=True),
    "lenet train b1": Work(*LENET, digits(1), classes(10, 1)),
    "lenet train b128": Work(*LENET, digits(128), classes(10, 128)),
    "mlp b1": Work(*MLP, ("torch.randn(1, 784)",)),
    "mlp b128": Work(*MLP, ("torch.randn(128, 784)",), batched=True),
    "mlp train b128": Work(*MLP, ("torch.randn(128, 784)",), classes(10, 128)),
    "lstm b1": Work(*LSTM, ("torch.randn(32, 1, 64)",), batched=True),
    "lstm b16": Work(*LSTM, ("torch.randn(32, 16, 64)",), batched=True),
    "lstm train b16": Work(*LSTM, ("torch.randn(32, 16, 64)",), classes(10, 16)),
    "conv3x3": Work(HERE / "conv3x3.nn", "nn.Conv2d(64, 64, 3, padding=1)", ("torch.randn(1, 64, 56, 56)",),
                    convolutions=True),
    "matmul 1024": Work(HERE / "matmul.nn", "Product()", ("torch.randn(1024, 1024)", "torch.randn(1024, 1024)"),
                        batched=True),
    "matmul 4096": Work(HERE / "matmul.nn", "Product()", ("torch.randn(4096, 4096)", "torch.randn(4096, 4096)"),
                        batched=True),
    "mobilenet_v2 b1": Work(SAMPLES / "mobilenet_v2.nn", "MobileNetV2()", image(1), convolutions=True),
    "resnet18 b1": Work(*RESNET18, image(1), convolutions=True),
    "resnet18 b8": Work(*RESNET18, image(8), convolutions=True, batched=True),
    "resnet18 train b8": Work(*RESNET18, image(8), classes(1000, 8), convolutions=True),
    "resnet50 b1": Work(*RESNET50, image(1), convolutions=True),
    "resnet50 b8": Work(*RESNET50, image(8), convolutions=True, batched=True),
    "encoder": Work(HERE / "encoder.nn", "Encoder()", ("torch.randint(30522, (1, 128))",)),
    "gpt2 T64": Work(*GPT2, (TOKENS, TOKENS)),
    "gpt2 train T64": Work(*GPT2, (TOKENS,), TOKENS, GPT2_LOSS),
}
