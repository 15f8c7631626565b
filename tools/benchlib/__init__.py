"""The parts of the benchmarks. tools/bench needs only the standard library, and can measure any
Compute API v2.1."""
