"""Anchor of G11 and G12: the least code that reads ten values, computes, writes ten outputs, publishes and stores, ten times a second.

No judging, no alarms, no leases, no retries, no configuration: what is left is the cost nobody can avoid in Python.

    python -m tests.bench.floor MODBUS_PORT MQTT_PORT SECONDS      prints one JSON line
"""

from __future__ import annotations

import asyncio
import json
import queue
import sqlite3
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path

import aiomqtt

LOOPS, HZ = 10, 10.0


class Bus(asyncio.Protocol):
    """Modbus TCP with everything in flight: answers are matched by transaction id."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[bytes]] = {}
        self.buffer = b""
        self.serial = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while len(self.buffer) >= 6 and len(self.buffer) >= (
            size := 6 + int.from_bytes(self.buffer[4:6], "big")
        ):
            frame, self.buffer = self.buffer[:size], self.buffer[size:]
            if waiter := self.waiting.pop(int.from_bytes(frame[:2], "big"), None):
                waiter.set_result(frame[7:])

    def ask(self, unit: int, pdu: bytes) -> asyncio.Future[bytes]:
        self.serial = (self.serial + 1) & 0xFFFF
        waiter = self.waiting[self.serial] = asyncio.get_running_loop().create_future()
        self.transport.write(struct.pack(">HHHB", self.serial, 0, len(pdu) + 1, unit) + pdu)
        return waiter


def store(rows: queue.SimpleQueue[list[tuple[int, str]] | None], path: Path) -> None:
    """One commit a second in its own thread."""
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("PRAGMA journal_mode=WAL")
    base.execute("PRAGMA synchronous=FULL")
    base.execute("CREATE TABLE sample (id INTEGER PRIMARY KEY, t INTEGER, payload TEXT)")
    while (batch := rows.get()) is not None:
        base.execute("BEGIN")
        base.executemany("INSERT INTO sample (t, payload) VALUES (?, ?)", batch)
        base.execute("COMMIT")
    base.close()


async def main(modbus: int, mqtt: int, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    _, bus = await loop.create_connection(Bus, "127.0.0.1", modbus)
    rows: queue.SimpleQueue[list[tuple[int, str]] | None] = queue.SimpleQueue()
    batch: list[tuple[int, str]] = []
    integral = [0.0] * LOOPS
    cycle_s = []
    with tempfile.TemporaryDirectory() as folder:
        writer = threading.Thread(target=store, args=(rows, Path(folder) / "floor.db"))
        writer.start()
        async with aiomqtt.Client("127.0.0.1", mqtt) as client:
            begun_cpu, begun = time.process_time(), loop.time()
            for tick in range(int(seconds * HZ)):
                await asyncio.sleep(max(0.0, begun + tick / HZ - loop.time()))
                at = loop.time()
                answers = await asyncio.gather(
                    *(bus.ask(1 + i, b"\x04\x00\x00\x00\x02") for i in range(LOOPS))
                )
                values = [struct.unpack(">f", answer[2:6])[0] for answer in answers]
                for i, value in enumerate(values):
                    integral[i] = min(100.0, max(0.0, integral[i] + 0.01 * (37.0 - value)))
                await asyncio.gather(
                    *(bus.ask(1 + i, struct.pack(">BHH", 6, 0, int(integral[i] * 10))) for i in range(LOOPS))
                )
                cycle_s.append(loop.time() - at)
                text = json.dumps({f"v{i}": value for i, value in enumerate(values)})
                await client.publish("floor/data", text, qos=1)
                batch.append((time.time_ns(), text))
                if tick % int(HZ) == 0:
                    rows.put(batch)
                    batch = []
            cpu = (time.process_time() - begun_cpu) / (loop.time() - begun)
        rows.put(None)
        writer.join()
    bus.transport.close()
    cycle_s.sort()
    print(
        json.dumps(
            {"cpu": cpu, "p50_s": cycle_s[len(cycle_s) // 2], "p99_s": cycle_s[int(len(cycle_s) * 0.99)]}
        )
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
