from nova_mini.conf import CONF
from nova_mini.scheduler import weights


class RAMWeigher(weights.BaseHostWeigher):
    """Spreads servers over the hosts with the most free memory; below 0 it stacks them."""

    def multiplier(self):
        return CONF.filter_scheduler.ram_weight_multiplier

    def weigh_all(self, hosts, spec):
        return hosts.free("memory_mb")
