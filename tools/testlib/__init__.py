"""The parts of tools/test, which uses tools/stack."""
