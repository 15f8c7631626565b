"""What tools/test is made of; it stands on tools/stack."""
