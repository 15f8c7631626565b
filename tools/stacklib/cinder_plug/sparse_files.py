"""A Cinder driver: a volume is a sparse file, which tgtd offers over iSCSI with CHAP.

A stack runs in namespaces, but the devices of LVM and of the kernel's iSCSI target and initiator
belong to the whole machine. Files and tgtd need only a directory.

A copy of a volume in use is not consistent: it is written to during the copy.
"""

import os
import shutil

from cinder import privsep
from cinder.image import image_utils
from cinder.volume import configuration, driver, volume_utils
from oslo_concurrency import processutils
from oslo_config import cfg
from oslo_utils import importutils, units

OPTIONS = [cfg.StrOpt("sparse_files_path", help="Directory of the volumes and snapshots.")]
cfg.CONF.register_opts(OPTIONS, group=configuration.SHARED_CONF_GROUP)

TARGET = "cinder.volume.targets.tgt.TgtAdm"
BLOCK_SIZE = "1M"


class SparseFilesDriver(driver.VolumeDriver):
    """All operations are idempotent."""

    VERSION = "1.0"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(OPTIONS)
        self._directory = self.configuration.sparse_files_path
        # This process is root already and needs no helper.
        privsep.sys_admin_pctxt.set_client_mode(False)
        self._target = importutils.import_object(
            TARGET, configuration=self.configuration, executor=self._execute
        )

    def check_for_setup_error(self):
        """Raise ProcessExecutionError when tgtd does not answer."""
        processutils.execute("tgtadm", "--lld", "iscsi", "--op", "show", "--mode", "target")

    def local_path(self, volume):
        """Return the file of a volume or a snapshot."""
        return os.path.join(self._directory, volume["name"])

    def create_volume(self, volume):
        """Create a file of zeros."""
        self._stretch(volume, volume["size"])

    def delete_volume(self, volume):
        """Remove the file."""
        for path in (self.local_path(volume), _draft(self.local_path(volume))):
            if os.path.exists(path):
                os.unlink(path)

    def create_snapshot(self, snapshot):
        """Copy the volume."""
        self._copy(snapshot["volume"], snapshot)

    delete_snapshot = delete_volume

    def create_volume_from_snapshot(self, volume, snapshot):
        """Copy the snapshot, or another volume, into a volume of at least its size."""
        self._copy(snapshot, volume)
        self._stretch(volume, volume["size"])

    create_cloned_volume = create_volume_from_snapshot

    def extend_volume(self, volume, new_size):
        """Extend the file to `new_size` GiB, and let tgtd announce the new size."""
        self._stretch(volume, new_size)
        self._target.extend_target(volume)

    def copy_image_to_volume(self, context, volume, image_service, image_id, disable_sparse=False):
        """Write an image over the volume, converted to raw."""
        image_utils.fetch_to_raw(
            context,
            image_service,
            image_id,
            self.local_path(volume),
            BLOCK_SIZE,
            size=volume["size"],
            run_as_root=False,
            disable_sparse=disable_sparse,
        )
        self._stretch(volume, volume["size"])

    def copy_volume_to_image(self, context, volume, image_service, image_meta):
        """Upload the volume."""
        path = self.local_path(volume)
        volume_utils.upload_volume(
            context, image_service, image_meta, path, volume, run_as_root=False
        )

    def ensure_export(self, context, volume):
        """Export a volume again that was exported before this process started."""
        return self._target.ensure_export(context, volume, self.local_path(volume))

    def create_export(self, context, volume, connector):
        """Export the volume with its own user and password."""
        info = self._target.create_export(context, volume, self.local_path(volume))
        return {"provider_location": info["location"], "provider_auth": info["auth"]}

    def remove_export(self, context, volume):
        """Remove the export."""
        self._target.remove_export(context, volume)

    def validate_connector(self, connector):
        """Raise InvalidConnectorException when `connector` has no iSCSI name."""
        return self._target.validate_connector(connector)

    def initialize_connection(self, volume, connector):
        """Return the connection information."""
        return self._target.initialize_connection(volume, connector)

    def terminate_connection(self, volume, connector, **kwargs):
        """Return whether other attachments use the export of the volume, so that it must stay."""
        self._target.terminate_connection(volume, connector, **kwargs)
        return len(volume.volume_attachment) > 1

    def _update_volume_stats(self):
        disk = shutil.disk_usage(self._directory)
        pool = {
            "pool_name": "files",
            "total_capacity_gb": disk.total / units.Gi,
            "free_capacity_gb": disk.free / units.Gi,
            "provisioned_capacity_gb": self._provisioned() / units.Gi,
            "reserved_percentage": 0,
            "max_over_subscription_ratio": self.configuration.max_over_subscription_ratio,
            "thin_provisioning_support": True,
            "thick_provisioning_support": False,
            "multiattach": True,
        }
        self._stats = {
            "volume_backend_name": self.configuration.volume_backend_name,
            "vendor_name": "nova_mini",
            "driver_version": self.VERSION,
            "storage_protocol": "iSCSI",
            "pools": [pool],
        }

    def _provisioned(self):
        with os.scandir(self._directory) as found:
            return sum(each.stat().st_size for each in found if each.is_file())

    def _stretch(self, volume, gibibytes):
        with open(self.local_path(volume), "ab") as file:
            if file.tell() < gibibytes * units.Gi:
                file.truncate(gibibytes * units.Gi)

    def _copy(self, source, target):
        """Copy a file. The copy gets its name when it is complete."""
        path = self.local_path(target)
        processutils.execute(
            "cp", "--sparse=always", "--reflink=auto", self.local_path(source), _draft(path)
        )
        os.rename(_draft(path), path)


def _draft(path):
    return f"{path}.new"
