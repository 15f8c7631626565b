"""A Debian guest with the real cloud-init, which integration tests boot in the stack's cloud."""
