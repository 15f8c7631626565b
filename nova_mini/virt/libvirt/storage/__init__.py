"""Clients of storage for disks that are not files: Ceph and LVM."""
