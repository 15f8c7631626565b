"""The volume service, by python-cinderclient.

What comes back are plain values of ours, so that nobody else has to know the client. It is loaded
when it is first needed: most processes of most clouds never ask.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keystoneauth1 import exceptions as ks_exc

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.trace import traced

if TYPE_CHECKING:
    from cinderclient.v3.client import Client

    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

MICROVERSION = "3.44"  # attachments that are created, updated and completed
# Metadata of a volume that we made: the mapping that it was made for.
MADE_FOR = "nova_mini_block_device_mapping"

# Connection information holds keys and passwords: bodies are never logged.
_HTTP_LOG = logging.getLogger("nova_mini.volume.http")
_HTTP_LOG.setLevel(logging.WARNING)


@dataclasses.dataclass(frozen=True)
class Volume:
    """``size`` in GiB; ``attachments``: instance uuid -> its attachment's id; ``image_metadata``:
    of the image that it was made from."""

    id: str
    status: str
    size: int
    availability_zone: str | None = None
    multiattach: bool = False
    bootable: bool = False
    encrypted: bool = False
    attachments: dict[str, str] = dataclasses.field(default_factory=dict)
    image_metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Snapshot:
    id: str
    status: str
    size: int
    volume_id: str


@dataclasses.dataclass(frozen=True)
class Attachment:
    """``connection_info`` is empty until a connector was given; it may hold secrets."""

    id: str
    volume_id: str
    instance_uuid: str | None
    status: str
    connection_info: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


class API:
    """For any number of threads. Raises CinderConnectionFailed when the outcome is not known,
    VolumeAccessDenied, InvalidVolume (with Cinder's sentence) and what each method says.

    Requests that may be repeated are, when the connection fails; those that make something are
    not, and their callers look for what a lost answer may have made.
    """

    # -- volumes ---------------------------------------------------------------------------------

    def get(self, context: RequestContext, volume_id: str) -> Volume:
        """Raises VolumeNotFound."""
        with _translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            return _volume(_client(context).volumes.get(volume_id))

    def find_made_for(self, context: RequestContext, mapping_uuid: str) -> Volume | None:
        """The volume that an earlier attempt made for this mapping; asked as the service."""
        wanted = {"all_tenants": 1, "metadata": {MADE_FOR: mapping_uuid}}
        with _translated():
            found = _client(context, as_service=True).volumes.list(search_opts=wanted)
        return _volume(found[0]) if found else None

    @traced
    def create(
        self,
        context: RequestContext,
        size: int,
        *,
        made_for: str,
        snapshot_id: str | None = None,
        image_id: str | None = None,
        volume_type: str | None = None,
        availability_zone: str | None = None,
    ) -> Volume:
        """A new volume of the context's user. Raises VolumeQuotaExceeded."""
        with _translated():
            made = _client(context, repeat=False).volumes.create(
                size,
                name="",
                description="",
                snapshot_id=snapshot_id,
                imageRef=image_id,
                volume_type=volume_type,
                availability_zone=availability_zone,
                metadata={MADE_FOR: made_for},
            )
        return _volume(made)

    @traced
    def delete(self, context: RequestContext, volume_id: str) -> None:
        """No such volume is fine."""
        with (
            contextlib.suppress(exception.VolumeNotFound),
            _translated(exception.VolumeNotFound(volume_id=volume_id), volume_id),
        ):
            _client(context).volumes.delete(volume_id)

    @traced
    def begin_detaching(self, context: RequestContext, volume_id: str) -> None:
        with _translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            _client(context, repeat=False).volumes.begin_detaching(volume_id)

    @traced
    def roll_detaching(self, context: RequestContext, volume_id: str) -> None:
        with _translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            _client(context).volumes.roll_detaching(volume_id)

    def get_snapshot(self, context: RequestContext, snapshot_id: str) -> Snapshot:
        """Raises SnapshotNotFound."""
        with _translated(exception.SnapshotNotFound(snapshot_id=snapshot_id)):
            found = _client(context).volume_snapshots.get(snapshot_id)
        return Snapshot(found.id, found.status, found.size, found.volume_id)

    @traced
    def create_snapshot(self, context: RequestContext, volume_id: str, name: str) -> Snapshot:
        """Also of a volume in use, as it is at one moment. Raises VolumeQuotaExceeded."""
        with _translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            made = _client(context, repeat=False).volume_snapshots.create(
                volume_id, force=True, name=name
            )
        return Snapshot(made.id, made.status, made.size, made.volume_id)

    def delete_snapshot(self, context: RequestContext, snapshot_id: str) -> None:
        """No such snapshot is fine."""
        missing = exception.SnapshotNotFound(snapshot_id=snapshot_id)
        with contextlib.suppress(exception.SnapshotNotFound), _translated(missing):
            _client(context).volume_snapshots.delete(snapshot_id)

    # -- attachments -----------------------------------------------------------------------------

    @traced
    def attachment_create(
        self, context: RequestContext, volume_id: str, instance_uuid: str
    ) -> Attachment:
        """Reserve a volume for a server: nobody else can have it (but for multiattach)."""
        with _translated(exception.VolumeNotFound(volume_id=volume_id), volume_id):
            made = _client(context, repeat=False).attachments.create(volume_id, None, instance_uuid)
        return _attachment(made)

    def attachment_get(self, context: RequestContext, attachment_id: str) -> Attachment:
        """Raises VolumeAttachmentNotFound."""
        with _translated(_no_attachment(attachment_id)):
            return _attachment(_client(context).attachments.show(attachment_id).to_dict())

    @traced
    def attachment_update(
        self, context: RequestContext, attachment_id: str, connector: dict, mountpoint: str
    ) -> Attachment:
        """Tell Cinder who connects; its answer says how. Raises VolumeAttachmentNotFound."""
        connector = {**connector, "mountpoint": mountpoint}
        with _translated(_no_attachment(attachment_id)):
            updated = _client(context).attachments.update(attachment_id, connector)
        return _attachment(updated.to_dict())

    @traced
    def attachment_complete(self, context: RequestContext, attachment_id: str) -> None:
        """The volume is in use now. Raises VolumeAttachmentNotFound."""
        with _translated(_no_attachment(attachment_id)):
            _client(context).attachments.complete(attachment_id)

    @traced
    def attachment_delete(self, context: RequestContext, attachment_id: str) -> None:
        """No such attachment is fine."""
        missing = _no_attachment(attachment_id)
        with contextlib.suppress(exception.VolumeAttachmentNotFound), _translated(missing):
            _client(context).attachments.delete(attachment_id)

    def attachments_of(self, context: RequestContext, instance_uuid: str) -> list[Attachment]:
        """Every attachment that Cinder has for a server, also those whose making was never told
        to us; asked as the service."""
        wanted = {"all_tenants": 1, "instance_id": instance_uuid}
        with _translated():
            found = _client(context, as_service=True).attachments.list(search_opts=wanted)
        return [_attachment(each.to_dict()) for each in found]


# -- rules ---------------------------------------------------------------------------------------


def check_attach(volume: Volume, instance_zone: str | None) -> None:
    """Whether a volume can be attached to one server more.

    Raises InvalidVolume, VolumeEncryptionNotSupported. Cinder checks again when it reserves.
    """
    if volume.encrypted:
        raise exception.VolumeEncryptionNotSupported(volume_id=volume.id)
    usable = ("available", "in-use") if volume.multiattach else ("available",)
    if volume.status not in usable:
        raise exception.InvalidVolume(
            reason=f"volume '{volume.id}' status must be {' or '.join(usable)}. "
            f"Currently in '{volume.status}' status"
        )
    if not CONF.cinder.cross_az_attach and instance_zone != volume.availability_zone:
        raise exception.InvalidVolume(
            reason=f"the server is in zone {instance_zone} and volume '{volume.id}' in zone "
            f"{volume.availability_zone}; take a volume of the server's zone"
        )


# -- the client ----------------------------------------------------------------------------------


def _client(context: RequestContext, *, as_service: bool = False, repeat: bool = True) -> Client:
    from cinderclient.api_versions import APIVersion
    from cinderclient.v3.client import Client

    options = CONF.cinder
    return Client(
        api_version=APIVersion(MICROVERSION),
        session=service_auth.get_session("cinder"),
        auth=service_auth.vouched_plugin(context, "cinder", as_service=as_service),
        service_type=options.service_type,
        service_name=options.service_name,
        endpoint_type=options.valid_interfaces,
        region_name=options.region_name,
        os_endpoint=_endpoint(context, as_service),
        global_request_id=context.global_id,
        connect_retries=options.http_retries if repeat else 0,
        status_code_retries=options.http_retries if repeat else 0,
        logger=_HTTP_LOG,
    )


def _endpoint(context: RequestContext, as_service: bool) -> str | None:
    """Where Cinder is for this project: older catalogs have the asker's project in its URL, and
    the catalog that we see is our own."""
    service = service_auth.service_plugin("cinder")
    session = service_auth.get_session("cinder")
    options = CONF.cinder
    url = options.endpoint_override or service.get_endpoint(
        session,
        service_type=options.service_type,
        service_name=options.service_name,
        interface=options.valid_interfaces,
        region_name=options.region_name,
    )
    if url is None:
        raise exception.CinderConnectionFailed(reason="the catalog has no volume service")
    ours = service.get_project_id(session) or ""
    is_user = context.auth_token and not as_service and CONF.api.auth_strategy != "noauth2"
    project = context.project_id if is_user else ours
    url = url.replace("%(project_id)s", project).replace("%(tenant_id)s", project)
    if ours and url.rstrip("/").endswith(f"/{ours}"):
        url = url.rstrip("/").removesuffix(ours) + project
    return url


def _volume(found) -> Volume:
    record = found.to_dict()
    attachments = record.get("attachments") or []
    return Volume(
        id=record["id"],
        status=record["status"],
        size=record["size"],
        availability_zone=record.get("availability_zone"),
        multiattach=bool(record.get("multiattach")),
        bootable=record.get("bootable") == "true",
        encrypted=bool(record.get("encrypted")),
        attachments={each["server_id"]: each["attachment_id"] for each in attachments},
        image_metadata=record.get("volume_image_metadata") or {},
        metadata=record.get("metadata") or {},
    )


def _attachment(record: dict[str, Any]) -> Attachment:
    """``connection_info`` as connectors take it: what is not the kind of connection is its data."""
    told = dict(record.get("connection_info") or {})
    told.pop("connector", None)
    kind = told.pop("driver_volume_type", None)
    return Attachment(
        id=record["id"],
        volume_id=record["volume_id"],
        instance_uuid=record["instance"],
        status=record["status"],
        connection_info={"driver_volume_type": kind, "data": told} if kind else {},
    )


def _no_attachment(attachment_id: str) -> exception.NovaException:
    return exception.VolumeAttachmentNotFound(attachment_id=attachment_id)


@contextlib.contextmanager
def _translated(
    missing: exception.NovaException | None = None, volume_id: str = ""
) -> Iterator[None]:
    """The client's errors become ours; ``missing`` is what 404 means."""
    from cinderclient import exceptions as cinder_exc

    try:
        yield
    except cinder_exc.NotFound as exc:
        raise missing or exception.InvalidVolume(reason=exc.message) from exc
    except cinder_exc.Unauthorized as exc:
        raise exception.CinderConnectionFailed(reason="it refuses the credentials") from exc
    except cinder_exc.OverLimit as exc:
        raise exception.VolumeQuotaExceeded(reason=exc.message) from exc
    except cinder_exc.Forbidden as exc:
        raise exception.VolumeAccessDenied(volume_id=volume_id) from exc
    except cinder_exc.ClientException as exc:
        if exc.code >= 500:
            raise exception.CinderConnectionFailed(reason=f"it answered {exc.code}") from exc
        raise exception.InvalidVolume(reason=exc.message) from exc
    except ks_exc.ClientException as exc:
        LOG.warning("Volume service: %s", exc)
        raise exception.CinderConnectionFailed(reason="it does not answer") from exc
