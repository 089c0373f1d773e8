"""A real systemd, as first process of a real Debian in a container, runs the real services: ``./dev systemd``.

Needs root, debootstrap and systemd-nspawn. The Debian tree and the packages are kept in the cache; a run works on an overlay of them and
leaves nothing behind. What is done and measured inside is in ``inside.py``. Exit code 1 if a step fails.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PREFIX = "opt/edgectl"
BOOT_S = 420.0
MIRROR = "http://deb.debian.org/debian"
COMPILED = (
    "aiomqtt", "click", "edgectl", "hil", "paho", "pydantic", "pydantic_settings", "pymodbus", "serial",
    "simple_pid", "structlog", "yaml",
)  # fmt: skip
PROOF = """[Unit]
Description=The proof
After=multi-user.target
[Service]
Type=exec
ExecStart=/opt/edgectl/bin/python /opt/proof/inside.py /opt/proof/steps
ExecStopPost=/usr/bin/systemctl poweroff --no-block
StandardOutput=journal+console
"""


def run(*command: str | Path, quiet: bool = True) -> None:
    """Run a program; what it says is shown if it fails."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=quiet, text=True, check=False, cwd=ROOT
    )
    if done.returncode:
        sys.exit(
            f"systemd: {' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )


def debian(cache: Path, suite: str) -> Path:
    """A Debian tree: whole or not there."""
    tree = cache / suite
    if not tree.exists():
        print(f"systemd: making a Debian {suite} in {tree} (once; a minute or two)", flush=True)
        fresh = cache / f"{suite}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        packages = "--include=python3,systemd,systemd-sysv,dbus"
        run("debootstrap", "--variant=minbase", packages, suite, fresh, MIRROR)
        fresh.rename(tree)
    return tree


def packages(cache: Path, python: str) -> Path:
    """The locked packages for the Python of the tree."""
    lock = ROOT / "requirements.lock"
    site = cache / f"{python}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not site.exists():
        print(f"systemd: fetching the packages of requirements.lock for {python} (once)", flush=True)
        fresh = site.with_name(f"{site.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        options = ("--only-binary=:all:", "--python-version", python.removeprefix("python"), "--no-deps")
        pip("install", *options, "--require-hashes", "--target", fresh, "-r", lock)
        fresh.rename(site)
    return site


def pip(*words: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words)


@contextlib.contextmanager
def overlay(tree: Path) -> Iterator[Path]:
    """A copy of the tree that costs nothing and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="edgectl-systemd-") as name:
        folder = Path(name)
        for part in ("upper", "work", "root"):
            (folder / part).mkdir()
        root = folder / "root"
        layers = f"lowerdir={tree},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, root)
        try:
            yield root
        finally:
            run("umount", root)


def install(root: Path, python: str, site: Path) -> None:
    """edgectl as a wheel in /opt/edgectl, with its packages beside it, and the proof."""
    prefix = root / PREFIX
    target = prefix / "lib" / python / "site-packages"
    shutil.copytree(site, target, symlinks=True)
    with tempfile.TemporaryDirectory() as wheels:
        pip("wheel", "--no-deps", "--wheel-dir", wheels, ROOT)
        (wheel,) = Path(wheels).glob("*.whl")
        pip("install", "--no-deps", "--no-compile", "--upgrade", "--target", target, wheel)
    # As an ordinary installation does; the services may not write there, and would compile anew at every start.
    inner = f"/{PREFIX}/lib/{python}/site-packages"
    run("chroot", root, "python3", "-m", "compileall", "-q", *(f"{inner}/{name}" for name in COMPILED))
    (prefix / "bin").mkdir()
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (prefix / "bin" / "python").symlink_to("/usr/bin/python3")
    program = prefix / "bin" / "edgectl"
    program.write_text("#!/opt/edgectl/bin/python\nfrom edgectl.__main__ import main\n\nmain()\n")
    program.chmod(0o755)
    proof = root / "opt" / "proof"
    proof.mkdir()
    shutil.copy(Path(__file__).with_name("inside.py"), proof)
    service = root / "etc" / "systemd" / "system" / "proof.service"
    service.write_text(PROOF)
    wanted = service.parent / "multi-user.target.wants"
    wanted.mkdir(exist_ok=True)
    (wanted / service.name).symlink_to(f"../{service.name}")


def boot(root: Path, log: Path) -> list[dict[str, object]]:
    """Boot the tree, show each step as it is done, and wait for the end."""
    options = ("--register=no", "--keep-unit", "--private-network", "--capability=CAP_IPC_LOCK", "--boot")
    steps: list[dict[str, object]] = []
    deadline = time.monotonic() + BOOT_S
    with (
        log.open("wb") as console,
        subprocess.Popen(
            ["systemd-nspawn", "--directory", str(root), *options],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
        ) as container,
    ):
        while container.poll() is None and time.monotonic() < deadline:
            time.sleep(0.5)
            steps += show(root, len(steps))
        if container.poll() is None:
            container.terminate()  # systemd inside powers off
            with contextlib.suppress(subprocess.TimeoutExpired):
                container.wait(30)
            container.kill()
    return steps + show(root, len(steps))


def show(root: Path, shown: int) -> list[dict[str, object]]:
    """Print the steps that have come since; a line that is being written waits for the next look."""
    path = root / "opt" / "proof" / "steps"
    text = path.read_text() if path.exists() else ""
    fresh: list[dict[str, object]] = [
        json.loads(line) for line in text.splitlines(keepends=True)[shown:] if line.endswith("\n")
    ]
    for step in fresh:
        print(f"{step['verdict']:<6} {step['seconds']:7.2f} s  {step['name']}: {step['detail']}", flush=True)
    return fresh


def main() -> int:
    """Prove it, and say whether all of it held."""
    parser = argparse.ArgumentParser(prog="./dev systemd", description=__doc__)
    parser.add_argument("--suite", default="bookworm", help="Debian release (bookworm, trixie)")
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    parser.add_argument("--cache", type=Path, default=Path(cache_home) / "edgectl", help="kept between runs")
    parser.add_argument("--log", type=Path, default=ROOT / "build" / "systemd.log", help="the console")
    asked = parser.parse_args()
    missing = [name for name in ("debootstrap", "systemd-nspawn") if shutil.which(name) is None]
    if missing or os.geteuid():
        sys.exit("systemd: needs root and: apt-get install debootstrap systemd-container")
    asked.cache.mkdir(parents=True, exist_ok=True)
    asked.log.parent.mkdir(parents=True, exist_ok=True)
    tree = debian(asked.cache, asked.suite)
    python = (tree / "usr" / "bin" / "python3").readlink().name
    site = packages(asked.cache, python)
    with overlay(tree) as root:
        install(root, python, site)
        steps = boot(root, asked.log)
    whole = bool(steps) and steps[-1]["name"] == "end"
    failed = [step for step in steps if step["verdict"] != "ok"]
    print(
        f"{len(steps)} steps, {len(failed)} failed{'' if whole else '; it did not come to its end'}; console in {asked.log}"
    )
    return 0 if whole and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
