"""``edgectl init``: a unit folder from a template, with what a scan found filled in."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from edgectl.app import init_text
from edgectl.app.check import tell
from edgectl.app.exit_code import ExitCode
from edgectl.app.init_match import Fit, Wanted, fits
from edgectl.app.scan_find import Find, Place
from edgectl.app.shipped import shipped
from edgectl.config.compile import compile_folder

TEMPLATES: Mapping[str, tuple[str, str]] = {
    "stirred-2l": ("example-2l", "stirred vessel, 2 L: batch or fed-batch"),
    "perfusion-2l": ("perfusion-2l", "stirred vessel, 2 L, with a filter on a balance"),
    "rocking-2l": ("rocking-2l", "rocking bag, 2 L"),
}
"""What can be begun from: the shipped folder, and what it is."""
FILES = ("unit.yaml", "safety.yaml", "uplink.yaml")
RIG = "rig.toml"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person said on the command line; empty where nothing was."""

    unit: str = ""
    area: str = ""
    lines: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    ask: bool = False


def main(folder: Path, template: str, scanned: Path | None, wish: Wish) -> ExitCode:
    """Make the folder. Nothing is left behind where it cannot be made, and no folder is ever overwritten."""
    if folder.exists():
        raise click.UsageError(f"{folder} exists already and is left as it is; choose another name")
    wish = _asked(wish)
    if not template and wish.ask:
        for name, (_, what) in TEMPLATES.items():
            click.echo(f"  {name:<14} {what}")
        template = click.prompt("Template", type=click.Choice(list(TEMPLATES)), default="stirred-2l")
    source = shipped(TEMPLATES[template or "stirred-2l"][0])
    texts = {name: (source / name).read_text(encoding="utf-8") for name in FILES}
    matched = fits(texts["unit.yaml"], _places(scanned))
    texts = _named(texts, wish, folder)
    texts["unit.yaml"] = _filled(texts["unit.yaml"], matched, wish)
    if (bench := _bench_rig(source.name)) is not None:
        texts[RIG] = init_text.rig(bench, _moved(matched))
    return _write(folder, texts, matched)


def _asked(wish: Wish) -> Wish:
    if wish.ask and not sys.stdin.isatty():
        raise click.UsageError(
            "nobody is there to be asked; say --yes to take what is not said as it is proposed"
        )
    return wish


def _places(scanned: Path | None) -> list[Place]:
    """What a scan wrote.

    Raises:
        click.UsageError: the file is none.
    """
    if scanned is None:
        return []
    try:
        return [Place.of(place) for place in json.loads(scanned.read_text(encoding="utf-8"))["places"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.UsageError(
            f"{scanned} is not what `edgectl scan --json` writes ({error}); scan again: edgectl scan --json > {scanned}"
        ) from None


def _pairs(texts: Sequence[str], what: str) -> list[tuple[str, str]]:
    found = [text.split("=", 1) for text in texts]
    if wrong := [text for text, pair in zip(texts, found, strict=True) if len(pair) != 2 or not all(pair)]:
        raise click.UsageError(f"{what} {wrong[0]!r} is not of the form NAME=VALUE")
    return [(name, new) for name, new in found]


def _named(texts: dict[str, str], wish: Wish, folder: Path) -> dict[str, str]:
    """Unit, area and tags under their own names, in all three files; the schema by where it is from here."""
    old = init_text.value(texts["unit.yaml"], ("unit",))
    proposed = wish.unit or folder.resolve().name.upper()
    unit = click.prompt("Name of the unit", default=proposed) if wish.ask and not wish.unit else proposed
    area = wish.area
    if wish.ask and not area:
        area = click.prompt("Hundreds of its tag numbers", default=old.rsplit("-", 1)[-1][:1])
    named = {}
    for name, text in texts.items():
        new = init_text.renamed(text, old, "\0")
        new = init_text.in_area(new, area) if area else new
        for before, after in _pairs(wish.tags, "--tag"):
            new = init_text.renamed(new, before, after)
        schema = shipped("schema") / f"{Path(name).stem}.schema.json"
        named[name] = new.replace("\0", unit).replace(f"../schema/{schema.name}", str(schema))
    return named


def _filled(unit: str, matched: Sequence[Fit], wish: Wish) -> str:
    """Ports, settings, addresses and serial numbers of what was found, then what the command line says."""
    said = dict(_pairs(wish.lines, "--line"))
    for fit in matched:
        unit = _line(unit, fit, said.pop(fit.line, ""), ask=wish.ask)
        for wanted in fit.wanted:
            unit = _instrument(unit, fit, wanted, ask=wish.ask)
    if said:
        known = ", ".join(fit.line for fit in matched)
        raise click.UsageError(f"--line {next(iter(said))}: this template has the lines {known}")
    for path, new in _pairs(wish.sets, "--set"):
        try:
            unit = init_text.put(unit, tuple(path.split(".")), new)
        except KeyError:
            raise click.UsageError(
                f"--set {path}: there is no such value in unit.yaml of this template"
            ) from None
    return unit


def _line(unit: str, fit: Fit, said: str, *, ask: bool) -> str:
    path = ("lines", fit.line)
    place = fit.place
    port = said or (place.port if place else "") or init_text.value(unit, (*path, "port"))
    if ask and not said:
        drivers = ", ".join(dict.fromkeys(wanted.driver for wanted in fit.wanted))
        port = click.prompt(f"Port of line {fit.line} ({drivers})", default=port)
    unit = init_text.put(unit, (*path, "port"), port)
    if place and place.port and place.port == port:
        unit = init_text.put(unit, (*path, "baud"), str(place.baud))
        unit = init_text.put(unit, (*path, "framing"), place.framing)
    return unit


def _instrument(unit: str, fit: Fit, wanted: Wanted, *, ask: bool) -> str:
    path = ("instruments", wanted.name)
    unit = init_text.drop(unit, (*path, "serial_number"))  # the template's is that of another instrument
    others = fit.candidates(wanted)
    if ask and len(others) > 1 and not wanted.fixed:
        fit.finds[wanted.name] = _choice(wanted, others, fit.finds[wanted.name] or others[0])
    find = fit.finds[wanted.name]
    if find is None:
        return unit
    if find.address and not wanted.fixed:
        unit = init_text.put(unit, (*path, "address"), find.address)
    if find.identity.serial_number:
        unit = init_text.put(unit, (*path, "serial_number"), f'"{find.identity.serial_number}"')
    return unit


def _choice(wanted: Wanted, others: Sequence[Find], proposed: Find) -> Find:
    for find in others:
        click.echo(f"  {find.address:>4}  {find.name}  {find.identity.serial_number}".rstrip())
    by_address = {find.address: find for find in others}
    chosen = click.prompt(
        f"Address of instrument {wanted.name}", type=click.Choice(list(by_address)), default=proposed.address
    )
    return by_address[chosen]


def _bench_rig(name: str) -> str | None:
    """The template's rig of emulated instruments; None where this installation has no bench."""
    try:
        rigs: Path = importlib.import_module("hil.rig").RIGS
        return (rigs / f"{name}.toml").read_text(encoding="utf-8")
    except (ImportError, OSError):
        return None


def _moved(matched: Sequence[Fit]) -> dict[tuple[str, str], tuple[str, str]]:
    """What the rig has to know of the instruments found: (line, old address) to new address and serial number."""
    return {
        (fit.line, wanted.address or "1"): ("" if wanted.fixed else find.address, find.identity.serial_number)
        for fit in matched
        for wanted in fit.wanted
        if (find := fit.finds[wanted.name]) is not None
    }


def _write(folder: Path, texts: Mapping[str, str], matched: Sequence[Fit]) -> ExitCode:
    """All files at once, and only if they pass the check."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")
        compiled = compile_folder(draft)
        if compiled.plan is None:
            tell(compiled)
            click.echo(
                f"init: {folder} was not made: correct what the command line says, see above", err=True
            )
            return ExitCode.USAGE
        draft.chmod(0o755)
        draft.rename(folder)
    except OSError as error:
        raise click.UsageError(f"{folder} cannot be made: {error.strerror}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    _next(folder, compiled.plan.unit, matched)
    return ExitCode.OK


def _next(folder: Path, unit: str, matched: Sequence[Fit]) -> None:
    """What was made, what is still the template's, and what to do."""
    found = [find for fit in matched for find in fit.finds.values() if find]
    missing = [
        f"{name} (line {fit.line})" for fit in matched for name, find in fit.finds.items() if find is None
    ]
    click.echo(f"{folder}: unit {unit}, {len(found)} instruments from the scan")
    if missing:
        click.echo(f"Not found by a scan, so still as in the template: {', '.join(missing)}")
    click.echo(
        f"Next:\n"
        f"  1. read {folder}/unit.yaml from top to bottom: ranges, full scales, and above all each `safe`\n"
        f"  2. edgectl check {folder}              after every edit\n"
        f"  3. edgectl rehearse {folder} --days 0.05   against emulated instruments (see {RIG} there)\n"
        f"  4. edgectl run {folder}                with water in the vessel before there are cells\n"
        f"  5. edgectl calibrate INSTRUMENT        pH, DO, temperature and pumps"
    )
