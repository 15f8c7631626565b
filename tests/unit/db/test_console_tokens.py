"""Which actions revoke the tokens of consoles."""

from nova_mini.actions.operations import REGISTRY
from nova_mini.db.console_tokens import ENDING_ACTIONS

# The guest runs on, or begins; it has the same content, at the same host.
KEEPING_ACTIONS = {
    "attach_interface",
    "attach_volume",
    "changePassword",
    "confirmResize",
    "create",
    "createBackup",
    "createImage",
    "detach_interface",
    "detach_volume",
    "pause",
    "reboot",  # after a hard one, the compute says which port the guest has now
    "swap_volume",
    "trigger_crash_dump",
    "unpause",
}


def test_every_action_revokes_tokens_or_keeps_them():
    shown = {action.shown_as or action.name for action in REGISTRY.actions.values()}
    assert shown == ENDING_ACTIONS | KEEPING_ACTIONS
    assert not ENDING_ACTIONS & KEEPING_ACTIONS
