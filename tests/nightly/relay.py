"""Tests of this folder run in the test host; their reports are repeated here.

Outside, the first test starts the machine with all selected tests, and each test waits for its
reports. Inside, every report is written to the machine's port.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import pytest

from tests.nightly import volume_service
from tests.nightly.machine import image
from tests.nightly.machine.qemu import PORT, Machine

HERE = pathlib.Path(__file__).parent
INSIDE = "NOVA_MINI_TEST_HOST"
GUEST = "NOVA_MINI_GUEST"  # the folder of the small guest's images
SILENCE = 600  # seconds without a report, after which the machine is given up
# A test that hangs prints its stack on the console.
_OPTIONS = ("-p", "no:cacheprovider", "-o", f"faulthandler_timeout={SILENCE // 2}")


class Inside:
    """The plugin inside: writes reports as lines of JSON."""

    def __init__(self, config: pytest.Config):
        self._config = config
        self._port = pathlib.Path("/dev/virtio-ports", PORT)

    def pytest_runtest_logreport(self, report):
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        with self._port.open("w") as port:
            print(json.dumps(data), file=port)


class Outside:
    """The plugin outside: runs no test itself."""

    def __init__(self, config: pytest.Config):
        self._config = config
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="nova-mini-test-host-"))
        self._machine: Machine | None = None
        self._lines: Iterator[str] = iter(())
        self._lost = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        """Replace the run of the test by the reports from the test host."""
        if HERE not in item.path.parents:
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        try:
            self._relay(item)
        except Exception as exc:
            self._lost = self._lost or str(exc)
            item.ihook.pytest_runtest_logreport(report=_failed(item, self._lost))
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _relay(self, item: pytest.Item) -> None:
        if self._lost:
            raise AssertionError(self._lost)
        if self._machine is None:
            chosen = [each.nodeid for each in item.session.items if HERE in each.path.parents]
            self._start(chosen)
        for line in self._lines:
            report = self._config.hook.pytest_report_from_serializable(
                config=self._config, data=json.loads(line)
            )
            assert report.nodeid == item.nodeid
            item.ihook.pytest_runtest_logreport(report=report)
            if report.when == "teardown":
                return

    def _start(self, chosen: list[str]) -> None:
        debian = image.Debian()
        debian.build()
        environment, trees = {INSIDE: "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, {}
        if home := os.environ.get(volume_service.HOME):
            trees["cinder"] = [*pathlib.Path(home).glob("lib/*/site-packages"), f"{home}/etc"]
            environment[volume_service.HOME] = "/mnt/cinder"
        if images := os.environ.get(GUEST):
            trees["guest"] = [f"{images}/disk.raw"]
            environment[GUEST] = "/mnt/guest"
        argv = ["-m", "pytest", *_OPTIONS, "-m", "nightly", *chosen]
        code = self._directory / "code.ext4"
        image.make_code_disk(code, argv, environment, trees)
        self._machine = Machine(self._directory, debian, code)
        self._machine.start()
        self._lines = self._machine.lines(SILENCE)

    def pytest_unconfigure(self):
        if self._machine:
            self._machine.stop()
        shutil.rmtree(self._directory)


def _failed(item: pytest.Item, reason: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={},
        outcome="failed",
        longrepr=reason,
        when="call",
    )


def plugin(config: pytest.Config) -> Inside | Outside:
    return Inside(config) if os.environ.get(INSIDE) else Outside(config)
