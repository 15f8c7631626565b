"""A table of an instance action: every step with its service, its start and its duration."""

from datetime import datetime

WIDTH = 32
SERVICES = ("conductor", "scheduler", "compute")


def render(action: dict) -> str:
    """Return the events of an action, as the Compute API shows them to administrators, as a table.
    Steps are indented below the step that encloses them in time."""
    events = [event for event in action["events"] if event["finish_time"]]
    if not events:
        return "  no events"
    spans = sorted(map(_span, events), key=lambda span: (span[0], -span[1]))
    zero, end = spans[0][0], max(span[1] for span in spans)
    lines = [f"  {'step':50} {'service':14} {'at ms':>6} {'took ms':>7}"]
    around: list[tuple[float, str]] = []  # (end, service) of the steps that enclose this one
    for start, finish, name, host in spans:
        while around and around[-1][0] < finish:
            around.pop()
        service = _service(name) or (around[-1][1] if around else "")
        label = "  " * len(around) + name
        left = int((start - zero) / (end - zero) * WIDTH)
        bar = " " * left + "█" * max(1, round((finish - start) / (end - zero) * WIDTH))
        where = f"{service}@{host}" if host else service
        lines.append(f"  {label:50} {where:14} {start - zero:6.0f} {finish - start:7.0f}  {bar}")
        around.append((finish, service))
    return "\n".join(lines)


def _span(event: dict) -> tuple[float, float, str, str]:
    return (
        _milliseconds(event["start_time"]),
        _milliseconds(event["finish_time"]),
        event["event"],
        event.get("host") or "",
    )


def _service(name: str) -> str | None:
    """Return the service of a step, which is the prefix of the names of some steps."""
    first = name.partition("_")[0]
    return first if first in SERVICES else None


def _milliseconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000
