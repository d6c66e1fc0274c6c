"""The names that docs/supported.md lists, and which of them a program uses."""
import pathlib
import re

SUPPORTED = pathlib.Path(__file__).resolve().parents[2] / "docs/supported.md"
PREFIXES = {
    "torch": r"\btorch\.",
    "torch.Tensor": r"[\w)\]]\.",
    "torch.distributions": r"\bD\.",
    "torch.nn": r"\bnn\.",
    "torch.nn.functional": r"\bF\.",
    "torch.utils.data": r"\b",
}


def supported():
    """Lists of names, by section."""
    sections, section = {}, None
    for line in open(SUPPORTED, encoding="utf-8"):
        if line.startswith("## "):
            section = sections.setdefault(line[3:].strip(), set())
        elif line.startswith("Supported") and section is not None:
            section.update(re.findall(r"`(\w+)`", line))
    return sections


def used(text, sections):
    """(section, name) for each supported name that occurs in a program's text."""
    for section, names in sections.items():
        prefix = PREFIXES.get(section) or r"\b" + re.escape(section.removeprefix("torch.")) + r"\."
        yield from ((section, name) for name in set(re.findall(prefix + r"(\w+)", text)) & names)


def table(counts, names):
    """Names and in how many programs each occurs, in lines."""
    line = ""
    for name in sorted(names):
        entry = f"{name} {counts[name]}  "
        if len(line) + len(entry) > 104:
            yield line.rstrip()
            line = ""
        line += entry
    yield line.rstrip()
