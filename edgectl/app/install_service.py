"""``edgectl install-service``: what systemd and udev need to run a unit on this machine, or in an image of one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from edgectl.app.check import tell
from edgectl.app.control_socket import user
from edgectl.app.exit_code import ExitCode
from edgectl.app.place import Place
from edgectl.app.shipped import service_file
from edgectl.app.taking import now_text
from edgectl.config.compile import compile_folder
from edgectl.config.field import check_name
from edgectl.config.plan_file import store_plan
from edgectl.config.quantity import Unreadable
from edgectl.config.version import Proposal, agrees, in_force, keep
from edgectl.model.plan import Plan

STATE = Path("/var/lib/edgectl")
USUAL = Path("/opt/edgectl")
HIDDEN = (Path("/home"), Path("/root"), Path("/tmp"))  # noqa: S108 - from the services: ProtectHome, PrivateTmp
FILES = {
    "edgectl-control@.service": Path("/etc/systemd/system/edgectl-control@.service"),
    "edgectl-uplink@.service": Path("/etc/systemd/system/edgectl-uplink@.service"),
    "edgectl.watchdog.conf": Path("/etc/systemd/system.conf.d/50-edgectl.conf"),
    "edgectl.sysusers.conf": Path("/etc/sysusers.d/edgectl.conf"),
    "edgectl.tmpfiles.conf": Path("/etc/tmpfiles.d/edgectl.conf"),
    "70-edgectl.rules": Path("/etc/udev/rules.d/70-edgectl.rules"),
}


class Refused(Exception):
    """Nothing was changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What is to be written and run for one unit below one root. ``plan`` is the plan to put in force, made as ``proposal`` says, if a folder was named."""

    unit: str
    plan: Plan | None
    root: Path
    prefix: Path
    proposal: Proposal | None = None

    @property
    def live(self) -> bool:
        """Whether this is the running machine, and not an image of one."""
        return self.root == Path("/")

    @property
    def place(self) -> Place:
        """The unit's state folder below the root."""
        return Place(self.below(STATE / self.unit))

    def below(self, path: Path) -> Path:
        """Where ``path`` of the machine is from here."""
        return self.root / path.relative_to("/")

    def files(self) -> dict[Path, str]:
        """Every file and its text, with the program where this installation has it."""
        return {
            self.below(path): service_file(name).read_text().replace(f"{USUAL}/", f"{self.prefix}/")
            for name, path in FILES.items()
        }

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """What is run afterwards; an image does all but the last at its first start."""
        names = ("control", "uplink") if self.plan is None or self.plan.uplink.host else ("control",)
        services = tuple(f"edgectl-{name}@{self.unit}" for name in names)
        if not self.live:
            return (("systemctl", f"--root={self.root}", "enable", *services),)
        return (
            ("systemd-sysusers", str(FILES["edgectl.sysusers.conf"])),
            ("systemd-tmpfiles", "--create", str(FILES["edgectl.tmpfiles.conf"])),
            *((("chown", "-R", "edgectl:edgectl", str(self.place.folder)),) if self.plan else ()),
            ("systemctl", "daemon-reexec"),  # a reload does not read the hardware watchdog
            *(() if _no_udev() else _UDEV),
            ("systemctl", "enable", *services),
        )


_UDEV = (
    ("udevadm", "control", "--reload"),
    ("udevadm", "trigger", "--action=add", "--subsystem-match=usb-serial"),
    ("udevadm", "trigger", "--action=change", "--subsystem-match=usb", "--subsystem-match=tty"),
)


def _no_udev() -> bool:
    """Containers have none, and get their devices from outside."""
    return not Path("/run/udev/control").exists()


def main(unit: str, overrides: Sequence[str], root: Path, *, dry_run: bool) -> ExitCode:
    """Install for a unit folder or a unit's name; a dry run shows all of it and changes nothing."""
    try:
        installation = _prepare(unit, overrides, root)
        if dry_run:
            _show(installation)
            return ExitCode.OK
        _check_rights(installation)
        _write(installation)
    except Refused as refused:
        click.echo(f"install-service: {refused}", err=True)
        return ExitCode.USAGE
    except OSError as error:
        click.echo(f"install-service: {error.filename}: {error.strerror}", err=True)
        return ExitCode.FAILED
    return _run(installation)


def _prepare(unit: str, overrides: Sequence[str], root: Path) -> Installation:
    folder = Path(unit)
    plan = proposal = None
    if folder.is_dir():
        compiled = compile_folder(folder, overrides)
        tell(compiled)
        if compiled.plan is None:
            raise Refused(f"{folder}: mend what is listed above")
        plan = compiled.plan
        proposal = Proposal(plan, compiled.files, tuple(overrides), _watched(folder.resolve(), root))
    elif "/" in unit or overrides:
        raise Refused(f"{folder}: no such folder")
    else:
        try:
            check_name(unit)
        except Unreadable as wrong:
            raise Refused(str(wrong)) from None
    return Installation(plan.unit if plan else unit, plan, root.absolute(), _prefix(), proposal)


def _watched(folder: Path, root: Path) -> str:
    """The folder whose files the uplink compares with what is approved; none where the services cannot look, or on another machine."""
    if root != Path("/"):
        return ""
    if not any(folder.is_relative_to(hidden) for hidden in HIDDEN):
        return str(folder)
    click.echo(
        f"{folder}: the services cannot see it, so edits there are not noticed; keep it in /etc/edgectl"
    )
    return ""


def _prefix() -> Path:
    """Where the program is: this environment if it has one, else the usual place (from a checkout).

    Raises:
        Refused: the services cannot see it.
    """
    if not Path(sys.prefix, "bin", "edgectl").exists():
        return USUAL
    prefix = Path(sys.prefix)
    if any(prefix.is_relative_to(hidden) for hidden in HIDDEN):
        raise Refused(
            f"the services cannot see {prefix} (ProtectHome, PrivateTmp); install edgectl in {USUAL}"
        )
    return prefix


def _plan_line(installation: Installation) -> str:
    plan, folder = installation.plan, installation.place.plans
    if plan is None:
        return f"plan: the one in force in {folder} (name the unit's folder to put another in force)"
    return f"plan: {folder / plan.digest}.json, in force from the next start of control"


def _show(installation: Installation) -> None:
    for path, text in installation.files().items():
        click.echo(f"==> {path}\n{text}")
    click.echo(f"==> {_plan_line(installation)}")
    for command in installation.commands():
        click.echo(f"run: {' '.join(command)}")
    click.echo("dry run: nothing was changed")


def _check_rights(installation: Installation) -> None:
    """All or nothing: without rights to one place, no place is touched."""
    for path in (*installation.files(), installation.place.folder / "plan"):
        nearest = next(parent for parent in path.parents if parent.exists())
        if not os.access(nearest, os.W_OK):
            raise Refused(f"{nearest} may not be written; run it with sudo, or look first with --dry-run")
    program = installation.below(installation.prefix / "bin" / "edgectl")
    if not program.exists():
        raise Refused(f"{program} is missing; install edgectl there first (README, As a service)")


def _write(installation: Installation) -> None:
    for path, text in installation.files().items():
        if path.is_file() and path.read_text() == text:
            click.echo(f"unchanged {path}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_text(text)
        fresh.chmod(0o644)
        fresh.replace(path)
        click.echo(f"written   {path}")
    if installation.plan is not None:
        store_plan(installation.place.plans, installation.plan)
    proposal, kept = installation.proposal, installation.place.versions
    if proposal is not None and not agrees(in_force(kept), proposal):
        reason = "edgectl install-service"
        keep(kept, proposal, person=user(), at=now_text(), reason=reason, taken="at the next start")
    click.echo(_plan_line(installation))


def _run(installation: Installation) -> ExitCode:
    for command in installation.commands():
        click.echo(f"run: {' '.join(command)}")
        try:
            code = subprocess.run(command, check=False).returncode
        except OSError as error:
            click.echo(f"install-service: {command[0]}: {error.strerror}", err=True)
            return ExitCode.FAILED
        if code:
            click.echo(f"install-service: '{' '.join(command)}' ended with {code}", err=True)
            return ExitCode.FAILED
    if installation.live:
        _, _, *services = installation.commands()[-1]
        click.echo(f"start with: systemctl restart {' '.join(services)}")
    return ExitCode.OK
