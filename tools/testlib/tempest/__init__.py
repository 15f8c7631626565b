"""The tier `tempest`: OpenStack's own test suite against the stack's cloud."""
