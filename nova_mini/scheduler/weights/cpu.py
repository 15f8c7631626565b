from nova_mini.conf import CONF
from nova_mini.scheduler import weights


class CPUWeigher(weights.BaseHostWeigher):
    """Spreads servers over the hosts with the most free vCPUs; below 0 it stacks them."""

    def multiplier(self):
        return CONF.filter_scheduler.cpu_weight_multiplier

    def weigh_all(self, hosts, spec):
        return hosts.free("vcpus")
