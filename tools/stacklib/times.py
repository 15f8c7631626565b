"""Times as the APIs of OpenStack write them."""

from datetime import UTC, datetime


def seconds(text: str) -> float:
    """Return a time in UTC, written without a time zone, in seconds since the epoch."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
