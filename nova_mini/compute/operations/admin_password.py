"""Set the administrator's password in a running guest."""

from __future__ import annotations

from nova_mini.actions.parameters import PasswordParameters
from nova_mini.compute.host import running_guest
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.objects import guest_password
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import traced


@traced("set_admin_password")
def set_admin_password(op: HostOperation, parameters: PasswordParameters) -> None:
    """Set it by the guest's agent, and store it for the owner of the server's key. Idempotent.

    Raises InstanceInvalidState if the guest does not run, and the errors of the driver.
    """
    running_guest.check(op.host.driver, op.instance, "changePassword")
    image_meta = ImageMeta.from_instance(op.instance)
    op.host.driver.set_admin_password(op.instance, image_meta, parameters.admin_password)
    _store(op, parameters.admin_password)
    op.instance.task_state = None


def _store(op: HostOperation, password: str) -> None:
    """Store the password, encrypted with the server's key, where os-server-password shows it."""
    # Imported late: a compute needs it only here.
    from nova_mini import crypto

    encrypted = crypto.encrypt_for(op.instance.key_data or "", password)
    if encrypted is not None and len(encrypted) <= guest_password.MAX_SIZE:
        op.instance.change_system_metadata(guest_password.convert(encrypted))
