"""Writes the results of the last run as JSON: a list of test, status, seconds and reason.

Run by the Python of Tempest's virtual environment: ``PYTHON read_run.py WORKSPACE FILE``. The
test `setUpClass (CLASS)` stands for all tests of a class.
"""

import json
import pathlib
import sys

import testtools
from stestr.repository import util


def main() -> None:
    rows: list[dict] = []
    stream = testtools.StreamToDict(lambda test: rows.append(_row(test)))
    stream.startTestRun()
    util.get_repo_open(repo_url=sys.argv[1]).get_latest_run().get_test().run(stream)
    stream.stopTestRun()
    pathlib.Path(sys.argv[2]).write_text(json.dumps(rows))


def _row(test: dict) -> dict:
    begin, end = test["timestamps"]
    details = {name: content.as_text() for name, content in test["details"].items()}
    return {
        "test": test["id"],
        "status": test["status"],
        "seconds": (end - begin).total_seconds() if begin and end else 0.0,
        "reason": details.get("reason") or details.get("traceback", ""),
    }


main()
