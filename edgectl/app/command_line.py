"""The command line. Commands import what they need when they run, so that ``--help`` and errors come at once."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from edgectl import __version__
from edgectl.app import commission_command
from edgectl.app.alarm_line import alarms
from edgectl.app.calibrate_line import calibrate
from edgectl.app.change_command import COMMANDS as CHANGING
from edgectl.app.tune_line import tune
from edgectl.app.unit_command import COMMANDS
from edgectl.app.view_command import VIEWS

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SET = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override one value of the folder, such as lines.probes.port=/dev/ttyUSB3.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for a script.")


def _finish(code: int) -> None:
    sys.exit(int(code))


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 the answer is no, 2 wrong call or configuration, 3 no control process answers, "
    "4 another control process holds the unit, 70 ended by a bug with outputs driven safe.",
)
@click.version_option(__version__)
def edgectl() -> None:
    """Edge controller for closed, automated bioreactors.

    A unit is a folder with unit.yaml, safety.yaml and uplink.yaml. Try `edgectl demo` first; it needs nothing but this machine.
    """


@edgectl.command()
@click.argument("folder", type=FOLDER)
@_SET
@_JSON
@click.option(
    "--explain",
    is_flag=True,
    help="Also print each loop's settings, the model behind them, and the numbers of the nameplate they hang on.",
)
def check(folder: Path, overrides: tuple[str, ...], as_json: bool, explain: bool) -> None:
    """Find every problem in a unit FOLDER, with file, line and what to write instead.

    The daemon uses the same code: what passes here runs. Exit code 0 without errors, 2 with.
    """
    from edgectl.app.check import check as run

    _finish(run(folder, overrides, as_json=as_json, explain=explain))


@edgectl.command()
@click.argument("folder", type=FOLDER)
@_SET
def sil(folder: Path, overrides: tuple[str, ...]) -> None:
    """Control a plant of yours (software in the loop): JSON lines on stdin, an answer to each on stdout.

    A line is one scan: {"t": 12.0, "read": {"rig.temperature": 36.9}}, and its answer {"t": 12.0, "write": {"rig.heater": 41.0}, ...}.
    "t" is in seconds and must grow; a value is read once and ages; null is a probe that gives none. A line may also have
    "ask": [["setpoint", "TIC-101", 37.5]], and "restart": 120 for control that was dead for 120 s before it.
    """
    from edgectl.app.sil import main

    _finish(main(folder, overrides))


@edgectl.command()
@click.argument("folder", type=FOLDER)
@_SET
@click.option("--speed", type=float, default=1.0, hidden=True)
@click.option("--no-uplink", is_flag=True, help="Control only.")
def run(folder: Path, overrides: tuple[str, ...], speed: float, no_uplink: bool) -> None:
    """Run the unit in FOLDER: control and uplink, each restarted when it dies, both stopped with outputs safe.

    Ctrl-C stops. A folder with errors does not start, unless the unit has a last good plan: then that one runs, and it is said.
    """
    from edgectl.app.run import run as start

    _finish(start(folder, overrides, speed=speed, uplink=not no_uplink))


@edgectl.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def control(arguments: tuple[str, ...]) -> None:
    """Run the control process of a compiled plan (systemd and `edgectl run` start it)."""
    from edgectl.app.control import main

    _finish(main(list(arguments)))


@edgectl.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def uplink(arguments: tuple[str, ...]) -> None:
    """Run the uplink process of a compiled plan (systemd and `edgectl run` start it)."""
    from edgectl.app.uplink import main

    _finish(main(list(arguments)))


@edgectl.command()
@click.option(
    "--for",
    "seconds",
    type=float,
    default=None,
    metavar="SECONDS",
    help="Stop by itself after so long; exit code 1 if not all is well.",
)
@click.option(
    "--speed", type=float, default=30.0, show_default=True, help="How many plant seconds pass in one second."
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FOLDER",
    help="Keep journal and plan there.",
)
def demo(seconds: float | None, speed: float, keep: Path | None) -> None:
    """A whole bioreactor on this machine: emulated instruments on real lines, broker, control, uplink.

    Shows the loops coming into band. Ctrl-C stops. Nothing is installed and nothing is left behind.
    """
    from edgectl.app.demo import demo as start

    _finish(start(seconds, speed, keep))


@edgectl.command()
@click.argument("folder", type=FOLDER)
@click.option("--days", type=float, default=1.0, show_default=True, help="Length of the rehearsed culture.")
@click.option(
    "--rig",
    default=None,
    metavar="NAME",
    help="Emulated instruments: a rig of the bench or a rig file; default: rig.toml in the folder, else the folder's name.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the emulated noise.")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="Where the trend goes (SVG); default: rehearsal.svg.",
)
@_SET
@_JSON
def rehearse(
    folder: Path,
    days: float,
    rig: str | None,
    seed: int,
    picture: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Rehearse the unit in FOLDER: the same YAML, drivers and loops against emulated instruments, on virtual time.

    Prints the digest of all commands: two rehearsals of the same folder must agree to the bit.
    """
    from edgectl.app.rehearse import main

    _finish(main(folder, overrides, days, rig, seed, picture or Path("rehearsal.svg"), as_json=as_json))


@edgectl.command()
@click.argument("journal", type=FILE)
@click.option(
    "--run", "run_number", type=int, default=None, help="Which start of the control process; default: all."
)
@_JSON
def replay(journal: Path, run_number: int | None, as_json: bool) -> None:
    """Decide a recorded batch again, from its JOURNAL, and compare every command to the bit.

    Exit code 0 when all agree, 1 with the first difference.
    """
    from edgectl.app.replay import main

    _finish(main(journal, run_number, as_json=as_json))


@edgectl.command()
@click.argument("journal", type=click.Path(exists=True, path_type=Path))
@_JSON
def cells(journal: Path, as_json: bool) -> None:
    """Say day by day what the cells of a batch did: oxygen uptake, density and growth, each with its 95 % interval.

    From the soft sensors in its JOURNAL, or in the state folder that holds it.
    """
    from edgectl.app.cells import main

    _finish(main(journal, as_json=as_json))


@edgectl.command()
@click.argument("folder", type=FOLDER, required=False)
@click.option("--plan", "plan_file", type=FILE, help="A compiled plan instead of a folder.")
@_SET
@_JSON
def safe(folder: Path | None, plan_file: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Drive every output to its safe value and read it back: the last will, without the daemon.

    Opens the lines itself; needs neither journal nor broker. Exit code 1 if an output could not be confirmed.
    """
    from edgectl.app.safe import main

    _finish(main(folder, plan_file, overrides, as_json=as_json))


@edgectl.command("install-service")
@click.argument("unit")
@_SET
@click.option("--dry-run", is_flag=True, help="Show every file and command, change nothing.")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/"),
    help="Install into the image below this folder.",
)
def install_service(unit: str, overrides: tuple[str, ...], dry_run: bool, root: Path) -> None:
    """Make systemd run UNIT: a unit folder, whose plan is put in force, or the name of a unit that has a plan.

    Writes services, user, folders, rules for serial adapters and the hardware watchdog, and enables the services. Starts nothing.
    """
    from edgectl.app.install_service import main

    _finish(main(unit, overrides, root, dry_run=dry_run))


@edgectl.command()
@click.argument("unit", required=False)
@_JSON
def status(unit: str | None, as_json: bool) -> None:
    """Show values, loops, outputs and lines of a running UNIT (default: the only one)."""
    from edgectl.app.status import main

    _finish(main(unit, as_json=as_json))


@edgectl.command()
@click.argument("what", type=click.Choice(["setpoint", "mode", "output"]))
@click.argument("target")
@click.argument("value")
@click.option("--reason", required=True, help="Why; goes to the record.")
@click.option("--unit", default=None, help="Which running unit (default: the only one).")
def request(what: str, target: str, value: str, reason: str, unit: str | None) -> None:
    """Ask a running unit to change a set point, a loop's mode (OOS, MAN, AUTO, CAS) or a manual output.

    The core checks it like any other request and answers; the answer and your name go to the journal.
    """
    from edgectl.app.request import main

    _finish(main(unit, what, target, value, reason))


edgectl.add_command(alarms)
edgectl.add_command(tune)
edgectl.add_command(calibrate)
for _command in (*COMMANDS, *CHANGING, *commission_command.COMMANDS, *VIEWS):
    edgectl.add_command(_command)
