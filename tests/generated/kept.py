"""The generated programs that are kept, with what PyTorch printed: tests/oracle/generate.py made them."""
import lzma
import pathlib
import re

FILE = pathlib.Path(__file__).resolve().parent / "programs.txt.xz"


def programs():
    """(number, text, what it prints)"""
    text = lzma.open(FILE, "rt", encoding="utf-8").read()
    for part in re.split(r"^#### program ", text, flags=re.M)[1:]:
        number, _, rest = part.partition("\n")
        program, _, out = rest.partition("#### prints\n")
        yield number, program, out
