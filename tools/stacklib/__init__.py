"""The parts of tools/stack. Standard library only: it runs before anything is installed."""
