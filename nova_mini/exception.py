"""Every error of ours. ``code`` is what the API answers when one reaches it unchanged.

A message is a sentence for the person who can do something about it; it never holds a secret.
"""

from __future__ import annotations


class NovaException(Exception):
    msg_fmt = "An unknown error occurred."
    code = 500
    safe = False  # whether a user who is no admin may see the message

    def __init__(self, message: str | None = None, **kwargs):
        self.kwargs = kwargs
        super().__init__(message or (self.msg_fmt % kwargs if kwargs else self.msg_fmt))

    def format_message(self) -> str:
        return str(self.args[0])


class ConfigurationError(NovaException):
    msg_fmt = "The configuration is wrong."


# -- what the user asked for ---------------------------------------------------------------------


class Invalid(NovaException):
    msg_fmt = "The request is not valid."
    code = 400
    safe = True


class ValidationError(Invalid):
    msg_fmt = "%(detail)s"


class InvalidInput(Invalid):
    msg_fmt = "Invalid input received: %(reason)s"


class Forbidden(NovaException):
    msg_fmt = "You may not do this."
    code = 403
    safe = True


class PolicyNotAuthorized(Forbidden):
    msg_fmt = "Policy doesn't allow %(action)s to be performed."


class OverQuota(Forbidden):
    msg_fmt = (
        "Quota exceeded for %(overs)s: requested %(req)s, but already used %(used)s of %(allowed)s."
    )


class NotFound(NovaException):
    msg_fmt = "The resource could not be found."
    code = 404
    safe = True


class Conflict(NovaException):
    msg_fmt = "The request conflicts with the state of the resource."
    code = 409
    safe = True


class MarkerNotFound(Invalid):
    msg_fmt = "Marker %(marker)s could not be found."


class InvalidAPIVersion(Invalid):
    msg_fmt = (
        "API Version String '%(version)s' is of invalid format. Must be of format "
        "MajorNum.MinorNum."
    )


class APIVersionNotServed(NovaException):
    msg_fmt = (
        "Version %(version)s is not supported by the API. Minimum is %(minimum)s and maximum is "
        "%(maximum)s."
    )
    code = 406
    safe = True


class MalformedRequestBody(Invalid):
    msg_fmt = "The request body is not valid JSON: %(reason)s"


class UnsupportedMediaType(NovaException):
    msg_fmt = "Send the body as application/json, not as %(content_type)s."
    code = 415
    safe = True


class AggregateNotFound(NotFound):
    msg_fmt = "Aggregate %(aggregate_id)s could not be found."


class AggregateNameExists(Conflict):
    msg_fmt = "Aggregate %(aggregate_name)s already exists."


class AggregateHostNotFound(NotFound):
    msg_fmt = "Aggregate %(aggregate_id)s has no host %(host)s."


class AggregateHostExists(Conflict):
    msg_fmt = "Aggregate %(aggregate_id)s already has host %(host)s."


class InvalidAggregateAction(Conflict):
    msg_fmt = "Cannot %(action)s aggregate %(aggregate_id)s: %(reason)s"


# -- servers -------------------------------------------------------------------------------------


class InstanceNotFound(NotFound):
    msg_fmt = "Instance %(instance_id)s could not be found."


class InstanceInvalidState(Conflict):
    msg_fmt = "Cannot '%(method)s' instance %(instance_uuid)s while it is in %(attr)s %(state)s"


class InstanceNeverActive(Conflict):
    msg_fmt = "Cannot '%(method)s' instance %(instance_uuid)s, it has never been active"


class InstanceIsLocked(Conflict):
    msg_fmt = "Instance %(instance_uuid)s is locked"


class InstanceNotReady(Conflict):
    msg_fmt = "Instance %(instance_id)s is not ready yet."


class UnexpectedTaskStateError(Conflict):
    msg_fmt = (
        "Conflict updating instance %(instance_uuid)s: expected task_state %(expected)s, "
        "found %(actual)s."
    )


class UnshelveInstanceInvalidState(Conflict):
    msg_fmt = (
        "Instance %(instance_uuid)s is %(state)s: only one that is SHELVED_OFFLOADED can be "
        "unshelved to a host or an availability zone of choice."
    )


class UnshelveHostNotInAZ(Conflict):
    msg_fmt = "Host %(host)s is not in the instance's availability zone %(availability_zone)s."


class MismatchVolumeAZ(Conflict):
    msg_fmt = (
        "Volume %(volume_id)s is in availability zone %(volume_zone)s, and the instance shall be "
        "in %(availability_zone)s."
    )


class InstanceOwnershipLost(Conflict):
    """The instance belongs to another host now; whoever sees this cleans up and stops."""

    msg_fmt = "Instance %(instance_uuid)s is not on host %(host)s any more."


class InstanceActionNotFound(NotFound):
    msg_fmt = "Action for request_id %(request_id)s on instance %(instance_uuid)s not found."


class FlavorNotFound(NotFound):
    msg_fmt = "Flavor %(flavor_id)s could not be found."


class FlavorExists(Conflict):
    msg_fmt = "Flavor with %(what)s already exists."


class FlavorAccessNotFound(NotFound):
    msg_fmt = "Flavor access not found for %(flavor_id)s / %(project_id)s combination."


class FlavorAccessExists(Conflict):
    msg_fmt = "Flavor access already exists for flavor %(flavor_id)s and project %(project_id)s."


class FlavorExtraSpecsNotFound(NotFound):
    msg_fmt = "Flavor %(flavor_id)s has no extra specs with key %(key)s."


class FlavorDiskSmallerThanImage(Invalid):
    msg_fmt = (
        "Flavor's disk is too small for requested image. Flavor disk is %(flavor_size)i bytes, "
        "image is %(image_size)i bytes."
    )


class FlavorDiskSmallerThanMinDisk(Invalid):
    msg_fmt = (
        "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk "
        "is %(flavor_size)i GiB, minimum size is %(image_min_disk)i GiB."
    )


class FlavorMemoryTooSmall(Invalid):
    msg_fmt = "Flavor's memory is too small for requested image."


class KeypairNotFound(NotFound):
    msg_fmt = "Keypair %(name)s not found for user %(user_id)s"


class KeyPairExists(Conflict):
    msg_fmt = "Key pair '%(key_name)s' already exists."


class KeypairLimitExceeded(OverQuota):
    msg_fmt = "Quota exceeded, too many key pairs."


class InvalidKeypair(Invalid):
    msg_fmt = "Keypair data is invalid: %(reason)s"


class ServiceNotFound(NotFound):
    msg_fmt = "Service %(service_id)s could not be found."


class ServiceInUse(Conflict):
    msg_fmt = "There are servers on %(host)s: delete or move them before its service is deleted."


class ComputeHostNotFound(NotFound):
    msg_fmt = "Compute host %(host)s could not be found."


class BlockDeviceMappingNotFound(NotFound):
    msg_fmt = "No Block Device Mapping with id %(id)s."


class InvalidBDM(Invalid):
    msg_fmt = "Block Device Mapping is Invalid: %(reason)s"


class RequestSpecNotFound(NotFound):
    msg_fmt = "RequestSpec not found for instance %(instance_uuid)s"


class InvalidMetadataPath(NotFound):
    msg_fmt = "There is no metadata at %(path)s"


class QuotaNotFound(NotFound):
    msg_fmt = "Quota could not be found"


# -- images --------------------------------------------------------------------------------------


class ImageNotFound(NotFound):
    msg_fmt = "Image %(image_id)s could not be found."


class ImageNotActive(Invalid):
    msg_fmt = "Image %(image_id)s is not active."


class ImageUnacceptable(Invalid):
    msg_fmt = "Image %(image_id)s is unacceptable: %(reason)s"


class InjectionFailed(Invalid):
    msg_fmt = "Files, key or password could not be written into the server's disk: %(reason)s"


class ImageBadRequest(Invalid):
    msg_fmt = "Request of image %(image_id)s got BadRequest response: %(response)s"


class ImageNotAuthorized(Forbidden):
    msg_fmt = "Not authorized for image %(image_id)s."


class ImageQuotaExceeded(Forbidden):
    msg_fmt = "Quota exceeded or out of space for image %(image_id)s in the image service."


class GlanceConnectionFailed(NovaException):
    msg_fmt = "Connection to the image service failed: %(reason)s"
    code = 503
    safe = True


# -- disks in Ceph -------------------------------------------------------------------------------


class CephUnavailable(NovaException):
    """The cluster does not answer, or answers somebody else: it shall be asked again."""

    msg_fmt = "The Ceph cluster cannot be used now: %(reason)s"
    code = 503


class RbdImageBusy(NovaException):
    """Also of a process that was killed, for a while: the removal shall be tried again."""

    msg_fmt = "The disk %(name)s is still in use in the Ceph cluster."
    code = 503


class CephFailed(NovaException):
    """The cluster refuses what it was asked for."""

    msg_fmt = "The Ceph cluster refuses it: %(reason)s"


# -- disks in logical volumes --------------------------------------------------------------------


class LvmFailed(NovaException):
    msg_fmt = "The host's LVM refuses it: %(reason)s"


# -- volumes -------------------------------------------------------------------------------------


class VolumeNotFound(NotFound):
    msg_fmt = "Volume %(volume_id)s could not be found."


class SnapshotNotFound(NotFound):
    msg_fmt = "Snapshot %(snapshot_id)s could not be found."


class VolumeAttachmentNotFound(NotFound):
    msg_fmt = "Volume attachment %(attachment_id)s could not be found."


class VolumeNotAttached(NotFound):
    msg_fmt = "Instance %(instance_uuid)s is not attached to volume %(volume_id)s."


class InvalidVolume(Invalid):
    msg_fmt = "Invalid volume: %(reason)s"


class VolumeAccessDenied(Forbidden):
    msg_fmt = "The volume service does not allow this for volume %(volume_id)s."


class VolumeQuotaExceeded(OverQuota):
    msg_fmt = "Quota of the volume service exceeded: %(reason)s"


class VolumeNotCreated(Invalid):
    msg_fmt = "Volume %(volume_id)s did not finish being created: its status is %(volume_status)s."


class VolumeEncryptionNotSupported(Invalid):
    msg_fmt = (
        "Volume %(volume_id)s is encrypted, and encrypted volumes are not served by this cloud; "
        "use a volume type without encryption."
    )


class MultiattachNotSupported(Invalid):
    msg_fmt = (
        "Volume %(volume_id)s is of a multiattach type, which needs API version 2.60 or newer."
    )


class VolumeTaggedAttachToShelvedNotSupported(Invalid):
    msg_fmt = "A volume cannot be attached with a tag while the server is SHELVED_OFFLOADED."


class MultiattachToShelvedNotSupported(Invalid):
    msg_fmt = "A multiattach volume cannot be attached while the server is SHELVED_OFFLOADED."


class VolumeAttachFailed(NovaException):
    msg_fmt = "Volume %(volume_id)s could not be attached: %(reason)s"
    safe = True


class VolumeSwapFailed(NovaException):
    msg_fmt = "Volume %(volume_id)s could not take the place of another: %(reason)s"
    safe = True


class VolumeReimageFailed(NovaException):
    msg_fmt = "Volume %(volume_id)s did not get the content of image %(image_id)s: %(reason)s"
    safe = True


class MultiattachSwapVolumeNotSupported(Invalid):
    msg_fmt = "Volume %(volume_id)s is attached to several servers and cannot be swapped."


class DeviceDetachFailed(NovaException):
    msg_fmt = "Device %(device)s could not be detached: %(reason)s"
    safe = True


class DevicePathInUse(Conflict):
    msg_fmt = "The supplied device path (%(path)s) is in use."


class TooManyDiskDevices(Forbidden):
    msg_fmt = "The maximum allowed number of disk devices (%(maximum)d) to attach is exceeded."


class CinderConnectionFailed(NovaException):
    """Whether it did what was asked is not known."""

    msg_fmt = "Connection to the volume service failed: %(reason)s"
    code = 503
    safe = True


# -- networks ------------------------------------------------------------------------------------


class NetworkNotFound(NotFound):
    msg_fmt = "Network %(network_id)s could not be found."


class NetworkRequiresSubnet(Invalid):
    msg_fmt = "Network %(network_uuid)s requires a subnet in order to boot instances on."


class NetworkAmbiguous(Conflict):
    msg_fmt = (
        "More than one possible network found. Specify network ID(s) to select which one(s) to "
        "connect to."
    )


class UnableToAutoAllocateNetwork(Invalid):
    msg_fmt = "Unable to automatically allocate a network for project %(project_id)s"


class ExternalNetworkAttachForbidden(Forbidden):
    msg_fmt = "It is not allowed to create an interface on external network %(network_uuid)s"


class PortNotFound(NotFound):
    msg_fmt = "Port id %(port_id)s could not be found."


class PortInUse(Conflict):
    msg_fmt = "Port %(port_id)s is still in use."


class PortNotUsable(Conflict):
    msg_fmt = "Port %(port_id)s not usable for instance %(instance)s."


class PortRequiresFixedIP(Invalid):
    msg_fmt = "Port %(port_id)s requires a FixedIP in order to be used."


class PortLimitExceeded(OverQuota):
    msg_fmt = "Maximum number of ports exceeded"


class PortBindingFailed(NovaException):
    msg_fmt = "Binding failed for port %(port_id)s, please check neutron logs for more information."


class FixedIpAlreadyInUse(Invalid):
    msg_fmt = "Fixed IP address %(address)s is already in use on instance %(instance_uuid)s."


class NoMoreFixedIps(Invalid):
    msg_fmt = "No fixed IP addresses available for network: %(net)s"


class SecurityGroupNotFound(NotFound):
    msg_fmt = "Security group %(security_group_id)s not found."


class SecurityGroupAmbiguous(Conflict):
    msg_fmt = "Several security groups are named '%(name)s'. Use an ID to say which one."


class SecurityGroupCannotBeApplied(Invalid):
    msg_fmt = (
        "Network %(network_id)s requires port_security_enabled in order to apply security groups."
    )


class NeutronRequestRefused(NovaException):
    """Neutron answered that it will not; ``error_type`` is its own name for why."""

    msg_fmt = "The network service refused: %(reason)s"
    code = 400

    def __init__(self, *, status: int, error_type: str, reason: str):
        super().__init__(status=status, error_type=error_type, reason=reason)
        self.status = status
        self.error_type = error_type
        self.code = status if status in (403, 409) else 400


class NeutronConnectionFailed(NovaException):
    """Whether it did what was asked is not known."""

    msg_fmt = "Connection to the network service failed: %(reason)s"
    code = 503
    safe = True


class VirtualInterfaceCreateException(NovaException):
    msg_fmt = "Virtual Interface creation failed"


class VirtualInterfacePlugException(NovaException):
    msg_fmt = "Virtual interface plugin failed: %(reason)s"


class InterfaceAttachFailed(Invalid):
    msg_fmt = "Failed to attach network adapter device to %(instance_uuid)s"


class InterfaceAttachDelayed(NovaException):
    msg_fmt = (
        "The interface of instance %(instance_uuid)s could not be attached yet; it will be when "
        "the network service is back. Look at os-interface in a while."
    )
    code = 503
    safe = True


class InterfaceDetachFailed(Invalid):
    msg_fmt = "Failed to detach network adapter device from %(instance_uuid)s"


# -- compute, scheduler, hypervisor --------------------------------------------------------------


class NoValidHost(NovaException):
    msg_fmt = "No valid host was found. %(reason)s"
    safe = True


class MaxRetriesExceeded(NoValidHost):
    msg_fmt = "Exceeded maximum number of retries. %(reason)s"


class AllocationExists(Conflict):
    """Another attempt to place the same server was faster."""

    msg_fmt = "The server holds an allocation already."


class ComputeResourcesUnavailable(NovaException):
    msg_fmt = "Insufficient compute resources: %(reason)s."


class ComputeServiceUnavailable(NovaException):
    msg_fmt = "Compute service of %(host)s is unavailable at this time."
    code = 503
    safe = True


class BuildAbortException(NovaException):
    """No other host would do better: the server goes to ERROR."""

    msg_fmt = "Build of instance %(instance_uuid)s aborted: %(reason)s"
    safe = True


class RescheduledException(NovaException):
    """This host failed; the next alternate may do better."""

    msg_fmt = "Build of instance %(instance_uuid)s was re-scheduled: %(reason)s"


class HostTaken(NovaException):
    msg_fmt = (
        "Another compute process of host %(host)s holds %(lock)s and cannot be ended from here "
        "(%(reason)s). Stop it, or give this one a host and a state_path of its own."
    )


class HypervisorUnavailable(NovaException):
    msg_fmt = "Connection to the hypervisor is broken on host %(host)s"


class HypervisorError(NovaException):
    msg_fmt = "The hypervisor failed: %(reason)s"


class DomainNotFound(HypervisorError):
    msg_fmt = "Instance %(instance_id)s has no domain on its host; a hard reboot makes it anew."
    safe = True


class InstancePowerOffFailure(NovaException):
    msg_fmt = "Failed to power off instance: %(reason)s"


class InstancePowerOnFailure(NovaException):
    msg_fmt = "Failed to power on instance: %(reason)s"


class ConsoleNotAvailable(Conflict):
    msg_fmt = "Guest does not have a console available."


class UnsupportedHardware(Invalid):
    msg_fmt = "%(name)s cannot be '%(value)s' here; it may be: %(choices)s."


class InvalidDiskInfo(Invalid):
    msg_fmt = "Disk info is invalid: %(reason)s"


class DeviceNotFound(NotFound):
    msg_fmt = "Device '%(device)s' not found."


class ActionInterrupted(NovaException):
    """An operation cannot go on now (the bus or the database is away) and shall be tried again."""

    msg_fmt = "The operation was interrupted: %(reason)s"
    code = 503


class DatabaseUnavailable(NovaException):
    msg_fmt = "The database does not answer."
    code = 503
