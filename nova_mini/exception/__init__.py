"""The exceptions of nova_mini, a module for each subject. ``code`` is the HTTP status of the API's
response.

A message is written for the person who can act on it. It never contains a secret.

Each exception is known here, as ``exception.InstanceNotFound``: this is also its name in a message
of RPC, which a process of the last or the next release must understand, so it never changes. An
exception may move between the modules.
"""

from __future__ import annotations

from nova_mini.exception.actions import (
    ActionInterrupted,
    DatabaseUnavailable,
    Preempted,
    UnknownOperation,
    UnknownParameters,
)
from nova_mini.exception.base import (
    ConfigurationError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    NovaException,
    OverQuota,
)
from nova_mini.exception.consoles import (
    ConsoleNotAvailable,
    ConsolePortsExhausted,
    ConsoleRefused,
    ConsoleTypeInvalid,
    ConsoleTypeUnavailable,
    InvalidToken,
)
from nova_mini.exception.disks import (
    CephFailed,
    CephUnavailable,
    InjectionFailed,
    InvalidDiskInfo,
    LvmFailed,
    RbdImageBusy,
    UnsafeFileName,
)
from nova_mini.exception.flavors import (
    FlavorAccessExists,
    FlavorAccessNotFound,
    FlavorDiskSmallerThanImage,
    FlavorDiskSmallerThanMinDisk,
    FlavorExists,
    FlavorExtraSpecsNotFound,
    FlavorMemoryTooSmall,
    FlavorNotFound,
    InvalidGuestOption,
)
from nova_mini.exception.guests import (
    DeviceDetachFailed,
    DeviceNotFound,
    DomainNotFound,
    GuestAgentUnresponsive,
    HypervisorError,
    HypervisorUnavailable,
    InstanceAgentNotEnabled,
    InstancePasswordSetFailed,
    InstancePowerOffFailure,
    InstancePowerOnFailure,
    TriggerCrashDumpNotSupported,
    UnsupportedHardware,
)
from nova_mini.exception.hosts import (
    AggregateHostExists,
    AggregateHostNotFound,
    AggregateNameExists,
    AggregateNotFound,
    ComputeHostNotFound,
    ComputeServiceInUse,
    ComputeServiceUnavailable,
    HostActionNotSupported,
    HostFenced,
    HostNotFenced,
    HostTaken,
    InvalidAggregateAction,
    ServiceInUse,
    ServiceNotFound,
)
from nova_mini.exception.images import (
    GlanceConnectionFailed,
    ImageBadRequest,
    ImageNotActive,
    ImageNotAuthorized,
    ImageNotFound,
    ImageQuotaExceeded,
    ImageUnacceptable,
)
from nova_mini.exception.keypairs import (
    InvalidKeypair,
    KeyPairExists,
    KeypairLimitExceeded,
    KeypairNotFound,
)
from nova_mini.exception.moves import (
    CannotMigrateToSameHost,
    CannotResizeDisk,
    CannotResizeToSameFlavor,
    DisksNotMoved,
    InvalidMigrationState,
    InvalidSharedStorage,
    LiveMigrationCancelled,
    MigrationError,
    MigrationNotFound,
    MigrationNotFoundForInstance,
    MigrationPreCheckError,
    RemoteCommandFailed,
    SourceServiceUnavailable,
)
from nova_mini.exception.networks import (
    ExternalNetworkAttachForbidden,
    FixedIpAlreadyInUse,
    FixedIpNotFoundForInstance,
    FloatingIpAmbiguous,
    FloatingIpAssociateFailed,
    FloatingIpNotAssociated,
    FloatingIpNotFound,
    FloatingIpNotFoundForAddress,
    FloatingIpPoolNotFound,
    InterfaceAttachDelayed,
    InterfaceAttachFailed,
    InterfaceDetachFailed,
    NetworkAmbiguous,
    NetworkNotFound,
    NetworkRequiresSubnet,
    NeutronConnectionFailed,
    NeutronRequestRefused,
    NoMoreFixedIps,
    PortBindingFailed,
    PortInUse,
    PortLimitExceeded,
    PortNotFound,
    PortNotUsable,
    PortRequiresFixedIP,
    PortResourceRequestNotSupported,
    SecurityGroupAmbiguous,
    SecurityGroupCannotBeApplied,
    SecurityGroupNotFound,
    UnableToAutoAllocateNetwork,
    VirtualInterfaceCreateException,
    VirtualInterfacePlugException,
)
from nova_mini.exception.requests import (
    APIVersionNotServed,
    InvalidAPIVersion,
    InvalidInput,
    InvalidMetadataPath,
    KeystoneConnectionFailed,
    MalformedRequestBody,
    MarkerNotFound,
    PolicyNotAuthorized,
    QuotaNotFound,
    UnsupportedMediaType,
    ValidationError,
    VendordataFailed,
)
from nova_mini.exception.scheduling import (
    AllocationExists,
    ComputeResourcesUnavailable,
    GuestOptionNotSupported,
    MaxRetriesExceeded,
    NoValidHost,
    UnsupportedServerGroupPolicy,
)
from nova_mini.exception.server_groups import (
    GroupMemberLimitExceeded,
    InstanceGroupNotFound,
    ServerGroupLimitExceeded,
    ServerGroupsNotSupportedYet,
)
from nova_mini.exception.servers import (
    BuildAbortException,
    InstanceActionNotFound,
    InstanceBusy,
    InstanceChanged,
    InstanceInvalidState,
    InstanceIsLocked,
    InstanceNeverActive,
    InstanceNotFound,
    InstanceNotReady,
    InstanceNotRescuable,
    InstanceOwnershipLost,
    MismatchVolumeAZ,
    OperationNotSupportedForVTPM,
    RequestSpecNotFound,
    RescheduledException,
    UnexpectedTaskStateError,
    UnshelveHostNotInAZ,
    UnshelveInstanceInvalidState,
    UnsupportedRescueImage,
)
from nova_mini.exception.volumes import (
    BlockDeviceMappingNotFound,
    CinderConnectionFailed,
    DevicePathInUse,
    InvalidBDM,
    InvalidVolume,
    KeyManagerUnavailable,
    KeyNotAvailable,
    KeyNotDeleted,
    KeyNotStored,
    MultiattachNotSupported,
    MultiattachSwapVolumeNotSupported,
    MultiattachToShelvedNotSupported,
    ShareNotFound,
    SharesNotSupported,
    SnapshotNotFound,
    TooManyDiskDevices,
    VolumeAccessDenied,
    VolumeAttachFailed,
    VolumeAttachmentNotFound,
    VolumeEncryptionNotSupported,
    VolumeNotAttached,
    VolumeNotCreated,
    VolumeNotFound,
    VolumeQuotaExceeded,
    VolumeReimageFailed,
    VolumeSwapFailed,
    VolumeTaggedAttachToShelvedNotSupported,
)

# oslo.messaging sends the name of the module of an exception, and finds the exception in it.
for _each in tuple(vars().values()):
    if isinstance(_each, type) and issubclass(_each, NovaException):
        _each.__module__ = __name__
