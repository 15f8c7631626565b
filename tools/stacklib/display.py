"""Progress, for people at a terminal and for logs alike."""

import shutil
import sys
import threading
import time

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
MARKS = {"done": ("✔", "32"), "failed": ("✘", "31"), "skipped": ("–", "33")}


class Display:
    """A line per component: live when `stream` is a terminal, else one line per change."""

    def __init__(self, names: list[str], stream=None):
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._began = time.monotonic()
        self._lines = dict.fromkeys(names, ("waits", "", self._began, self._began))
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
        """Say what `name` is doing now."""
        with self._lock:
            state, _, began, _ = self._lines[name]
            now = time.monotonic()
            self._lines[name] = ("runs", text, now if state == "waits" else began, now)

    def end(self, name: str, state: str, text: str = "") -> None:
        """Say how `name` ended: `state` is done, failed or skipped."""
        with self._lock:
            was, _, began, _ = self._lines[name]
            now = time.monotonic()
            began = now if was == "waits" else began
            self._lines[name] = (state, text, began, now)
            if not self._live:
                print(self._line(name, plain=True), file=self._stream, flush=True)

    @property
    def elapsed(self) -> float:
        """Return the seconds since the display began."""
        return time.monotonic() - self._began

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
