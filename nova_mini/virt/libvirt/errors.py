"""Translate libvirt's errors to nova_mini's exceptions."""

from __future__ import annotations

import functools
import inspect

import libvirt

from nova_mini import exception
from nova_mini.conf import CONF

_CONNECTION_ERRORS = (
    libvirt.VIR_ERR_SYSTEM_ERROR,
    libvirt.VIR_ERR_INTERNAL_ERROR,
    libvirt.VIR_ERR_NO_CONNECT,
    libvirt.VIR_ERR_INVALID_CONN,
)
_CONNECTION_DOMAINS = (libvirt.VIR_FROM_REMOTE, libvirt.VIR_FROM_RPC)


def translate(exc: libvirt.libvirtError) -> exception.NovaException:
    """HypervisorUnavailable when libvirtd could not be reached (the call can be retried), else
    HypervisorError."""
    if exc.get_error_domain() in _CONNECTION_DOMAINS and exc.get_error_code() in _CONNECTION_ERRORS:
        return exception.HypervisorUnavailable(host=CONF.host)
    return exception.HypervisorError(reason=str(exc))


def failure(exc: libvirt.libvirtError, refused: exception.NovaException) -> exception.NovaException:
    """HypervisorUnavailable when libvirtd could not be reached (the call can be retried), else
    ``refused``."""
    translated = translate(exc)
    return translated if isinstance(translated, exception.HypervisorUnavailable) else refused


def translates_libvirt_errors(cls: type) -> type:
    """Class decorator: public methods, also inherited ones, raise translated errors instead of
    libvirtError."""
    for name, method in inspect.getmembers(cls, inspect.isfunction):
        if not name.startswith("_"):
            setattr(cls, name, _translating(method))
    return cls


def _translating(method):
    @functools.wraps(method)
    def wrapper(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except libvirt.libvirtError as exc:
            raise translate(exc) from exc

    return wrapper
