"""Commands print one line when the configuration is wrong or the database is unavailable."""

import pathlib
import subprocess
import sys

import pytest

UNSET = ""
AWAY = "[database]\nconnection = mysql+pymysql://user:secret@127.0.0.1:1/nova_mini\n"
NO_URL = "[database]\nconnection = secret\n"
UNKNOWN = "[database]\nconnection = oracledb7://user:secret@127.0.0.1/nova_mini\n"


def run(module: str, *arguments: str) -> subprocess.CompletedProcess:
    argv = [sys.executable, "-m", f"nova_mini.cmd.{module}", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120)


def check(done: subprocess.CompletedProcess, words: str) -> None:
    """The command failed, and printed the reason without a traceback and without the password."""
    printed = done.stdout + done.stderr
    assert done.returncode == 2, printed
    assert words in " ".join(printed.replace("|", " ").split()), printed
    assert "Traceback" not in printed
    assert "secret" not in printed


@pytest.fixture
def config(tmp_path):
    def write(text: str) -> str:
        path = pathlib.Path(tmp_path, "nova-mini.conf")
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (UNSET, "[database] connection is not set"),
        (AWAY, "Can't connect to MySQL server"),
        (NO_URL, "[database] connection is not the URL of a database"),
        (UNKNOWN, "[database] connection names an unknown kind of database: oracledb7"),
    ],
    ids=["unset", "away", "no URL", "unknown"],
)
def test_the_doctor_fails_without_a_database(config, text, words):
    done = run("manage", "--config-file", config(text), "doctor")
    check(done, words)
    assert done.stderr.startswith("nova-mini-manage doctor: cannot check the cloud: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", [("db", "sync"), ("db", "version")], ids=" ".join)
@pytest.mark.parametrize(
    ("text", "words"),
    [(UNSET, "connection is not set"), (AWAY, "Can't connect to MySQL server")],
    ids=["unset", "away"],
)
def test_db_commands_fail_without_a_database(config, command, text, words):
    done = run("manage", "--config-file", config(text), *command)
    check(done, words)
    assert len(done.stderr.splitlines()) == 1


def test_db_sync_fails_with_an_unknown_revision(config, tmp_path):
    path = config(f"[database]\nconnection = sqlite:///{tmp_path}/nova-mini.db\n")
    check(run("manage", "--config-file", path, "db", "sync", "9999"), "9999")


def test_commands_fail_without_their_configuration_file(tmp_path):
    missing = str(tmp_path / "missing.conf")
    for module in ("manage", "status"):
        commands = {"manage": ("db", "version"), "status": ("upgrade", "check")}[module]
        check(run(module, "--config-file", missing, *commands), missing)


@pytest.mark.parametrize(
    ("text", "words"),
    [(UNSET, "connection is not set"), (AWAY, "Can't connect to MySQL")],
    ids=["unset", "away"],
)
def test_the_upgrade_check_fails_without_a_database(config, text, words):
    check(run("status", "--config-file", config(text), "upgrade", "check"), words)
