"""A cloud of real processes on loopback, and what a test does to it."""
