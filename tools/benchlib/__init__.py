"""The parts of the benchmarks. What tools/bench itself is made of needs the standard library alone:
it measures any Compute API v2.1."""
