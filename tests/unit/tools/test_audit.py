"""The results of pip-audit for the dependencies, also incomplete ones."""

import json

from testlib.audit import judge

SOUND = {"name": "lxml", "version": "6.0.0", "vulns": []}
OWN = {"name": "nova-mini", "skip_reason": "distribution marked as editable"}
UNKNOWN = {"name": "attrs", "skip_reason": "Dependency not found on PyPI and could not be audited"}
BAD = {
    "name": "jinja2",
    "version": "3.1.2",
    "vulns": [{"id": "GHSA-h5c8", "fix_versions": ["3.1.3"], "aliases": [], "description": ""}],
}


def judged(*packages, error=""):
    return judge("audit", json.dumps({"dependencies": packages, "fixes": []}), error)


def test_sound_packages_pass():
    outcome = judged(SOUND, OWN)
    assert (outcome.passed, outcome.failed, outcome.skipped) == (1, 0, 0)
    assert outcome.well


def test_a_known_vulnerability_fails_and_is_shown(capsys):
    outcome = judged(SOUND, BAD)
    assert (outcome.passed, outcome.failed) == (1, 1)
    assert not outcome.well
    assert "jinja2 3.1.2: GHSA-h5c8, fixed in 3.1.3" in capsys.readouterr().err


def test_packages_that_could_not_be_checked_fail():
    outcome = judged(UNKNOWN, OWN)
    assert (outcome.passed, outcome.failed, outcome.skipped) == (0, 0, 1)
    assert "could not be audited" in outcome.excuse
    assert outcome.well, "it is a skip with a reason"


def test_a_service_that_is_not_reached_is_a_skip_with_its_reason():
    outcome = judge("audit", "", "Traceback\nConnectionError: no route")
    assert (outcome.passed, outcome.skipped) == (0, 1)
    assert outcome.excuse == "ConnectionError: no route"
