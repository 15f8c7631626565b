from nova_mini.conf import CONF
from nova_mini.scheduler import weights


class DiskWeigher(weights.BaseHostWeigher):
    """Spreads servers over the hosts with the most free disk; below 0 it stacks them."""

    def multiplier(self):
        return CONF.filter_scheduler.disk_weight_multiplier

    def weigh_all(self, hosts, spec):
        return hosts.free("local_gb")
