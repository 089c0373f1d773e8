"""The site broker of configs/broker lets each speak and hear as what its certificate says, and nobody else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.uplink.authority import Authority
from tests.uplink.site import Listener, Site

pytestmark = pytest.mark.slow

UNIT, OTHER, HOST, SCREEN, HISTORIAN = "BR-201", "BR-202", "scada-1", "node-red", "telegraf"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    found = Authority(tmp_path_factory.mktemp("pki") / "site")
    found.broker()
    found.client(UNIT, OTHER, HOST, SCREEN, HISTORIAN, "gone", "stranger")
    found.revoke("gone")
    return found


@pytest.fixture(scope="module")
def site(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    broker = Site(tmp_path_factory.mktemp("site"), authority)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


OWN = (
    *(f"spBv1.0/site-1/{verb}/{UNIT}" for verb in ("NBIRTH", "NDEATH", "NDATA")),
    *(f"spBv1.0/site-1/{verb}/{UNIT}/bioreactor" for verb in ("DBIRTH", "DDEATH", "DDATA")),
    *(f"site-1/{UNIT}/{kind}" for kind in ("tag/TT-1", "loop/TIC-1", "actuator/P-1", "event", "answer", "status", "marker")),
)  # fmt: skip
FOREIGN = tuple(topic.replace(UNIT, OTHER) for topic in OWN)
ORDERS = (f"spBv1.0/site-1/NCMD/{UNIT}", f"spBv1.0/site-1/DCMD/{UNIT}/bioreactor", f"site-1/{UNIT}/command")
FOREIGN_ORDERS = tuple(topic.replace(UNIT, OTHER) for topic in ORDERS)
ELSEWHERE = (
    f"spBv1.0/site-2/NBIRTH/{UNIT}", f"site-2/{UNIT}/status", f"spBv1.0/STATE/{UNIT}", f"spBv1.0/STATE/{HOST}", "x",
    f"site-1/{UNIT}", f"site-1/{UNIT}/tag/a/b", f"spBv1.0/site-1/DDATA/{UNIT}/a/b",
)  # fmt: skip


@pytest.mark.parametrize(
    ("who", "granted", "denied"),
    [
        (UNIT, OWN, (*FOREIGN, *ORDERS, *FOREIGN_ORDERS, *ELSEWHERE)),
        (HOST, (*ORDERS, f"spBv1.0/STATE/{HOST}"), (*FOREIGN_ORDERS, *OWN, "spBv1.0/STATE/scada-2", "bridge/site-1")),
        (SCREEN, ORDERS[2:], (*ORDERS[:2], *FOREIGN_ORDERS, *OWN, f"spBv1.0/STATE/{HOST}")),
        (HISTORIAN, (), (*ORDERS, *OWN, f"spBv1.0/STATE/{HOST}")),
        ("stranger", (), (*ORDERS, *OWN, f"spBv1.0/STATE/{HOST}")),
    ],
    ids=["unit", "primary host", "screen", "historian", "somebody nobody knows"],
)  # fmt: skip
def test_each_publishes_as_itself_only(
    who: str, granted: tuple[str, ...], denied: tuple[str, ...], site: Site, authority: Authority
) -> None:
    """Everything that is tried counts; what is denied never reaches a reader who may read all."""
    ears = [
        Listener(site, authority, HOST),
        Listener(site, authority, UNIT),
        Listener(site, authority, OTHER),
    ]
    for topic in (*denied, *granted):
        assert site.say(who, topic)
    end = f"site-1/{UNIT}/event"
    assert site.say(UNIT, end, '{"the": "end"}')
    ears[0].until(end, 2 if end in granted else 1)
    heard = [topic for ear in ears for topic in ear.stop()]
    assert set(heard) - {end} == set(granted) - {end}


def test_a_unit_reads_its_own_commands_and_the_state_of_hosts_only(site: Site, authority: Authority) -> None:
    ears = {who: Listener(site, authority, who) for who in (UNIT, OTHER, HISTORIAN)}
    for topic in (*OWN, f"site-1/{UNIT}/event"):
        assert site.say(UNIT, topic)
    for topic in (f"spBv1.0/STATE/{HOST}", *ORDERS):
        assert site.say(HOST, topic)
    ears[UNIT].until(ORDERS[2])
    heard = {who: set(ear.stop()) for who, ear in ears.items()}
    state = f"spBv1.0/STATE/{HOST}"
    assert heard[UNIT] == {*ORDERS, state, f"site-1/{UNIT}/status", f"spBv1.0/site-1/NBIRTH/{UNIT}"}
    assert heard[OTHER] == {state}
    assert heard[HISTORIAN] == {
        state,
        *(topic for topic in (*OWN, *ORDERS) if topic.startswith("site-1/")),
    }


def test_nobody_leaves_a_will_in_the_name_of_another(site: Site, authority: Authority) -> None:
    """A death that another unit had announced for it would take it from the SCADA."""
    ear = Listener(site, authority, HOST)
    for will in (FOREIGN[1], OWN[1]):
        command = ["mosquitto_sub", "-h", "localhost", "-p", str(site.port), *authority.words(UNIT), "-t", ORDERS[0],
                   "--will-topic", will, "--will-payload", "dead"]  # fmt: skip
        dying = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            dying.wait(1.0)
        except subprocess.TimeoutExpired:
            dying.kill()
            dying.wait()
    ear.until(OWN[1])
    assert FOREIGN[1] not in ear.stop()


def test_without_a_certificate_of_the_site_nobody_comes_in(
    site: Site, authority: Authority, tmp_path: Path
) -> None:
    """No certificate, that of another authority, a revoked one, one that is over, no TLS, and a name without a certificate."""
    stranger = Authority(tmp_path / "other", "other site")
    stranger.client(UNIT)
    authority.ended("late")
    trust, topic = ["--cafile", authority.file("ca.pem")], ["-t", OWN[0], "-m", "{}"]
    foreign = ["--cert", stranger.file(f"{UNIT}.pem"), "--key", stranger.file(f"{UNIT}.key")]
    ear = Listener(site, authority, HOST)
    refused = {
        "none": site.raw(*trust, *topic),
        "name": site.raw(*trust, *topic, "-u", UNIT, "-P", "secret"),
        "foreign": site.raw(*trust, *foreign, *topic),
        "revoked": site.raw(*authority.words("gone"), *topic),
        "late": site.raw(*authority.words("late"), *topic),
        "plain": site.raw(*topic),
    }
    assert site.say(UNIT, OWN[0])
    ear.until(OWN[0])
    assert [name for name, done in refused.items() if done.returncode == 0] == []
    assert len(ear.stop()) == 1


def test_a_client_that_does_not_find_its_own_broker_says_nothing(site: Site, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other", "other site")
    other.client(UNIT)
    assert not site.say(UNIT, OWN[0], authority=other)


def test_what_is_too_large_is_not_passed_on(site: Site, authority: Authority) -> None:
    ear = Listener(site, authority, HOST)
    for size in (300_000, 200_000):
        site.raw(*authority.words(UNIT), "-t", OWN[3], "-q", "1", "-s", input=b"x" * size)
    assert [len(message["payload"]) for message in ear.until(OWN[3])] == [200_000]
    ear.stop()


def test_a_restart_of_the_broker_keeps_the_status(site: Site, authority: Authority) -> None:
    assert site.say(UNIT, f"site-1/{UNIT}/status", '{"status": "online"}', "--retain")
    site.stop()
    site.start()
    ear = Listener(site, authority, HISTORIAN)
    [message] = ear.until(f"site-1/{UNIT}/status")
    assert message["retain"] == 1
    ear.stop()
