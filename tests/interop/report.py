"""One line for each check, and a table at the end."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

# Characters of a failure that are shown unless all are wanted.
LONGEST = 400


@dataclass
class Row:
    """What became of one check."""

    name: str
    detail: str = ""
    failure: str = ""

    def __call__(self, detail: object) -> None:
        """Says what was seen."""
        self.detail = str(detail)


@dataclass
class Report:
    """All checks so far, by group. `with report("name") as seen:` is one check: it fails if its body raises."""

    verbose: bool = False
    group: str = ""
    groups: dict[str, list[Row]] = field(default_factory=dict)

    def begin(self, group: str) -> None:
        self.group = group
        self.groups[group] = []
        print(f"\n{group}", flush=True)

    def __call__(self, name: str) -> "_Check":
        return _Check(self, Row(name))

    def add(self, row: Row) -> None:
        self.groups[self.group].append(row)
        mark, text = ("FAIL", row.failure) if row.failure else ("ok", row.detail)
        print(f"  {mark:<4}  {row.name}" + (f": {text}" if text else ""), flush=True)

    @property
    def failed(self) -> list[Row]:
        return [row for rows in self.groups.values() for row in rows if row.failure]

    def table(self) -> str:
        width = max(len(group) for group in self.groups)
        lines = [f"{'group':<{width}}  checks  failed"]
        for group, rows in self.groups.items():
            lines.append(f"{group:<{width}}  {len(rows):>6}  {sum(bool(row.failure) for row in rows):>6}")
        total = sum(len(rows) for rows in self.groups.values())
        lines.append(f"{'all':<{width}}  {total:>6}  {len(self.failed):>6}")
        return "\n".join(lines)


class _Check:
    def __init__(self, report: Report, row: Row) -> None:
        self.report, self.row = report, row

    def __enter__(self) -> Row:
        return self.row

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False
        if error is not None:
            name = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            failure = (name + str(error)).strip() or "not as expected"
            self.row.failure = failure if self.report.verbose else failure[:LONGEST]
            if self.report.verbose:
                traceback.print_exception(error)
        self.report.add(self.row)
        return True


def equal(found: object, expected: object, what: str = "") -> None:
    """Fails with both values unless they are the same; of two sets with what is too much and what is missing."""
    if isinstance(found, set) and isinstance(expected, set):
        more, less = sorted(map(str, found - expected)), sorted(map(str, expected - found))
        assert found == expected, f"{what}: too much {more}, missing {less}"
    assert found == expected, f"{what + ': ' if what else ''}found {found!r}, expected {expected!r}"
