"""Run a program with its output in a log. Errors contain its last lines."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from stacklib.errors import StackError

LAST_WORDS = 5


def output(argv: Sequence[str], timeout: float = 60, **kwargs) -> str:
    """Return what `argv` prints; raise StackError when it fails or takes over `timeout` seconds."""
    try:
        done = subprocess.run(argv, timeout=timeout, text=True, capture_output=True, **kwargs)
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{argv[0]} took more than {timeout:.0f} s") from error
    if done.returncode:
        shown = " ".join(argv[-4:])
        raise StackError(f"… {shown} failed: {_tail(done.stderr or done.stdout)}")
    return done.stdout


def succeeds(argv: Sequence[str], timeout: float = 60) -> bool:
    """Tell whether `argv` exits with 0."""
    return subprocess.run(argv, timeout=timeout, capture_output=True).returncode == 0


def logged(
    argv: Sequence[str],
    log: Path,
    timeout: float = 600,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> None:
    """Run `argv` with its output appended to `log`; raise StackError naming the log on failure."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as sink:
        start = sink.tell()
        try:
            done = subprocess.run(
                argv,
                timeout=timeout,
                env=env,
                stdout=sink,
                stderr=subprocess.STDOUT,
                text=True,
                **({"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}),
            )
        except subprocess.TimeoutExpired as error:
            raise StackError(f"{argv[0]} took more than {timeout:.0f} s", log) from error
    if done.returncode:
        with log.open() as source:
            source.seek(start)
            words = _tail(source.read())
        raise StackError(f"{Path(argv[0]).name} exited with {done.returncode}: {words}", log)


def _tail(text: str) -> str:
    return " | ".join(text.strip().splitlines()[-LAST_WORDS:]) or "it printed nothing"
