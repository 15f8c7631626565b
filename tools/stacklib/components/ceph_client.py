"""What a compute node needs to use the stack's Ceph: its configuration, and the keys of clients."""

from stacklib import ceph_conf, files
from stacklib.component import Component
from stacklib.components import ceph
from stacklib.stack import Stack


class CephClient(Component):
    """Files only: Ceph itself runs on the control node."""

    name = "ceph-client"
    needs = ("node", "ceph")

    def configure(self, stack: Stack) -> None:
        """Write them at the paths that they have on the control node."""
        files.directory(ceph.conf(stack).parent, 0o755)
        everyone = {"global": ceph_conf.sections(stack)["global"]}
        files.write(ceph.conf(stack), files.ini(everyone), 0o644)
        ceph.write_keyrings(stack, *ceph.COMPUTE_CLIENTS)
