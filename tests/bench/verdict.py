"""One line of the table: a target, what was measured, what it was held against, and whether it is met."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """``met`` is None where nothing can be judged on this machine; ``remark`` says why."""

    target: str
    claim: str
    figure: str
    anchor: str
    met: bool | None
    remark: str = ""

    def row(self) -> str:
        """A row of a Markdown table."""
        word = {True: "met", False: "**missed**", None: "not judged"}[self.met]
        return (
            f"| {self.target} | {self.claim} | {self.figure} | {self.anchor} | {word} {self.remark}".rstrip()
            + " |"
        )


HEAD = "| target | claim | edgectl | anchor, same run | |\n|---|---|---|---|---|"
