from nova_mini.conf import CONF
from nova_mini.scheduler import weights


class BuildFailureWeigher(weights.BaseHostWeigher):
    """Avoids hosts on which builds failed since the last one that went well."""

    def multiplier(self):
        return CONF.filter_scheduler.build_failure_weight_multiplier

    def weigh_all(self, hosts, spec):
        return -hosts.failed_builds
