"""``edgectl tune``: experiment, model, proposal; and what a person accepts goes to tuning.yaml."""

from __future__ import annotations

import datetime as dt
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from edgectl.analysis.fit import identify
from edgectl.analysis.series import Unidentified
from edgectl.app.check import tell
from edgectl.app.control_socket import Unreachable, find, user
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.rehearse import open_rig
from edgectl.app.tune import Proposal, propose, series_of
from edgectl.app.tune_rehearsal import Refused, run_experiment, worst_error
from edgectl.app.tune_report import as_plain, picture, report, settings_words, words
from edgectl.app.tune_split import examined, joined, known_sides, unexamined
from edgectl.app.tune_unit import NotGranted, last_experiment, running_plan
from edgectl.app.tune_unit import run_experiment as run_on_unit
from edgectl.app.tuning_file import Unwritable, read_tuned, write_tuned
from edgectl.config.compile import compile_folder
from edgectl.config.settings import Settings
from edgectl.core.text import figure
from edgectl.model.experiment import Experiment
from edgectl.model.loop_plan import LoopPlan
from edgectl.model.plan import Plan

_CHECK_S = 6.0 * 3600.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    loop: str
    folder: Path | None
    unit: str | None
    method: str
    robustness: float
    most_ms: float
    picture: Path
    accept: bool
    by: str
    reason: str
    last: bool
    rig: str | None
    seed: int
    overrides: tuple[str, ...]
    as_json: bool

    @property
    def emulated(self) -> bool:
        """A folder alone means its emulated instruments."""
        return self.folder is not None and self.unit is None


class _No(Exception):
    """The command ends here; the text says why."""

    def __init__(self, reason: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(reason)
        self.code = code


def main(wish: Wish) -> ExitCode:
    """Experiment, model, proposal, and perhaps a file."""
    try:
        plan, experiment = _emulated(wish) if wish.emulated else _real(wish)
        loop = _loop(plan, wish.loop)
        accepted = read_tuned(wish.folder).get(loop.name, {}) if wish.folder else {}
        sides = examined(loop, experiment) if len(loop.segments) > 1 else ()
        proposal = joined(_proposal(wish, loop, experiment), sides, accepted)
        if missing := unexamined(loop, sides, accepted) if sides else ():
            _say(
                f"{', '.join(missing)} was not examined, and the same settings serve it: tune that side, too"
            )
        if wish.as_json:
            click.echo(json.dumps(as_plain(proposal)))
        else:
            Console().print(report(proposal))
        if wish.emulated:
            _try_out(wish, loop, proposal)
        behind = dict.fromkeys((*known_sides(accepted), *sides)) if sides else {}
        return _accept(wish, proposal, " and ".join(behind))
    except Unreachable as error:
        click.echo(f"tune: {error}", err=True)
        return ExitCode.UNREACHABLE
    except (_No, Refused, NotGranted, Unidentified, Unwritable, OSError, ValueError) as reason:
        click.echo(f"tune: {reason}", err=True)
        return reason.code if isinstance(reason, _No) else ExitCode.FAILED


def _say(text: str) -> None:
    click.echo(text, err=True)


def _loop(plan: Plan, name: str) -> LoopPlan:
    loops = {loop.name: loop for loop in plan.loops}
    if name not in loops:
        raise _No(f"{plan.unit} has no loop {name}; it has {', '.join(loops)}", ExitCode.USAGE)
    loop = loops[name]
    if loop.tune is None:
        example = "tune: {amplitude: 5 %, within: 0.5 K, longest: 2 h}"
        raise _No(
            f"no limits of experiments are declared for {name}; write for example in unit.yaml, under {name}: {example}",
            ExitCode.USAGE,
        )
    return loop


def _order(wish: Wish, plan: Plan, loop: LoopPlan) -> None:
    """Say when the loop below has to come first: it is a part of this one's plant."""
    slave = next((other.name for other in plan.loops if other.master == loop.name), "")
    tuned = read_tuned(wish.folder) if wish.folder else {}
    if slave and slave not in tuned:
        _say(
            f"tune {slave} first: {loop.name} sets it, and what is tuned here fits the {slave} of today only"
        )


def _compiled(folder: Path, overrides: tuple[str, ...]) -> Plan:
    compiled = compile_folder(folder, overrides)
    if compiled.plan is None:
        tell(compiled)
        raise _No(f"{folder} has errors", ExitCode.USAGE)
    return compiled.plan


def _emulated(wish: Wish) -> tuple[Plan, Experiment]:
    assert wish.folder is not None
    plan = _compiled(wish.folder, wish.overrides)
    loop = _loop(plan, wish.loop)
    _order(wish, plan, loop)
    rig = open_rig(wish.rig or wish.folder.resolve().name, wish.seed)
    return plan, run_experiment(plan, rig, loop, wish.method, _say)


def _real(wish: Wish) -> tuple[Plan, Experiment]:
    place: Place = find(Settings().state_dir, wish.unit)
    plan = running_plan(place)
    loop = _loop(plan, wish.loop)
    _order(wish, plan, loop)
    if not wish.last:
        return plan, run_on_unit(place, wish.loop, wish.method, wish.reason or "edgectl tune", _say)
    found = last_experiment(place, wish.loop)
    if found is None:
        raise _No(f"no experiment on {wish.loop} has ended within the last hour")
    return plan, found


def _proposal(wish: Wish, loop: LoopPlan, experiment: Experiment) -> Proposal:
    """The proposal; the picture is drawn in any case, since it shows why there is none."""
    series = series_of(experiment)
    assert loop.tune is not None
    fit = identify(series)
    title = f"{loop.name}: {words(fit, loop.unit, loop.tune.unit)}"
    wish.picture.write_text(picture(title, series, fit, loop.tag, loop.unit, loop.tune), encoding="utf-8")
    _say(f"picture: {wish.picture}")
    return propose(series, loop, wish.robustness, wish.most_ms, fit)


def _try_out(wish: Wish, loop: LoopPlan, proposal: Proposal) -> None:
    """The emulated unit once more from the start, with the settings of today and with the proposed ones."""
    assert wish.folder is not None
    found = []
    for overrides in (wish.overrides, (*wish.overrides, *proposal.overrides)):
        plan = _compiled(wish.folder, overrides)
        rig = open_rig(wish.rig or wish.folder.resolve().name, wish.seed)
        found.append(worst_error(plan, rig, loop, _CHECK_S))
    now, then = (figure(float(f"{error:.3g}"), loop.unit) for error in found)
    _say(
        f"emulated, {_CHECK_S / 3600:.0f} h from the start: largest deviation in the second half {then}, with the settings of today {now}"
    )
    if loop.band and found[1] > max(loop.band, found[0]):
        raise _No(f"with the proposed settings {loop.name} leaves its band; nothing is proposed")


def _accept(wish: Wish, proposal: Proposal, side: str) -> ExitCode:
    """Write what a person accepts, and nothing else."""
    by, reason = wish.by, wish.reason
    if not wish.accept:
        if wish.as_json or wish.folder is None or not sys.stdin.isatty():
            _say("nothing is written: accept with --accept --by NAME --reason TEXT")
            return ExitCode.OK
        if not click.confirm(f"Accept these settings of {wish.loop}?", default=False, err=True):
            _say("nothing is written")
            return ExitCode.OK
        by = by or click.prompt("Your name", default=user(), err=True)
        reason = reason or click.prompt("Why", err=True)
    if wish.folder is None:
        raise _No("say with --folder where the unit folder is that tuning.yaml goes to", ExitCode.USAGE)
    if not by or not reason:
        raise _No("--accept needs --by NAME and --reason TEXT", ExitCode.USAGE)
    _compiled(wish.folder, (*wish.overrides, *proposal.overrides))
    path = write_tuned(wish.folder, wish.loop, _entry(proposal, by, reason, side))
    _say(f"written: {path}; it is taken when the unit is started with this folder the next time")
    return ExitCode.OK


def _entry(proposal: Proposal, by: str, reason: str, side: str) -> dict[str, str]:
    loop, unit = proposal.loop, "K" if proposal.loop.unit == "degC" else proposal.loop.unit
    out = loop.tune.unit if loop.tune else ""
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        **proposal.values,
        "model": words(proposal.fit, loop.unit, out),
        "by": by,
        "reason": reason,
        "at": now,
        **({"side": side} if side else {}),
        "before": settings_words(proposal.before, out, unit),
    }
