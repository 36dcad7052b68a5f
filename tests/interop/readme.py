"""The lists in localnet/README.md, kept equal to what the checks find."""

from __future__ import annotations

import os
from pathlib import Path

README = Path(__file__).parents[2] / "localnet" / "README.md"


def reads(lists: list[tuple[str, list[str]]]) -> str:
    """The table of reads."""
    return table("reads", [(names(listed), reason) for reason, listed in lists])


def calls(lists: list[tuple[str, str, list[str]]]) -> str:
    """The table of calls."""
    return table("calls", [(f"{pallet}: {names(listed)}", reason) for reason, pallet, listed in lists])


def names(listed: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in listed)


def table(heading: str, rows: list[tuple[str, str]]) -> str:
    return "\n".join([f"| {heading} | why not |", "|---|---|", *(f"| {left} | {right} |" for left, right in rows)])


def check(name: str, expected: str) -> None:
    """Fails unless the block of this name says this; writes it instead if ASSAY_INTEROP_WRITE is set."""
    begin, end = f"<!-- interop: {name} -->\n", "\n<!-- interop: end -->"
    text = README.read_text()
    assert begin in text, f"{README} has no block {begin.strip()}"
    head, rest = text.split(begin, 1)
    block, tail = rest.split(end, 1)
    if os.environ.get("ASSAY_INTEROP_WRITE"):
        README.write_text(head + begin + expected + end + tail)
    else:
        assert block == expected, "differs; ASSAY_INTEROP_WRITE=1 scripts/interop writes it anew"
