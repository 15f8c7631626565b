"""The parts of tools/bench. Standard library only: it measures any Compute API v2.1."""
