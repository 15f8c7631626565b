"""What can go wrong, told to whoever runs the benchmark."""


class BenchError(Exception):
    """The run cannot go on, or a phase cannot be measured; the text says why."""
