"""The suites of clients: what is installed for each, and how its tests are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PYTEST = ("pytest", "pytest-timeout", "pytest-xdist")
SECONDS_PER_TEST = 900  # a command of the client needs seconds on a busy machine


@dataclass(frozen=True)
class Suite:
    """Tests that a package contains. ``tests``: what pytest runs, names of modules or packages.
    ``variables``: the environment of the tests. The same word is the name of the suite, of its
    virtual environment and of its package on PyPI. ``workers``: how many tests run at once, as in
    the suite's own CI."""

    name: str
    release: str
    tests: tuple[str, ...]
    workers: int = 1
    needs: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def requirements(self) -> list[str]:
        """What is installed from PyPI."""
        return [f"{self.name}=={self.release}", *PYTEST, *self.needs]

    def command(self, venv: Path, report: Path) -> list[str]:
        """The command that runs the tests and writes their results into the file `report`."""
        variables = {"PATH": f"{venv / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin", **self.variables}
        options = ["-q", "-p", "no:cacheprovider", "--tb=native", "--show-capture=no"]
        options += [f"--timeout={SECONDS_PER_TEST}", f"--junitxml={report}"]
        if self.workers > 1:
            options += [f"--numprocesses={self.workers}"]
        (packages,) = venv.glob("lib/python*/site-packages")
        options += [f"--rootdir={packages}", "--pyargs"]  # the names of tests begin at the root
        assigned = [f"{name}={value}" for name, value in variables.items()]
        python = str(venv / "bin" / "python")
        return ["env", *assigned, python, "-m", "pytest", *options, *self.tests]


_SDK = "openstack.tests.functional"
_NOVACLIENT = "novaclient.tests.functional"

SUITES = (
    Suite(
        "openstacksdk",
        "4.22.0",
        (
            f"{_SDK}.compute",
            f"{_SDK}.cloud.test_compute",
            f"{_SDK}.cloud.test_inventory",
            f"{_SDK}.cloud.test_meta",
        ),
        needs=(
            *("ddt", "fixtures", "jsonschema", "oslotest", "prometheus_client", "requests-mock"),
            *("statsd", "testscenarios", "testtools"),
        ),
        variables={"OS_TEST_TIMEOUT": "300"},  # seconds; else 5
    ),
    Suite(
        "python-openstackclient",
        "10.5.0",
        ("openstackclient.tests.functional.compute",),  # one at a time: they count on lists
        needs=("ddt", "fixtures", "requests-mock", "tempest", "testtools"),
    ),
    Suite(
        "python-novaclient",
        "18.13.1",
        (_NOVACLIENT,),
        workers=4,
        needs=(
            *("ddt", "fixtures", "openstacksdk", "python-cinderclient", "python-glanceclient"),
            *("python-keystoneclient", "python-neutronclient", "requests-mock", "tempest"),
            "testtools",
        ),
    ),
)
