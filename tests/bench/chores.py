"""What an uplink may do to a processor, for ever: a 20 ms C call, a query over 100 000 rows and a full collection five times a second."""

from __future__ import annotations

import gc
import json
import sqlite3
import time


def main() -> None:
    document = {str(i): [i] * 20 for i in range(6000)}
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE t (a, b)")
    base.executemany("INSERT INTO t VALUES (?, ?)", ((i, i % 97) for i in range(100_000)))
    while True:
        json.dumps(document)
        base.execute("SELECT b, count(*) FROM t GROUP BY b").fetchall()
        gc.collect()
        time.sleep(0.2)


if __name__ == "__main__":
    main()
