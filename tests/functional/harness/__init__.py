"""A cloud of real processes on loopback, and the tools of tests that use and break it."""
