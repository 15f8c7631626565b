"""The suites that the packages of the clients contain: functional tests, which pytest runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from testlib.clients.place import Place
from testlib.clients.results import Result, read_report

PYTEST = ("pytest", "pytest-timeout")
SECONDS_PER_TEST = 900  # a command of the client needs seconds on a busy machine
REPORT = "report.xml"


@dataclass(frozen=True)
class PackagedTests:
    """Tests that a package contains. ``tests``: what pytest runs, names of modules or packages.
    ``variables``: the environment of the tests; ``{venv}`` in them is the virtual environment.
    They run one at a time: many count on lists in which only their own servers are."""

    name: str
    release: str
    tests: tuple[str, ...]
    needs: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    about: str = "its functional tests of the Compute API"
    packages: tuple[str, ...] = ()

    @property
    def requirements(self) -> list[str]:
        """What is installed from PyPI."""
        return [f"{self.name}=={self.release}", *PYTEST, *self.needs]

    def commands(self, place: Place) -> list[list[str]]:
        """Return the command that runs the tests and writes their report."""
        report = place.directory / REPORT
        report.unlink(missing_ok=True)
        variables = {name: text.format(venv=place.venv) for name, text in self.variables.items()}
        options = ["-q", "-p", "no:cacheprovider", "--tb=native", "--show-capture=no"]
        options += [f"--timeout={SECONDS_PER_TEST}", f"--junitxml={report}"]
        (packages,) = place.venv.glob("lib/python*/site-packages")
        options += [f"--rootdir={packages}", "--pyargs"]  # the names of tests begin at the root
        pytest = [place.program("python"), "-m", "pytest", *options, *self.tests]
        return [[*place.environment(**variables), *pytest]]

    def results(self, place: Place) -> list[Result]:
        """Return the results of the report."""
        return read_report(place.directory / REPORT)


_SDK = "openstack.tests.functional"

OPENSTACKSDK = PackagedTests(
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
)

OPENSTACKCLIENT = PackagedTests(
    "python-openstackclient",
    "10.5.0",
    ("openstackclient.tests.functional.compute",),
    needs=("ddt", "fixtures", "requests-mock", "tempest", "testtools"),
)

NOVACLIENT = PackagedTests(
    "python-novaclient",
    "18.13.1",
    ("novaclient.tests.functional",),
    needs=(
        *("ddt", "fixtures", "openstacksdk", "python-cinderclient", "python-glanceclient"),
        *("python-keystoneclient", "python-neutronclient", "requests-mock", "tempest"),
        "testtools",
    ),
    variables={"TOX_ENV_DIR": "{venv}", "OS_NOVACLIENT_NETWORK": "private"},
)
