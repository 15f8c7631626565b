"""Horizon in a headless Chromium. Its tests are this project's own."""

from __future__ import annotations

from dataclasses import dataclass

from stacklib import auth
from stacklib.stack import REPOSITORY

from testlib.clients.packaged import REPORT
from testlib.clients.place import Place
from testlib.clients.results import Result, read_report

TESTS = "tests/clients/horizon"


@dataclass(frozen=True)
class Horizon:
    """The tests run in the virtual environment of all tests, Horizon in its own. The pictures stay
    in the folder `screenshots` of the suite's directory."""

    name: str = "horizon"
    release: str = "27.0.0"
    about: str = "its pages in a headless Chromium"
    packages: tuple[str, ...] = ("chromium",)

    @property
    def requirements(self) -> list[str]:
        """What is installed from PyPI."""
        return [f"{self.name}=={self.release}"]

    def commands(self, place: Place) -> list[list[str]]:
        """Return the commands that collect the static files, compress them, and run the tests."""
        report = place.directory / REPORT
        report.unlink(missing_ok=True)
        environment = place.environment(
            DJANGO_SETTINGS_MODULE="dashboard_settings",
            PYTHONPATH=str(REPOSITORY / TESTS / "site"),
            HORIZON_FILES=str(place.directory),
            HORIZON_KEYSTONE=auth.url(place.stack),
            HORIZON_PYTHON=place.program("python"),
        )
        django = [*environment, place.program("python"), "-m", "django"]
        python = str(place.stack.venv("test") / "bin" / "python")
        options = ["-q", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={report}"]
        pytest = [python, "-m", "pytest", *options, f"--rootdir={REPOSITORY}"]
        return [
            [*django, "collectstatic", "--noinput", "--verbosity=0"],
            [*django, "compress", "--force", "--verbosity=0"],
            [*environment, *pytest, str(REPOSITORY / TESTS)],
        ]

    def results(self, place: Place) -> list[Result]:
        """Return the results of the report."""
        return read_report(place.directory / REPORT)
