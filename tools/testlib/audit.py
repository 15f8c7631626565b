"""Known vulnerabilities of the dependencies: pip-audit, with PyPI's advisories."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from stacklib import venvs
from stacklib.components.venv import NovaMiniVenv
from stacklib.stack import Stack

from testlib.outcome import Outcome
from testlib.surroundings import VENV

PIP_AUDIT = "pip-audit==2.10.1"
SECONDS = 600
OWN = "nova-mini"  # not on PyPI


def audit(stack: Stack) -> list[Outcome]:
    """Audit the virtual environments of the services and of the tests. The outcomes count
    packages."""
    NovaMiniVenv().install(stack)
    venvs.ensure(stack, "audit", [PIP_AUDIT], [])
    return [_audit(stack, name) for name in ("nova-mini", VENV)]


def _audit(stack: Stack, name: str) -> Outcome:
    began = time.monotonic()
    (libraries,) = stack.venv(name).glob("lib/python*/site-packages")
    text, error = _ask(stack.venv("audit") / "bin" / "pip-audit", libraries)
    outcome = judge(f"audit {name}", text, error)
    outcome.seconds = time.monotonic() - began
    if outcome.excuse:
        print(f"test: {outcome.name}: could not be checked: {outcome.excuse}", file=sys.stderr)
    return outcome


def _ask(program: Path, libraries: Path) -> tuple[str, str]:
    """Run pip-audit. Return its findings and its error message."""
    argv = [str(program), "--path", str(libraries), "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "", f"pip-audit did not end in {SECONDS} s"
    return done.stdout, done.stderr


def judge(name: str, text: str, error: str) -> Outcome:
    """Count the packages of pip-audit's JSON: with a known vulnerability, without, unknown.

    pip-audit succeeds if PyPI (for example a mirror without advisories) knows none of the packages.
    This does not count as "no vulnerability".
    """
    try:
        packages = [each for each in json.loads(text)["dependencies"] if each["name"] != OWN]
    except (ValueError, KeyError, TypeError):
        lines = error.strip().splitlines() or ["pip-audit printed nothing"]
        return Outcome(name, skipped=1, excuse=lines[-1])
    unknown = [each for each in packages if "skip_reason" in each]
    bad = [each for each in packages if each.get("vulns")]
    for line in _lines(bad):
        print(f"test: {name}: {line}", file=sys.stderr)
    passed = len(packages) - len(unknown) - len(bad)
    excuse = "" if passed or bad else _excuse(unknown)
    return Outcome(name, passed, len(bad), len(unknown), excuse=excuse)


def _lines(bad: list[dict]) -> Iterator[str]:
    for package in bad:
        for each in package["vulns"]:
            fixed = ", ".join(each["fix_versions"]) or "no release"
            yield f"{package['name']} {package['version']}: {each['id']}, fixed in {fixed}"


def _excuse(unknown: list[dict]) -> str:
    return unknown[0]["skip_reason"] if unknown else "pip-audit found no package"
