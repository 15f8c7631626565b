"""The progress of `up` and `down`, on a terminal or in a log."""

import shutil
import sys
import threading
import time

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
QUIET_SECONDS = 2.0  # the least time between two lines about a component in a log
MARKS = {"done": ("✔", "32"), "failed": ("✘", "31"), "skipped": ("–", "33")}


class Display:
    """On a terminal: a live line per component. In a log: a line when a component begins and ends,
    and for its steps, at most every QUIET_SECONDS."""

    def __init__(self, names: list[str], stream=None):
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._began = time.monotonic()
        self._lines = dict.fromkeys(names, ("waits", "", self._began, self._began))
        self._printed: dict[str, float] = {}  # component -> time of its last line
        self._width = max(map(len, names), default=0)
        self._lock = threading.Lock()
        self._drawn = 0
        self._ended = threading.Event()

    def __enter__(self) -> "Display":
        if self._live:
            self._painter = threading.Thread(target=self._paint, daemon=True)
            self._painter.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        if self._live:
            self._painter.join()
            self._draw()

    def step(self, name: str, text: str) -> None:
        """Show the current step of the component `name`."""
        with self._lock:
            state, _, began, _ = self._lines[name]
            now = time.monotonic()
            self._lines[name] = ("runs", text, now if state == "waits" else began, now)
            if now - self._printed.get(name, -QUIET_SECONDS) >= QUIET_SECONDS:
                self._print(name, now)

    def end(self, name: str, state: str, text: str = "") -> None:
        """Show the result of the component `name`: `state` is done, failed or skipped."""
        with self._lock:
            was, _, began, _ = self._lines[name]
            now = time.monotonic()
            began = now if was == "waits" else began
            self._lines[name] = (state, text, began, now)
            self._print(name, now)

    @property
    def elapsed(self) -> float:
        """Return the seconds since the display began."""
        return time.monotonic() - self._began

    def _print(self, name: str, now: float) -> None:
        if not self._live:
            self._printed[name] = now
            print(self._line(name, plain=True), file=self._stream, flush=True)

    def _paint(self) -> None:
        while not self._ended.wait(0.1):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            lines = [self._line(name) for name in self._lines]
        lines.append(f"  {'':{self._width}}  {self.elapsed:6.1f} s")
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._stream.write(up + "".join(f"\x1b[2K{line}\n" for line in lines))
        self._stream.flush()
        self._drawn = len(lines)

    def _line(self, name: str, plain: bool = False) -> str:
        state, text, began, last = self._lines[name]
        now = time.monotonic() if state == "runs" else last
        seconds = "" if state == "waits" else f"{now - began:6.1f} s"
        if plain:
            return f"[{self.elapsed:6.1f} s] {name:{self._width}} {state:7} {seconds:>8}  {text}"
        mark, colour = MARKS.get(state, (" ", "2"))
        if state == "runs":
            mark, colour = SPINNER[int(now * 10) % len(SPINNER)], "36"
        room = shutil.get_terminal_size().columns - self._width - 16
        body = f"{name:{self._width}} {seconds:>8}  {text if state != 'waits' else ''}"
        return f"\x1b[{colour}m{mark}\x1b[0m {body[: self._width + 11 + max(room, 10)]}"
