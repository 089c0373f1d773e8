"""What every test may count on."""

from __future__ import annotations

import os

import hypothesis
import pytest
from xdist.remote import Producer

from tests import lanes

# Debian keeps servers such as mosquitto where an ordinary user's shell does not look.
os.environ["PATH"] = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

# How long an example takes says more about the machine and its other work than about the code.
hypothesis.settings.register_profile("edgectl", deadline=None)
hypothesis.settings.load_profile("edgectl")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many normal batches are rehearsed to prove that no plausibility check cries wolf, and how long each is."""
    parser.addoption(
        "--batches", type=int, default=2, help="normal batches that must raise no alarm (all: 50)"
    )
    parser.addoption("--batch-hours", type=float, default=1.0, help="length of each (all: 3)")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs side by side; chosen files, and whoever wants to see or debug a test, have one process as ever."""
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS and config.getoption("capture") != "no"
    return lanes.workers() if whole else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> lanes.Lanes:
    """See ``tests.lanes``."""
    return lanes.Lanes(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """A process that runs a share of the tests yields where it only computes."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(lanes.Worker(), "lanes")
