"""`python -m hil.host`: stand between an edge node and its brokers as a host, and judge it by the Sparkplug rules."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys

from hil.host.checker import Checker
from hil.host.host import Host
from hil.host.report import table
from hil.host.session import Settings
from hil.host.tap import Tap, now_ms


def main() -> int:
    """0 if no rule was broken, 1 if one was or a broker could not be reached, 2 for a wrong command line."""
    arguments = _parser().parse_args()
    try:
        return asyncio.run(_run(arguments))
    except OSError as error:
        print(f"hil.host: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hil.host",
        description=__doc__,
        epilog="Point the edge node at the ports that are printed, one for each broker; stop with Ctrl-C or --for.",
    )
    add = parser.add_argument
    add(
        "--broker",
        type=_address,
        action="append",
        required=True,
        metavar="HOST:PORT",
        help="repeat for more, in the node's order",
    )
    add(
        "--listen",
        type=int,
        action="append",
        default=[],
        metavar="PORT",
        help="where the node finds each (0: free ones)",
    )
    add("--group", required=True)
    add("--node", required=True)
    add("--device", action="append", default=[], help="one that is there whenever the node is")
    add("--writable", action="append", default=[], metavar="DEVICE", help="one that takes commands")
    add("--host-id", metavar="ID", help="say STATE under this id")
    add("--primary", action="store_true", help="the node waits for that host")
    add(
        "--client-id",
        help="MQTT client id of the node's Sparkplug connection (default: known by what it does)",
    )
    add("--first-bdseq", type=int, metavar="N", help="what the first CONNECT must carry (default: anything)")
    add(
        "--allow",
        action="append",
        default=[],
        metavar="RULE=REASON",
        type=_deviation,
        help="a SHOULD broken on purpose",
    )
    add("--rebirth", type=float, metavar="SECONDS", help="ask for a rebirth so often")
    add("--for", dest="for_s", type=float, metavar="SECONDS", help="stop after so long")
    add("--red", action="store_true", help="print broken rules only")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


def _deviation(text: str) -> tuple[str, str]:
    rule, found, reason = text.partition("=")
    if not found or not reason:
        raise argparse.ArgumentTypeError(f"{text}: a rule, = and a reason are needed")
    return rule, reason


def _settings(arguments: argparse.Namespace) -> Settings:
    return Settings(
        group=arguments.group,
        node=arguments.node,
        client_id=arguments.client_id,
        primary_host=arguments.host_id if arguments.primary else None,
        servers=tuple(_name(broker) for broker in arguments.broker),
        devices=tuple(arguments.device),
        writable=tuple(arguments.writable),
        deviations=dict(arguments.allow),
        first_bdseq=arguments.first_bdseq,
    )


def _name(broker: tuple[str, int]) -> str:
    return f"{broker[0]}:{broker[1]}"


async def _run(arguments: argparse.Namespace) -> int:
    try:
        checker = Checker(_settings(arguments))
    except ValueError as error:
        print(f"hil.host: {error}", file=sys.stderr)
        return 2
    taps = [Tap(_name(broker), broker, checker.feed) for broker in arguments.broker]
    ports = [*arguments.listen, *[0] * len(taps)]
    for tap, wanted in zip(taps, ports, strict=False):
        print(f"{tap.name} is at 127.0.0.1:{await tap.start(port=wanted)}", flush=True)
    async with Host(arguments.host_id, arguments.broker, group=arguments.group) as host:
        await _wait(arguments, host)
        for tap in taps:
            await tap.stop()
    checker.finish(now_ms())
    print(table(checker.rows(), every=not arguments.red))
    faults = [fault for tap in taps for fault in tap.faults]
    for fault in faults:
        print(f"no MQTT: {fault}")
    print(
        f"{len(host.values)} values, {host.duplicates} came again, {len(host.tracker.clashes)} of them differed"
    )
    silent = not any(row.checked for row in checker.rows())
    if silent:
        print(f"nothing was seen of {arguments.group}/{arguments.node}")
    return int(bool(checker.red() or faults or silent))


async def _wait(arguments: argparse.Namespace, host: Host) -> None:
    """Until the time is over or a signal comes; rebirths meanwhile."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(arguments.for_s):
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), arguments.rebirth)
                    return
                await host.rebirth(arguments.node)


if __name__ == "__main__":
    sys.exit(main())
