"""The test host: a Debian of its own kernel, emulated, in which tests run that need that kernel."""
