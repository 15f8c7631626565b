"""A server of Horizon, and browsers in which users have logged in."""

from __future__ import annotations

import os
import pathlib
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
import yaml

from tests.clients.horizon.dashboard import Dashboard
from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import chromium

PORT = 8080
URL = f"http://127.0.0.1:{PORT}"
FILES = pathlib.Path(os.environ.get("HORIZON_FILES", "."))
_SECONDS = 60


@pytest.fixture(scope="session")
def horizon() -> Iterator[str]:
    """The URL of Horizon, which runs until the tests end."""
    # --insecure: Django serves the static files too, though it does not debug.
    serve = ["-m", "django", "runserver", "--noreload", "--insecure", f"127.0.0.1:{PORT}"]
    with (FILES / "horizon.log").open("w") as log:
        process = subprocess.Popen(
            [os.environ["HORIZON_PYTHON"], *serve], stdout=log, stderr=log, cwd=FILES
        )
        try:
            until("Horizon answers", lambda: _answers(process), _SECONDS, pause=0.5)
            yield URL
        finally:
            process.terminate()
            process.wait(_SECONDS)


def _answers(process: subprocess.Popen) -> bool:
    assert process.poll() is None, "Horizon has ended: see horizon.log"
    try:
        with urllib.request.urlopen(f"{URL}/auth/login/", timeout=_SECONDS) as answer:
            return answer.status == 200
    except urllib.error.URLError:
        return False


@pytest.fixture(scope="module")
def visitor(horizon: str) -> Iterator[Dashboard]:
    """A browser without a user's session."""
    with chromium.opened("about:blank") as page:
        yield Dashboard(page, horizon, FILES / "screenshots")


@pytest.fixture(scope="module")
def demo(horizon: str) -> Iterator[Dashboard]:
    """A browser of the user demo."""
    yield from _logged_in(horizon, "devstack")


@pytest.fixture(scope="module")
def admin(horizon: str) -> Iterator[Dashboard]:
    """A browser of the administrator."""
    yield from _logged_in(horizon, "devstack-admin")


def _logged_in(horizon: str, cloud: str) -> Iterator[Dashboard]:
    clouds = yaml.safe_load((FILES / "clouds.yaml").read_text())["clouds"]
    user = clouds[cloud]["auth"]
    with chromium.opened("about:blank") as page:
        dashboard = Dashboard(page, horizon, FILES / "screenshots")
        dashboard.log_in(user["username"], user["password"])
        yield dashboard
