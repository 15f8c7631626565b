from tests.unit.bus import bus  # noqa: F401
