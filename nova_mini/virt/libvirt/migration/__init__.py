"""Live migration: checks, the definition of the guest at its destination, and the migration."""
