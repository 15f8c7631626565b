"""The error of the benchmarks."""


class BenchError(Exception):
    """The run cannot continue, or a phase cannot be measured."""
