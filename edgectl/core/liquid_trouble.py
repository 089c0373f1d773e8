"""What is wrong with feeds and perfusions, for alarms and hazards."""

from __future__ import annotations

from edgectl.model.state import State

_PERCENT = 100.0


def troubles(state: State) -> dict[str, str]:
    """Every feed that gives other than planned and every perfusion whose pumps disagree with its weight, as the scan before left them."""
    found = {
        name: f"{name} gave {feed.delivered:.6g} instead of {feed.planned:.6g}"
        for name, feed in state.feeds.items()
        if feed.astray
    }
    for name, perfusion in state.perfusions.items():
        if perfusion.ledger.told:
            share = _PERCENT * (perfusion.ledger.error or 0.0)
            found[name] = f"the pumps of {name} disagree with its weight by {share:+.1f} % of the feed"
    return found
