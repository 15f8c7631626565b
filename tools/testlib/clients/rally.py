"""Rally's scenarios with servers: small loads, by users that Rally creates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from stacklib import auth, files
from stacklib.stack import REPOSITORY

from testlib.clients.place import Place
from testlib.clients.results import FAILED, PASSED, Result

TASK = REPOSITORY / "tests" / "clients" / "rally" / "servers.yaml"
ENVIRONMENT = "nova_mini"


@dataclass(frozen=True)
class Rally:
    """A test is a scenario, which passes when each of its iterations does."""

    name: str = "rally-openstack"
    release: str = "4.1.0"
    about: str = "its scenarios NovaServers, each twice, by two users at once"
    packages: tuple[str, ...] = ()

    @property
    def requirements(self) -> list[str]:
        """What is installed from PyPI."""
        return [f"{self.name}=={self.release}", "rally==5.1.1"]

    def commands(self, place: Place) -> list[list[str]]:
        """Write the configuration and the specification of the cloud. Return the commands that
        make an empty database, run the scenarios and write the report."""
        database = place.directory / "rally.sqlite"
        for old in (database, _report(place)):
            old.unlink(missing_ok=True)
        sections = {"database": {"connection": f"sqlite:///{database}"}}
        configuration = place.directory / "rally.conf"
        files.write(configuration, files.ini(sections))
        specification = place.directory / "cloud.json"
        files.write(specification, json.dumps({"existing@openstack": _cloud(place)}))
        rally = [
            *place.environment(HOME=str(place.directory)),
            place.program("rally"),
            f"--config-file={configuration}",
        ]
        create = ["env", "create", "--name", ENVIRONMENT, "--spec", str(specification)]
        run = ["task", "start", str(TASK), "--env", ENVIRONMENT]
        report = ["task", "report", "--json", "--out", str(_report(place))]
        return [[*rally, *each] for each in (["db", "create"], create, run, report)]

    def results(self, place: Place) -> list[Result]:
        """Return a result for each scenario of the report; none if there is no report."""
        report = _report(place)
        return list(_read(json.loads(report.read_text()))) if report.exists() else []


def _report(place: Place):
    return place.directory / "report.json"


def _cloud(place: Place) -> dict:
    admin = {
        "username": "admin",
        "password": place.stack.secrets["user-admin"],
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    return {"auth_url": auth.url(place.stack), "region_name": auth.REGION, "admin": admin}


def _read(report: dict) -> Iterator[Result]:
    for task in report["tasks"]:
        for subtask in task["subtasks"]:
            for workload in subtask["workloads"]:
                (name,) = workload["scenario"]
                seconds = [each["duration"] for each in workload["data"]]
                mean = sum(seconds) / len(seconds) if seconds else 0.0
                if workload["pass_sla"] and workload["total_iteration_count"]:
                    yield Result(name, PASSED, seconds=mean)
                else:
                    yield Result(name, FAILED, _reason(workload), seconds=mean)


def _reason(workload: dict) -> str:
    """The first error of an iteration, or else the limit that was not kept."""
    errors = [each["error"] for each in workload["data"] if each.get("error")]
    limits = [each["detail"] for each in workload["sla_results"]["sla"] if not each["success"]]
    if errors:
        return " ".join(str(part) for part in errors[0][:2])
    return limits[0] if limits else "no iteration ran"
