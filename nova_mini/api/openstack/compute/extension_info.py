"""``/extensions``: the parts of the API that were extensions before microversions.

Clients of that time look here for what a cloud can do. The list has the parts that this cloud
serves, by the aliases and names that those clients know. It does not grow any more.
"""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.policies import extensions as extensions_policy

# All extensions of Nova 2.1 have these two values.
_NAMESPACE = "http://docs.openstack.org/compute/ext/fake_xml"
_UPDATED = "2014-12-03T00:00:00Z"

# alias -> (name, what it adds to the API)
EXTENSIONS = {
    "OS-DCF": ("DiskConfig", "OS-DCF:diskConfig of servers"),
    "OS-EXT-AZ": ("ExtendedAvailabilityZone", "The availability zone of a server"),
    "OS-EXT-IPS": ("ExtendedIps", "The type of an address: fixed or floating"),
    "OS-EXT-IPS-MAC": ("ExtendedIpsMac", "The MAC address of a server's address"),
    "OS-EXT-SRV-ATTR": ("ExtendedServerAttributes", "Host and name on the hypervisor"),
    "OS-EXT-STS": ("ExtendedStatus", "vm_state, task_state and power_state of a server"),
    "OS-FLV-DISABLED": ("FlavorDisabled", "Whether a flavor is disabled"),
    "OS-FLV-EXT-DATA": ("FlavorExtraData", "Ephemeral disk and access of a flavor"),
    "OS-SCH-HNT": ("SchedulerHints", "Hints for the scheduler at a create"),
    "OS-SRV-USG": ("ServerUsage", "When a server was launched and terminated"),
    "os-access-ips": ("AccessIPs", "Addresses by which a user reaches the server"),
    "os-admin-actions": ("AdminActions", "The actions os-resetState and injectNetworkInfo"),
    "os-admin-password": ("AdminPassword", "Change the password of the administrator"),
    "os-aggregates": ("Aggregates", "Aggregates of hosts"),
    "os-assisted-volume-snapshots": (
        "AssistedVolumeSnapshots",
        "Snapshots that Cinder requests of volumes in use",
    ),
    "os-attach-interfaces": ("AttachInterfaces", "Attach and detach interfaces"),
    "os-availability-zone": ("AvailabilityZone", "List availability zones, and request one"),
    "os-block-device-mapping": ("BlockDeviceMapping", "Boot with block_device_mapping"),
    "os-block-device-mapping-v2-boot": (
        "BlockDeviceMappingV2Boot",
        "Boot with block_device_mapping_v2",
    ),
    "os-config-drive": ("ConfigDrive", "The config drive of a server"),
    "os-create-backup": ("CreateBackup", "Make a backup of a server"),
    "os-deferred-delete": ("DeferredDelete", "Restore a deleted server, or delete it at once"),
    "os-console-output": ("ConsoleOutput", "Read the serial console"),
    "os-consoles": ("Consoles", "Open the consoles of a server"),
    "os-console-auth-tokens": ("ConsoleAuthTokens", "What the token of a console opens"),
    "os-extended-hypervisors": ("ExtendedHypervisors", "CPU and address of a hypervisor"),
    "os-extended-quotas": ("ExtendedQuotas", "Delete the quotas of a project"),
    "os-extended-rescue-with-image": ("ExtendedRescueWithImage", "The image of a rescue"),
    "os-extended-services": ("ExtendedServices", "Why a service is disabled"),
    "os-extended-services-delete": ("ExtendedServicesDelete", "Delete a service"),
    "os-extended-status": ("ExtendedStatus", "States of a server"),
    "os-extended-volumes": ("ExtendedVolumes", "The volumes of a server"),
    "os-flavor-access": ("FlavorAccess", "Projects that may use a private flavor"),
    "os-flavor-extra-specs": ("FlavorExtraSpecs", "Extra specs of flavors"),
    "os-flavor-manage": ("FlavorManage", "Create and delete flavors"),
    "os-flavor-rxtx": ("FlavorRxtx", "rxtx_factor of flavors"),
    "os-flavor-swap": ("FlavorSwap", "The swap disk of a flavor"),
    "os-hypervisor-status": ("HypervisorStatus", "State and status of hypervisors"),
    "os-hypervisors": ("Hypervisors", "Hypervisors"),
    "os-instance-actions": ("InstanceActions", "The history of a server"),
    "os-instance_usage_audit_log": ("OSInstanceUsageAuditLog", "The log of usage audits"),
    "os-keypairs": ("Keypairs", "Key pairs"),
    "os-lock-server": ("LockServer", "Lock and unlock a server"),
    "os-migrate-server": ("MigrateServer", "Move a server to another host"),
    "os-migrations": ("Migrations", "The records of moves"),
    "os-multiple-create": ("MultipleCreate", "Create several servers at once"),
    "os-pause-server": ("PauseServer", "Pause and unpause a server"),
    "os-personality": ("Personality", "Files for a new server"),
    "os-preserve-ephemeral-rebuild": (
        "PreserveEphemeralOnRebuild",
        "The parameter preserve_ephemeral of a rebuild",
    ),
    "os-quota-class-sets": ("QuotaClasses", "Quota classes"),
    "os-quota-sets": ("Quotas", "Quotas"),
    "os-rescue": ("Rescue", "Start a server from a rescue disk"),
    "os-security-groups": ("SecurityGroups", "Security groups of a server"),
    "os-server-diagnostics": ("ServerDiagnostics", "Counters of a guest"),
    "os-server-external-events": ("ServerExternalEvents", "Events of other services"),
    "os-server-group-quotas": ("ServerGroupQuotas", "Quotas of server groups"),
    "os-server-groups": ("ServerGroups", "Server groups"),
    "os-server-list-multi-status": ("ServerListMultiStatus", "List servers of several statuses"),
    "os-server-password": ("ServerPassword", "The encrypted password of a guest"),
    "os-server-sort-keys": ("ServerSortKeys", "Sort lists of servers"),
    "os-server-start-stop": ("ServerStartStop", "Start and stop a server"),
    "os-services": ("Services", "Services"),
    "os-shelve": ("Shelve", "Shelve a server"),
    "os-simple-tenant-usage": ("SimpleTenantUsage", "The usage of projects"),
    "os-suspend-server": ("SuspendServer", "Suspend and resume a server"),
    "os-used-limits": ("UsedLimits", "What is used of the limits"),
    "os-used-limits-for-admin": ("UsedLimitsForAdmin", "The same for another project"),
    "os-user-data": ("UserData", "User data of a server"),
    "os-user-quotas": ("UserQuotas", "Quotas of a user in a project"),
    "os-volume-attachment-update": ("VolumeAttachmentUpdate", "Swap an attached volume"),
    "os-volumes": ("Volumes", "Attach and detach volumes"),
}
# Of the package ``proxies``: served unless it is switched off.
_PROXIES = {
    "OS-EXT-IMG-SIZE": ("ImageSize", "The size of an image"),
    "os-floating-ip-pools": ("FloatingIpPools", "Pools of floating IPs"),
    "os-floating-ips": ("FloatingIps", "Floating IPs"),
    "os-hosts": ("Hosts", "Hosts of services"),
    "os-multinic": ("Multinic", "Add and remove fixed IPs of a server"),
    "os-networks": ("Networks", "Networks"),
    "os-tenant-networks": ("OSTenantNetworks", "Networks of a project"),
}


class ExtensionInfoController(wsgi.Controller):
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, extensions_policy.LIST)
        return {"extensions": [_view(*each) for each in sorted(_served().items())]}

    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, extensions_policy.LIST)
        served = _served()
        if id not in served:
            raise exception.NotFound
        return {"extension": _view(id, served[id])}


def _served() -> dict[str, tuple[str, str]]:
    return {**EXTENSIONS, **(_PROXIES if CONF.api.enable_proxies else {})}


def _view(alias: str, texts: tuple[str, str]) -> dict:
    name, description = texts
    return {
        "alias": alias,
        "name": name,
        "description": f"{description}.",
        "namespace": _NAMESPACE,
        "updated": _UPDATED,
        "links": [],
    }
