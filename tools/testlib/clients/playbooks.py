"""Ansible's collection openstack.cloud: playbooks that create and delete, each run twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from stacklib import files
from stacklib.stack import REPOSITORY

from testlib.clients.place import Place
from testlib.clients.results import FAILED, Result, read_report

PLAYBOOKS = REPOSITORY / "tests" / "clients" / "ansible"

# The name of the run, its playbook, and whether each task that changes something has failed.
RUNS = (
    ("create", "create.yml", False),
    ("create again", "create.yml", True),
    ("delete", "delete.yml", False),
    ("delete again", "delete.yml", True),
)


@dataclass(frozen=True)
class Playbooks:
    """``name``: the package that contains the collection. A test is a task of a run."""

    name: str = "ansible"
    release: str = "12.3.0"
    about: str = "a playbook with `openstack.cloud` 2.5.0, run twice; the same for its deletion"
    packages: tuple[str, ...] = ()

    @property
    def requirements(self) -> list[str]:
        """What is installed from PyPI."""
        # The collection reads openstack.version, which newer releases do not import by themselves.
        return [f"{self.name}=={self.release}", "openstacksdk==4.13.0"]

    def commands(self, place: Place) -> list[list[str]]:
        """Return a command for each run."""
        return [self._run(place, *each) for each in RUNS]

    def results(self, place: Place) -> list[Result]:
        """Return a result for each task that ran."""
        return [result for name, _, _ in RUNS for result in self._of_run(place, name)]

    def _run(self, place: Place, name: str, playbook: str, no_change: bool) -> list[str]:
        for report in _reports(place, name):
            report.unlink()
        environment = place.environment(
            ANSIBLE_HOME=str(place.directory / "home"),
            ANSIBLE_CALLBACKS_ENABLED="junit",
            ANSIBLE_LOCALHOST_WARNING="false",
            ANSIBLE_NOCOLOR="true",
            JUNIT_OUTPUT_DIR=str(_folder(place, name)),
            JUNIT_FAIL_ON_CHANGE=str(no_change).lower(),
            JUNIT_HIDE_TASK_ARGUMENTS="true",
        )
        return [*environment, place.program("ansible-playbook"), str(PLAYBOOKS / playbook)]

    def _of_run(self, place: Place, name: str) -> Iterator[Result]:
        reports = _reports(place, name)
        if not reports:
            yield Result(f"{name}: all", FAILED, "the run has no report")
        for report in reports:
            for result in read_report(report):
                task = result.test.rpartition(": ")[2]
                yield replace(result, test=f"{name}: {task}")


def _folder(place: Place, name: str) -> Path:
    return files.directory(place.directory / name.replace(" ", "-"), 0o700)


def _reports(place: Place, name: str) -> list[Path]:
    return sorted(_folder(place, name).glob("*.xml"))
