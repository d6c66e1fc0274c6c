"""Records how PyTorch prints tensors, for tests/unit/test_runtime_print.c.

    python tests/oracle/record_print.py > tests/numeric/print.txt

Each case is "case DTYPE DIMS", "data ...", perhaps "suffix ...", then the text, then ".".
"""
import torch

NAMES = {torch.bool: "bool", torch.uint8: "u8", torch.int32: "i32", torch.int64: "i64",
         torch.float16: "f16", torch.bfloat16: "bf16", torch.float32: "f32", torch.float64: "f64"}


def case(t, requires_grad=False, grad_fn=False):
    suffix = None
    shown = t
    if grad_fn:
        shown = t.clone().requires_grad_() * 1
        suffix = "grad_fn=<MulBackward0>"
    elif requires_grad:
        shown = t.clone().requires_grad_()
        suffix = "requires_grad=True"
    values = t.reshape(-1).tolist()
    print("case", NAMES[t.dtype], ",".join(str(d) for d in t.shape) or "-")
    print("data", " ".join(v.hex() if isinstance(v, float) else str(int(v)) for v in values))
    if suffix:
        print("suffix", suffix)
    print(repr(shown))
    print(".")


def main():
    torch.manual_seed(0)
    inf, nan = float("inf"), float("nan")
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        for values in ([], [0.0], [-0.0], [1.0], [1.0, 2.0], [0.5], [1.5, nan], [nan], [inf, -inf],
                       [0.0, nan], [1.0, inf], [1e-5], [1e-4], [0.00011, 1.0], [1e8], [1.00000001e8],
                       [123456789.0], [1e9], [1000.0, 1.0], [1001.0, 1.0], [0.001, 1.1], [0.001, 0.99],
                       [1e10, 1e-10], [-1.25, 3.75], [99999.5], [-1e-7, 0.0], [1e38, nan, -inf],
                       [0.1, 0.2, 0.3], [1 / 3, 2 / 3], [-5.0, 10.0, 0.0], [3.0, 4000.0]):
            case(torch.tensor(values, dtype=dtype))
            if values:
                case(torch.tensor(values[0], dtype=dtype))
    for shape in ((3,), (2, 3), (1, 10), (2, 2, 2), (1, 1, 3, 3), (30,), (40, 2), (0, 3), (2, 0), (0,),
                  (12, 11), (2, 3, 2, 2)):
        case(torch.randn(shape))
        case(torch.randn(shape), grad_fn=True)
        case(torch.randn(shape), requires_grad=True)
        case((torch.randn(shape) * 1000).to(torch.int64))
        case((torch.randn(shape) * 1000).to(torch.int32))
        case((torch.rand(shape) * 200).to(torch.uint8))
        case(torch.randn(shape) > 0)
        case(torch.randn(shape, dtype=torch.float64), grad_fn=True)
    case(torch.tensor(3.14159), grad_fn=True)
    case(torch.tensor(True))
    case(torch.tensor(7))
    case(torch.tensor(7, dtype=torch.int32))
    case(torch.arange(1000))
    case(torch.arange(1001))
    case(torch.arange(1001, dtype=torch.float32))
    case(torch.randn(50, 50), grad_fn=True)
    case(torch.randn(7, 300))
    case(torch.randn(300, 7))
    case(torch.randn(6, 5, 50))
    case(torch.randn(8, 2, 3, 40), requires_grad=True)
    case(torch.randn(1100) * 1e5)
    case(torch.randn(3, 20) * 1e-6)
    for columns in range(1, 30):
        case(torch.randn(1, columns), grad_fn=True)


main()
