"""What several operations need."""

from __future__ import annotations

import traceback

from nova_mini import exception
from nova_mini.objects.instance_fault import InstanceFault

_MESSAGE_LENGTH = 255


def add_instance_fault(context, instance, exc: BaseException, host: str | None) -> None:
    """Tell the user why: a message that is safe for anyone, and details for administrators."""
    code = getattr(exc, "code", 500)
    message = exc.format_message() if getattr(exc, "safe", False) else type(exc).__name__
    fault = InstanceFault(
        context,
        instance_uuid=instance.uuid,
        code=code,
        message=message[:_MESSAGE_LENGTH],
        details=_details(exc),
        host=host,
    )
    fault.create()


def _details(exc: BaseException) -> str:
    if isinstance(exc, exception.NovaException) and exc.__cause__ is None:
        return exc.format_message()
    return "".join(traceback.format_exception(exc))
