"""Make the backend that the configuration names."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.secrets import Secrets


def load_backend(images_type: str, secrets: Secrets) -> Backend:
    """The backend for ``[libvirt] images_type``. Ceph's libraries are imported only for ``rbd``.
    Raises ConfigurationError."""
    if images_type == "lvm":
        from nova_mini.virt.libvirt.imagebackend.lvm import LvmBackend

        return LvmBackend()
    if images_type != "rbd":
        return Backend(images_type)
    try:
        from nova_mini.virt.libvirt.imagebackend.rbd import RbdBackend
    except ImportError as exc:
        raise exception.ConfigurationError(
            f"images_type=rbd needs the Python modules rbd and rados of this host's Ceph: {exc}"
        ) from exc
    return RbdBackend(secrets)
