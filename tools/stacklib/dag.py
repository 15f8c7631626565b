"""Run the components in the order of their needs, in parallel where possible."""

import threading
import traceback
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from stacklib.component import Component
from stacklib.display import Display
from stacklib.errors import StackError


def closure(
    names: Iterable[str], without: Collection[str], known: dict[str, Component]
) -> list[str]:
    """Return `names` with the components that they need and want, needs first. Components in
    `without`, and those that need them, are left out. Raise StackError for an unknown name."""
    for name in [*names, *without]:
        if name not in known:
            raise StackError(f"there is no component {name}; there are {', '.join(known)}")
    ordered: list[str] = []

    def possible(name: str) -> bool:
        return name not in without and all(map(possible, known[name].needs))

    def visit(name: str) -> None:
        if possible(name) and name not in ordered:
            for other in known[name].needs + known[name].wants:
                visit(other)
            ordered.append(name)

    for name in names:
        visit(name)
    return ordered


def run(
    components: list[Component],
    work: Callable[[Component, Callable[[str], None]], None],
    display: Display,
    crash_log: Path,
    backwards: bool = False,
) -> list[str]:
    """Call `work` for each component after those that it needs (`backwards`: after those that need
    it). Return the names of the components that failed."""
    done = {component.name: threading.Event() for component in components}
    before = _before(components, backwards)
    failed: dict[str, str] = {}

    def one(component: Component) -> None:
        try:
            for other in before[component.name]:
                done[other].wait()
            broken = [other for other in before[component.name] if other in failed]
            if broken:
                failed[component.name] = "needs"
                return display.end(component.name, "skipped", f"needs {', '.join(broken)}")
            work(component, lambda text: display.step(component.name, text))
            display.end(component.name, "done")
        except StackError as error:
            failed[component.name] = error.reason
            hint = f"  log: {error.log}" if error.log else ""
            display.end(component.name, "failed", f"{error.reason}{hint}")
        except Exception as error:
            failed[component.name] = repr(error)
            crash_log.parent.mkdir(parents=True, exist_ok=True)
            with crash_log.open("a") as log:
                traceback.print_exc(file=log)
            display.end(component.name, "failed", f"{error!r}  log: {crash_log}")
        finally:
            done[component.name].set()

    threads = [threading.Thread(target=one, args=(each,), daemon=True) for each in components]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(failed)


def _before(components: list[Component], backwards: bool) -> dict[str, list[str]]:
    """Return, for every component, those that must be done before it."""
    names = {component.name for component in components}
    before: dict[str, list[str]] = {name: [] for name in names}
    for component in components:
        for need in component.needs + component.wants:
            if need not in names:
                continue
            first, then = (component.name, need) if backwards else (need, component.name)
            before[then].append(first)
    return before
