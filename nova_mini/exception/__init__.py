"""The exceptions of nova_mini. ``code`` is the HTTP status of the API's response.

A message is written for the person who can act on it. It never contains a secret.
"""

from __future__ import annotations


class NovaException(Exception):
    msg_fmt = "An unknown exception occurred."
    code = 500
    safe = False  # whether a user without the admin role may see the message

    def __init__(self, message: str | None = None, **kwargs):
        """``internal``: an addition to the message that only operators may see."""
        self.kwargs = kwargs  # oslo.messaging creates the exception from them at the RPC caller
        self.internal: str | None = kwargs.get("internal")
        super().__init__(message or (self.msg_fmt % kwargs if kwargs else self.msg_fmt))

    def format_message(self) -> str:
        return str(self.args[0])


class ConfigurationError(NovaException):
    msg_fmt = "The configuration is wrong."


# -- requests ------------------------------------------------------------------------------------


class Invalid(NovaException):
    msg_fmt = "The request is not valid."
    code = 400
    safe = True


class ValidationError(Invalid):
    msg_fmt = "%(detail)s"


class InvalidInput(Invalid):
    msg_fmt = "Invalid input received: %(reason)s"


class Forbidden(NovaException):
    msg_fmt = "Forbidden"
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


class Gone(NovaException):
    msg_fmt = "This resource is no longer available in the Compute API."
    code = 410
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
    msg_fmt = "Malformed message body: %(reason)s"


class UnsupportedMediaType(NovaException):
    msg_fmt = "Unsupported Content-Type: %(content_type)s. Use application/json."
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
    msg_fmt = (
        "Cannot perform action '%(action)s' on aggregate %(aggregate_id)s. Reason: %(reason)s."
    )


# -- servers -------------------------------------------------------------------------------------


class InstanceNotFound(NotFound):
    msg_fmt = "Instance %(instance_id)s could not be found."


class InstanceInvalidState(Conflict):
    msg_fmt = "Cannot '%(method)s' instance %(instance_uuid)s while it is in %(attr)s %(state)s"


class MigrationNotFoundForInstance(Invalid):
    msg_fmt = "Instance %(instance_id)s has not been resized."


class CannotResizeToSameFlavor(Invalid):
    msg_fmt = "When resizing, instances must change flavor!"


class CannotResizeDisk(Invalid):
    msg_fmt = "Server disk was unable to be resized because: %(reason)s"


class CannotMigrateToSameHost(Invalid):
    msg_fmt = "Cannot migrate to the host where the server exists."


class MigrationError(NovaException):
    """The move of a server failed, and the server is back at its source."""

    msg_fmt = "The move of instance %(instance_uuid)s failed: %(reason)s"
    safe = True


class RemoteCommandFailed(NovaException):
    """A command on another host failed. Only operators see the reason."""

    msg_fmt = "The command %(command)s failed on another host: %(reason)s"


class DisksNotMoved(NovaException):
    """A phase of a move failed, because of the disks."""

    msg_fmt = "The disks of the server could not be moved: %(reason)s."
    safe = True


class MigrationPreCheckError(NovaException):
    msg_fmt = "Migration pre-check error: %(reason)s"
    code = 400
    safe = True


class LiveMigrationCancelled(NovaException):
    """A user or an option ended the live migration. The guest runs at the source."""

    msg_fmt = "The live migration of instance %(instance_uuid)s was cancelled: %(reason)s"
    safe = True


class MigrationNotFound(NotFound):
    msg_fmt = "Migration %(migration_id)s not found for instance %(instance_uuid)s"


class InvalidMigrationState(Invalid):
    msg_fmt = (
        "Migration %(migration_id)s state of instance %(instance_uuid)s is %(state)s. Cannot "
        "%(method)s while the migration is in this state."
    )


class SourceServiceUnavailable(Invalid):
    """``internal`` names the host."""

    msg_fmt = "The compute service of the server's host is unavailable at this time."


class InstanceNeverActive(Conflict):
    msg_fmt = "Cannot '%(method)s' instance %(instance_uuid)s, it has never been active"


class InstanceIsLocked(Conflict):
    msg_fmt = "Instance %(instance_uuid)s is locked"


class InstanceNotReady(Conflict):
    msg_fmt = "Instance %(instance_id)s is not ready"


class InstanceNotRescuable(Invalid):
    msg_fmt = "Instance %(instance_id)s cannot be rescued: %(reason)s"


class UnsupportedRescueImage(Invalid):
    msg_fmt = "Requested rescue image '%(image)s' is not supported"


class UnexpectedTaskStateError(Conflict):
    msg_fmt = (
        "Conflict updating instance %(instance_uuid)s. Expected task_state: %(expected)s. "
        "Actual: %(actual)s"
    )


class InstanceChanged(Conflict):
    """The instance changed after the writer read it. The writer must read it again."""

    msg_fmt = "Instance %(instance_uuid)s was changed by a concurrent request."


class InstanceBusy(Conflict):
    """An unfinished operation may change the same fields."""

    msg_fmt = "An operation on instance %(instance_uuid)s is still in progress."


class UnshelveInstanceInvalidState(Conflict):
    msg_fmt = (
        "Specifying an availability zone or a host when unshelving server %(instance_uuid)s with "
        "status %(state)s is not supported. The server status must be SHELVED_OFFLOADED."
    )


class UnshelveHostNotInAZ(Conflict):
    msg_fmt = "Host %(host)s is not in the availability zone %(availability_zone)s."


class MismatchVolumeAZ(Conflict):
    msg_fmt = (
        "Volume %(volume_id)s and the instance are not in the same availability zone. The volume "
        "is in %(volume_zone)s, the instance in %(availability_zone)s."
    )


class InstanceOwnershipLost(Conflict):
    """Another process owns the action now. Stop, and clean up what this process did."""

    msg_fmt = (
        "The ownership of an action of instance %(instance_uuid)s was lost. The host of the "
        "instance is %(host)s."
    )


class InstanceActionNotFound(NotFound):
    msg_fmt = "Action for request_id %(request_id)s on instance %(instance_uuid)s not found."


class FlavorNotFound(NotFound):
    msg_fmt = "Flavor %(flavor_id)s could not be found."


class FlavorExists(Conflict):
    msg_fmt = "Flavor with %(existing)s already exists."


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


class InstanceGroupNotFound(NotFound):
    msg_fmt = "Instance group %(group_uuid)s could not be found."


class ServerGroupLimitExceeded(OverQuota):
    msg_fmt = "Quota exceeded, too many server groups."


class GroupMemberLimitExceeded(OverQuota):
    msg_fmt = "Quota exceeded, too many servers in group"


class ServerGroupsNotSupportedYet(Conflict):
    msg_fmt = (
        "Server groups cannot be used until all schedulers and conductors run the new release."
    )


class InvalidKeypair(Invalid):
    msg_fmt = "Keypair data is invalid: %(reason)s"


class ServiceNotFound(NotFound):
    msg_fmt = "Service %(service_id)s could not be found."


class ServiceInUse(Conflict):
    msg_fmt = (
        "Unable to delete the compute service of host %(host)s, which is hosting instances. "
        "Migrate or delete the instances first."
    )


class ComputeServiceInUse(Invalid):
    msg_fmt = "Compute service of %(host)s is still in use."


class HostFenced(NovaException):
    msg_fmt = "Host %(host)s was fenced again, or has another compute process now."


class HostNotFenced(NovaException):
    """A host that is down may still run its guests, so they are not started elsewhere."""

    msg_fmt = "Host %(host)s is not fenced: %(reason)s"


class InvalidSharedStorage(NovaException):
    msg_fmt = "The disks of the server are %(found)sin shared storage, unlike the request says."


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
    msg_fmt = "Could not write files, key or password to the server's disk: %(reason)s"


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
    """The cluster does not answer. The operation is retried."""

    msg_fmt = "The Ceph cluster is unavailable: %(reason)s"
    code = 503


class RbdImageBusy(NovaException):
    """A client has the image open; a killed client too, for a while. The removal is retried."""

    msg_fmt = "The disk %(name)s is still in use in the Ceph cluster."
    code = 503


class CephFailed(NovaException):
    msg_fmt = "The Ceph cluster refused the request: %(reason)s"


# -- disks in logical volumes --------------------------------------------------------------------


class LvmFailed(NovaException):
    msg_fmt = "LVM on the host failed: %(reason)s"


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
        "Volume %(volume_id)s is a multiattach volume. Multiattach volumes are only supported "
        "starting with compute API version 2.60."
    )


class VolumeTaggedAttachToShelvedNotSupported(Invalid):
    msg_fmt = "Tagged volume attachment is not supported for shelved-offloaded instances."


class MultiattachToShelvedNotSupported(Invalid):
    msg_fmt = "Attaching multiattach volumes is not supported for shelved-offloaded instances."


class VolumeAttachFailed(NovaException):
    msg_fmt = "Volume %(volume_id)s could not be attached. Reason: %(reason)s"
    safe = True


class VolumeSwapFailed(NovaException):
    msg_fmt = "Could not swap to volume %(volume_id)s. Reason: %(reason)s"
    safe = True


class VolumeReimageFailed(NovaException):
    msg_fmt = "Could not reimage volume %(volume_id)s with image %(image_id)s. Reason: %(reason)s"
    safe = True


class MultiattachSwapVolumeNotSupported(Invalid):
    msg_fmt = "Volume %(volume_id)s is attached to several servers and cannot be swapped."


class DeviceDetachFailed(NovaException):
    msg_fmt = "Device detach failed for %(device)s: %(reason)s"
    safe = True


class DevicePathInUse(Conflict):
    msg_fmt = "The supplied device path (%(path)s) is in use."


class TooManyDiskDevices(Forbidden):
    msg_fmt = (
        "The maximum allowed number of disk devices (%(maximum)d) to attach to a single instance "
        "has been exceeded."
    )


class KeystoneConnectionFailed(NovaException):
    msg_fmt = "Connection to the identity service failed: %(reason)s"
    code = 503
    safe = True


class CinderConnectionFailed(NovaException):
    """Cinder may or may not have executed the request."""

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


class SharesNotSupported(Conflict):
    msg_fmt = (
        "Shares cannot be attached to servers of this cloud: no host offers virtiofs. Mount the "
        "share in the guest, over the network."
    )


class ShareNotFound(NotFound):
    msg_fmt = "Share %(share_id)s could not be found."


class PortNotFound(NotFound):
    msg_fmt = "Port id %(port_id)s could not be found."


class PortInUse(Conflict):
    msg_fmt = "Port %(port_id)s is still in use."


class PortNotUsable(Conflict):
    msg_fmt = "Port %(port_id)s not usable for instance %(instance)s."


class PortRequiresFixedIP(Invalid):
    msg_fmt = "Port %(port_id)s requires a FixedIP in order to be used."


class PortResourceRequestNotSupported(Invalid):
    msg_fmt = (
        "Port %(port_id)s has a resource request, such as the minimum bandwidth of a QoS policy, "
        "and this cloud does not choose hosts by such requests; use a port without one."
    )


class PortLimitExceeded(OverQuota):
    msg_fmt = "Maximum number of ports exceeded"


class PortBindingFailed(NovaException):
    msg_fmt = "Binding failed for port %(port_id)s, please check neutron logs for more information."


class FixedIpAlreadyInUse(Invalid):
    msg_fmt = "Fixed IP address %(address)s is already in use on instance %(instance_uuid)s."


class FixedIpNotFoundForInstance(Invalid):
    msg_fmt = "Instance %(instance_uuid)s does not have fixed IP '%(ip)s'."


class FloatingIpNotFound(NotFound):
    msg_fmt = "Floating IP not found for ID %(id)s"


class FloatingIpNotFoundForAddress(NotFound):
    msg_fmt = "Floating IP not found for address %(address)s."


class FloatingIpAmbiguous(Conflict):
    msg_fmt = "Multiple floating IPs are found for address %(address)s."


class FloatingIpAssociateFailed(Invalid):
    msg_fmt = "Floating IP %(address)s association has failed."


class FloatingIpNotAssociated(Conflict):
    msg_fmt = "Floating IP %(address)s is not associated with instance %(instance_uuid)s."


class FloatingIpPoolNotFound(NotFound):
    msg_fmt = "Floating IP pool not found."


class NoMoreFixedIps(Invalid):
    msg_fmt = "No fixed IP addresses available for network: %(net)s"


class SecurityGroupNotFound(NotFound):
    msg_fmt = "Security group %(security_group_id)s not found."


class SecurityGroupAmbiguous(Conflict):
    msg_fmt = "Multiple security groups found matching '%(name)s'. Use an ID to be more specific."


class SecurityGroupCannotBeApplied(Invalid):
    msg_fmt = (
        "Network %(network_id)s requires port_security_enabled in order to apply security groups."
    )


class NeutronRequestRefused(NovaException):
    """Neutron refused the request. ``error_type``: the type of Neutron's error, for example
    IpAddressInUse."""

    msg_fmt = "The network service refused the request: %(reason)s"
    code = 400

    def __init__(self, message: str | None = None, *, status: int, error_type: str, reason: str):
        super().__init__(message, status=status, error_type=error_type, reason=reason)
        self.status = status
        self.error_type = error_type
        self.code = status if status in (403, 409) else 400


class NeutronConnectionFailed(NovaException):
    """Neutron may or may not have executed the request."""

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
        "The interface of instance %(instance_uuid)s is not attached yet, because the network "
        "service does not answer. It will be attached when the service is back; see os-interface."
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
    msg_fmt = (
        "Exceeded maximum number of retries. Exhausted all hosts available for retrying build "
        "failures for instance %(instance_uuid)s."
    )


class GuestOptionNotSupported(NoValidHost):
    """No host supports an option that an extra spec or an image property requests."""

    msg_fmt = "No valid host was found. This cloud does not support: %(problems)s."


class UnsupportedServerGroupPolicy(NoValidHost):
    """The scheduler does not use the filter or the weigher that acts on the policy of a group."""

    msg_fmt = "No valid host was found. ServerGroup policy is not supported: %(policy)s."


class InvalidGuestOption(Invalid):
    msg_fmt = (
        "The flavor or the image requests options that this cloud does not support: %(problems)s."
    )


class AllocationExists(Conflict):
    """A concurrent attempt to place the same server has made its allocation."""

    msg_fmt = "The server already has an allocation."


class ComputeResourcesUnavailable(NovaException):
    msg_fmt = "Insufficient compute resources: %(reason)s."


class ComputeServiceUnavailable(NovaException):
    """``internal`` names the host."""

    msg_fmt = "The compute service of the server's host is unavailable at this time."
    code = 503
    safe = True


class BuildAbortException(NovaException):
    """The build would fail on any host, so the server goes to ERROR."""

    msg_fmt = "Build of instance %(instance_uuid)s aborted: %(reason)s"
    safe = True


class RescheduledException(NovaException):
    """The build failed on this host, and is retried on the next alternate."""

    msg_fmt = "Build of instance %(instance_uuid)s was re-scheduled"


class HostTaken(NovaException):
    msg_fmt = (
        "Another compute process of host %(host)s holds the lock %(lock)s and could not be killed "
        "(%(reason)s). Stop it, or configure another host and state_path for this process."
    )


class HypervisorUnavailable(NovaException):
    msg_fmt = "Connection to the hypervisor is broken on host %(host)s"


class HypervisorError(NovaException):
    msg_fmt = "The hypervisor failed: %(reason)s"


class DomainNotFound(HypervisorError):
    msg_fmt = "Instance %(instance_id)s has no domain on its host. A hard reboot creates it again."
    safe = True


class InstancePowerOffFailure(NovaException):
    msg_fmt = "Failed to power off instance: %(reason)s"


class InstancePowerOnFailure(NovaException):
    msg_fmt = "Failed to power on instance: %(reason)s"


class ConsoleNotAvailable(Conflict):
    msg_fmt = "Guest does not have a console available."


class ConsoleTypeInvalid(Invalid):
    msg_fmt = "Invalid console type %(console_type)s"


class ConsoleTypeUnavailable(Invalid):
    msg_fmt = "Unavailable console type %(console_type)s."


class ConsolePortsExhausted(NovaException):
    msg_fmt = "All ports of %(host)s from %(first)s to %(last)s are in use."


class ConsoleRefused(Forbidden):
    """A console proxy does not open the console. The message is for the operator's log."""

    msg_fmt = "%(reason)s"


class InvalidToken(NotFound):
    msg_fmt = "Token not found"


class InstanceAgentNotEnabled(Conflict):
    msg_fmt = (
        "Guest agent is not enabled for the instance %(instance_id)s. Its image must have the "
        "property hw_qemu_guest_agent=yes, and its system must run the agent."
    )


class InstancePasswordSetFailed(Conflict):
    msg_fmt = "Failed to set admin password on %(instance_id)s because %(reason)s"


class GuestAgentUnresponsive(NovaException):
    msg_fmt = "Unable to set password on instance: its guest agent does not answer."
    code = 501
    safe = True


class HostActionNotSupported(NovaException):
    msg_fmt = (
        "No driver of this cloud can do this to its host. To keep new servers away from a host, "
        "disable its service (os-services)."
    )
    code = 501
    safe = True


class TriggerCrashDumpNotSupported(Invalid):
    msg_fmt = "Triggering crash dump is not supported"


class VendordataFailed(NovaException):
    msg_fmt = "The service %(name)s did not answer with the vendordata of the server."


class UnsupportedHardware(Invalid):
    msg_fmt = "%(name)s '%(value)s' is not supported. Supported values: %(choices)s."


class InvalidDiskInfo(Invalid):
    msg_fmt = "Disk info is invalid: %(reason)s"


class UnsafeFileName(Invalid):
    """The name could lead out of its directory."""

    msg_fmt = "%(name)r cannot be used as the name of a file."


class DeviceNotFound(NotFound):
    msg_fmt = "Device '%(device)s' not found."


class ActionInterrupted(NovaException):
    """The operation cannot continue now, for example because the message bus or the database is
    unavailable. It is retried."""

    msg_fmt = "The operation was interrupted: %(reason)s"
    code = 503


class Preempted(ActionInterrupted):
    """The operation waited for a guest, and an urgent operation waits for the same server."""

    msg_fmt = "The operation was interrupted by an urgent operation, and is resumed after it."


class UnknownOperation(NovaException):
    """A row of a later release names an operation that this one does not have."""

    msg_fmt = "This release does not know the operation %(name)s."


class UnknownParameters(NovaException):
    """A row of a later release holds parameters that this one cannot read."""

    msg_fmt = "This release cannot read %(kind)s of version %(version)s."


class DatabaseUnavailable(NovaException):
    msg_fmt = "The database does not answer."
    code = 503
