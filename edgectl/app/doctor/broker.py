"""The way to the brokers, and when certificates end."""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

from edgectl.app.doctor.finding import Finding, bad, ok, unknown, watch
from edgectl.app.doctor.look import Look
from edgectl.model.uplink_plan import UplinkPlan
from edgectl.uplink.certificate import end_of, end_of_file

_PATIENCE_S = 3.0
_DAY_S = 86_400
_SOON_D, _BEFORE_LONG_D = 7, 30
_RENEW = "renew it; the uplink takes the new file by itself"


def brokers(look: Look) -> Iterator[Finding]:
    """Whether each broker of the plan takes a connection, and the end of the certificate it shows."""
    uplink = look.plan.uplink if look.plan else None
    if uplink is None or not uplink.host:
        yield unknown("broker", "no plan is in force" if uplink is None else "the unit has no uplink")
        return
    if not look.live:
        yield unknown("broker", "not asked: this is an image of a machine")
        return
    for host, port in ((uplink.host, uplink.port), *uplink.also):
        yield from _broker(look, uplink, host, port)


def _broker(look: Look, uplink: UplinkPlan, host: str, port: int) -> Iterator[Finding]:
    about = f"broker {host}:{port}"
    try:
        with socket.create_connection((host, port), _PATIENCE_S) as raw:
            end_s = _shown(raw, host) if uplink.tls else None
    except ssl.SSLError as error:
        yield bad(
            about,
            f"no TLS: {getattr(error, 'reason', '') or error}",
            "check tls and port in uplink.yaml: TLS is usually at 8883",
        )
        return
    except OSError as error:
        yield bad(
            about,
            f"not reachable: {error.strerror or error}",
            "check name, port, network and firewall; records wait in the journal",
        )
        return
    yield ok(about, "takes connections")
    if end_s is not None:
        yield _until(look, f"certificate of {host}", end_s)


def _shown(raw: socket.socket, host: str) -> int | None:
    """When the broker's certificate ends (UTC, s). It is only looked at: nothing is sent, so nobody is trusted here."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(raw, server_hostname=host) as secured:
        der = secured.getpeercert(binary_form=True)
    return end_of(der) if der else None


def certificates(look: Look) -> Iterator[Finding]:
    """The ends of own certificate and of the certificates that are trusted."""
    uplink = look.plan.uplink if look.plan else UplinkPlan()
    files = {"own certificate": uplink.cert_file, "trusted certificate": uplink.ca_file}
    for about, name in files.items():
        if name:
            yield _file(look, about, name)
    if not any(files.values()):
        yield ok("certificates", "the plan names none")


def _file(look: Look, about: str, name: str) -> Finding:
    path = look.path(name) if name.startswith("/") else look.secrets / name
    if not path.parent.exists() or not path.exists():
        return bad(about, f"{path} is not there", "put it there, or mend its name in uplink.yaml")
    try:
        return _until(look, f"{about} {Path(name).name}", end_of_file(str(path)))
    except ValueError as error:
        if "ermission" in str(error):
            raise PermissionError(13, "Permission denied", str(path)) from None
        return bad(about, str(error), "replace the file by a certificate in PEM form")


def _until(look: Look, about: str, end_s: int) -> Finding:
    days = math.floor((end_s - look.now_s()) / _DAY_S)
    if days < 0:
        return bad(about, f"ended {-days} d ago", _RENEW)
    if days < _SOON_D:
        return bad(about, f"ends in {days} d", _RENEW)
    if days < _BEFORE_LONG_D:
        return watch(about, f"ends in {days} d", _RENEW)
    return ok(about, f"good for {days} d")


def uplink(look: Look) -> Iterator[Finding]:
    """What the running unit says of its uplink."""
    picture = look.picture
    if picture is None:
        yield unknown("uplink", f"only a running unit knows: {look.silence}")
        return
    state, notice = picture["unit_state"]["uplink"], picture["notice"]
    if state not in ("connected", "none"):
        yield bad(
            "uplink", f"{state}; records wait in the journal", "edgectl alarms says more; check the broker"
        )
    elif notice:
        yield watch("uplink", notice, "do what it says before it counts")
    else:
        yield ok("uplink", "connected" if state == "connected" else "the unit has none")
