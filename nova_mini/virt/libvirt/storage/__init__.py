"""Clients of what keeps disks elsewhere than in files of this host."""
