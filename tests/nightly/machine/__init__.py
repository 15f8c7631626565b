"""The test host: an emulated Debian with its own kernel, for tests that need one."""
