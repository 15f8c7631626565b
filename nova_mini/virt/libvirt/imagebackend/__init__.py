"""Storage of the disks of instances: files or logical volumes of this host, or images in Ceph.

A disk has a temporary name, or a tag, until it is complete. So a disk that exists under its final
name is complete, also after a crash.
"""
