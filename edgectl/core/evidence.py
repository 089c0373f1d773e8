"""What the window of a plausibility check proves, one rule a kind.

A rule looks at whole slots, oldest first. What a dead probe does to its own loop (it stands still, or drives in vain) must not take the proof
away: NOISE_LOSS and NEAR stay failed until the opposite is proved. The others fail as long as their window shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from edgectl.core.text import figure
from edgectl.model.safety import CheckKind, CheckPlan
from edgectl.model.state import Slot

Verdict = tuple[bool, str]
Slots = tuple[Slot, ...]

_BACK = 0.9  # of the greatest difference: two probes that differed agree again below it


def verdict(plan: CheckPlan, slots: Slots, full: int, failed: bool, unit: str) -> Verdict | None:
    """Whether the check fails, and why, in the tag's ``unit``; None while the window has too little in it.

    ``full`` is how many slots a window has. A rise without a cause need not wait for all.
    """
    if len(slots) < (2 if plan.kind is CheckKind.UNCAUSED else full):
        return None
    return _RULES[plan.kind](plan, slots, failed, unit)


def _mean(slot: Slot) -> float:
    return slot.total / slot.samples


def _move(plan: CheckPlan, first: Slot, last: Slot) -> float:
    """How far the tag went the way it is driven."""
    move = _mean(last) - _mean(first)
    return move if plan.rising else -move


def _moved(plan: CheckPlan, move: float, unit: str) -> str:
    return f"{plan.tag} {'rose' if plan.rising else 'fell'} by {figure(move, unit)}"


def _driven_s(plan: CheckPlan, slots: Slots) -> float:
    """For how long the actuator must have stood at ``drive`` to drive as much as it did."""
    return sum(slot.drive for slot in slots) / plan.drive


def _run_up(plan: CheckPlan, slots: Slots) -> float:
    """The greatest move within the window: an effect may have come and gone, or come after the opposite."""
    return max(_move(plan, first, last) for place, first in enumerate(slots) for last in slots[place + 1 :])


def _no_effect(plan: CheckPlan, slots: Slots, failed: bool, unit: str) -> Verdict:
    """The effect has the last slot's time to come."""
    del failed
    driven_s = _driven_s(plan, slots[:-1])
    move = _run_up(plan, slots)
    fails = driven_s >= plan.drive_s and move < plan.amount
    reason = f"{_moved(plan, move, unit)}, less than {plan.amount:.6g}, though {plan.actuator} drove it"
    return fails, reason if fails else "the drive has its effect, or ceased"


def _uncaused(plan: CheckPlan, slots: Slots, failed: bool, unit: str) -> Verdict:
    """What drove one slot before a rise may still be its cause."""
    del failed
    for first in range(len(slots) - 2, -1, -1):
        if _driven_s(plan, slots[max(0, first - 1) :]) >= plan.drive_s:
            break
        move = _move(plan, slots[first], slots[-1])
        if move >= plan.amount:
            return True, f"{_moved(plan, move, unit)} though {plan.actuator} did not drive it"
    return False, "no move without a cause within the window"


def _noise(slots: Slots) -> float:
    """From the steps between samples, so that a trend is no noise."""
    samples = sum(slot.samples for slot in slots)
    return math.sqrt(sum(slot.squares for slot in slots) / (2 * samples))


def _noise_loss(plan: CheckPlan, slots: Slots, failed: bool, unit: str) -> Verdict:
    noise = _noise(slots)
    moved = max(slot.most for slot in slots) - min(slot.least for slot in slots)
    fails = noise < plan.amount and (failed or moved >= plan.drive)
    said = f"noise of {plan.tag} is {figure(noise, unit)}"
    return fails, f"{said}, a living signal has {figure(plan.amount, unit)}" if fails else said


def _ceiling(plan: CheckPlan, slots: Slots, failed: bool, unit: str) -> Verdict:
    """The liquid may still hold what the gas gave earlier in the window."""
    del failed
    ceiling, low = max(slot.ceiling for slot in slots), min(slot.low for slot in slots)
    fails = low > ceiling + plan.amount
    said = f"{plan.tag} is {figure(low, unit)} or more" if fails else f"{plan.tag} is possible"
    return fails, f"{said}, it can be {figure(ceiling, unit)} at most"


def _disagreement(plan: CheckPlan, slots: Slots, failed: bool, unit: str) -> Verdict:
    samples = sum(slot.samples for slot in slots)
    difference = sum(slot.total - slot.others for slot in slots) / samples
    fails = abs(difference) > plan.amount * (_BACK if failed else 1.0)
    return (
        fails,
        f"{plan.tag} minus {plan.other} is {figure(difference, unit)}; {plan.tag} is the one in use",
    )


def _near(plan: CheckPlan, slots: Slots, failed: bool, unit: str) -> Verdict:
    low, high = min(slot.low for slot in slots), max(slot.high for slot in slots)
    near = plan.value - plan.amount <= low and high <= plan.value + plan.amount
    dead = bool(plan.noise) and _noise(slots) < plan.noise
    vain = bool(plan.drive) and _driven_s(plan, slots[:-1]) >= plan.drive_s
    fails = near and (failed or dead or vain)
    why = "without noise" if dead else f"whatever {plan.actuator} does" if vain else "still"
    said = f"{plan.tag} stays at {figure(plan.value, unit)} {why}, as a dead probe does"
    return fails, said if fails else f"{plan.tag} left {figure(plan.value, unit)}, or lives"


_RULES: Mapping[CheckKind, Callable[[CheckPlan, Slots, bool, str], Verdict]] = {
    CheckKind.NO_EFFECT: _no_effect,
    CheckKind.UNCAUSED: _uncaused,
    CheckKind.NOISE_LOSS: _noise_loss,
    CheckKind.CEILING: _ceiling,
    CheckKind.DISAGREEMENT: _disagreement,
    CheckKind.NEAR: _near,
}
