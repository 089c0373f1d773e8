"""Taking another plan: approved and written down first, then asked of control, then in force for every start to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import click

from edgectl.app.control_socket import Unreachable, ask, user
from edgectl.app.exit_code import ExitCode
from edgectl.app.standing import Standing
from edgectl.config.plan_file import keep_plan, store_plan
from edgectl.config.version import Proposal, Version, drop, keep, mark
from edgectl.core.change import Change, When, changes

_ANSWER_S = 15.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a unit to run, why, and by which command (``back`` empty, or ``rollback to 5``)."""

    proposal: Proposal
    reason: str
    back: str = ""

    def words(self, taken: str) -> str:
        """How it came in force, for the record."""
        return f"{self.back}, {taken}" if self.back else taken


def now_text() -> str:
    """This moment for a record."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def class_of(found: tuple[Change, ...]) -> When:
    """The most careful class of all: a plan is taken whole or not at all."""
    return max((change.when for change in found), default=When.LIVE)


def obstacle(standing: Standing, found: tuple[Change, ...]) -> str:
    """Why these changes cannot be taken now, and what to do; empty if they can, or if they wait for the next start."""
    most = class_of(found)
    which = ", ".join(change.subject for change in found if change.when is most)
    if most is When.AT_HOLD and standing.runs and not standing.held:
        return (
            f"{which}: taken only while every output is at its safe value. When the culture allows it: edgectl hold --reason TEXT, "
            "apply again, edgectl resume --reason TEXT"
        )
    if most is When.RESTART and standing.batch:
        return (
            f"{which}: taken at a restart of an idle unit only, and batch {standing.batch} runs. After it: "
            "edgectl batch --end --reason TEXT, then apply again"
        )
    return ""


def take(standing: Standing, wish: Wish) -> ExitCode:
    """Take it at once or with the next start, whichever its class demands, and say which."""
    plan, place = wish.proposal.plan, standing.place
    found = changes(standing.plan, plan)
    if why := obstacle(standing, found):
        click.echo(f"refused: {why}. {plan.unit} goes on under plan {standing.plan.digest[:12]}", err=True)
        return ExitCode.FAILED
    try:
        keep_plan(place.plans, plan)
        version = keep(
            place.versions, wish.proposal, person=user(), at=now_text(), reason=wish.reason, taken="asked"
        )
    except OSError as error:
        click.echo(f"nothing was changed: {error.filename or place.folder}: {error.strerror}", err=True)
        return ExitCode.FAILED
    how, said = "at the next start", ""
    if standing.runs and class_of(found) is not When.RESTART:
        how = class_of(found).words if found else "the same plan"
        accepted, said = _asked(standing, wish) if found else (True, "")
        if not accepted:
            drop(place.versions, version)
            click.echo(f"refused: {said}", err=True)
            return ExitCode.FAILED
    return _put_in_force(standing, wish, version, how, said)


def _asked(standing: Standing, wish: Wish) -> tuple[bool, str]:
    """Control's answer. One that got lost is looked for in what runs afterwards."""
    digest = wish.proposal.plan.digest
    question = {"do": "apply", "plan": digest, "actor": user(), "reason": wish.reason}
    try:
        answer = ask(standing.place.socket, question, _ANSWER_S)
        return bool(answer.get("accepted")), str(answer.get("reason") or answer.get("error"))
    except Unreachable as error:
        try:
            runs = ask(standing.place.socket, {"do": "status"}).get("plan")
        except Unreachable:
            runs = ""
        return runs == digest, str(error)


def _put_in_force(standing: Standing, wish: Wish, version: Version, how: str, said: str) -> ExitCode:
    plan, place = wish.proposal.plan, standing.place
    try:
        store_plan(place.plans, plan)
        mark(place.versions, version, wish.words(how))
    except OSError as error:
        state = "runs, but " if how != "at the next start" else ""
        click.echo(
            f"version {version.number} {state}could not be put in force for the next start: {error.strerror}. "
            "Make room and apply it again",
            err=True,
        )
        return ExitCode.FAILED
    head = f"version {version.number} of {plan.unit}, plan {plan.digest[:12]}"
    if how == "at the next start":
        later = (
            "it is taken at the next start of control, with outputs safe in between; until then nothing changes. "
            f"Stop and start `edgectl run`, or: systemctl restart edgectl-control@{plan.unit}"
        )
        click.echo(f"{head}: in force from the next start; {later if standing.runs else 'nothing runs now'}")
    else:
        click.echo(f"{head}: {said or 'the same plan, its files are the approved ones now'}")
    return ExitCode.OK
