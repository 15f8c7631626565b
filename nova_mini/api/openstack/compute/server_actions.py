"""``POST /servers/{id}/action``: actions on power, records, security groups and the console."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import server_actions as schema
from nova_mini.api.openstack.compute.server_access import get_instance, target_of
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.policies import server_actions as action_policy
from nova_mini.policies import servers as server_policy


class ServerActionsController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    # -- power -----------------------------------------------------------------------------------

    @wsgi.action("reboot")
    @wsgi.response(202)
    @validation.schema(schema.reboot)
    def reboot(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, server_policy.REBOOT)
        self.compute_api.reboot(req.context, instance, body["reboot"]["type"].upper())

    @wsgi.action("os-start")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def start(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.start(req.context, get_instance(req, id, server_policy.START))

    @wsgi.action("os-stop")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def stop(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.stop(req.context, get_instance(req, id, server_policy.STOP))

    @wsgi.action("pause")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def pause(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.pause(req.context, get_instance(req, id, action_policy.PAUSE))

    @wsgi.action("unpause")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def unpause(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.unpause(req.context, get_instance(req, id, action_policy.UNPAUSE))

    @wsgi.action("suspend")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def suspend(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.suspend(req.context, get_instance(req, id, action_policy.SUSPEND))

    @wsgi.action("resume")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def resume(self, req: Request, id: str, body: dict) -> None:
        self.compute_api.resume(req.context, get_instance(req, id, action_policy.RESUME))

    @wsgi.api_version("2.17")
    @wsgi.action("trigger_crash_dump")
    @wsgi.response(202)
    @validation.schema(schema.trigger_crash_dump)
    def trigger_crash_dump(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, server_policy.TRIGGER_CRASH_DUMP)
        self.compute_api.trigger_crash_dump(req.context, instance)

    # -- the record ------------------------------------------------------------------------------

    @wsgi.action("lock")
    @wsgi.response(202)
    @validation.schema(schema.plain, "2.1", "2.72")
    @validation.schema(schema.lock_v273, "2.73")
    def lock(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, action_policy.LOCK)
        reason = (body["lock"] or {}).get("locked_reason") if req.api_version >= (2, 73) else None
        self.compute_api.lock(req.context, instance, reason)

    @wsgi.action("unlock")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def unlock(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, action_policy.UNLOCK)
        if instance.locked_by == "admin":
            policy.authorize(req.context, action_policy.UNLOCK_OVERRIDE, target_of(instance))
        self.compute_api.unlock(req.context, instance)

    @wsgi.action("os-resetState")
    @wsgi.response(202)
    @validation.schema(schema.reset_state)
    def reset_state(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, action_policy.RESET_STATE)
        self.compute_api.reset_state(req.context, instance, body["os-resetState"]["state"])

    @wsgi.action("injectNetworkInfo")
    @wsgi.response(202)
    @validation.schema(schema.plain)
    def inject_network_info(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, action_policy.INJECT_NETWORK_INFO)
        self.compute_api.inject_network_info(req.context, instance)

    # -- security groups -------------------------------------------------------------------------

    @wsgi.action("addSecurityGroup")
    @wsgi.response(202)
    @validation.schema(schema.security_group)
    def add_security_group(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, action_policy.ADD_SECURITY_GROUP)
        name = body["addSecurityGroup"]["name"]
        self.compute_api.add_security_group(req.context, instance, name)

    @wsgi.action("removeSecurityGroup")
    @wsgi.response(202)
    @validation.schema(schema.security_group)
    def remove_security_group(self, req: Request, id: str, body: dict) -> None:
        instance = get_instance(req, id, action_policy.REMOVE_SECURITY_GROUP)
        name = body["removeSecurityGroup"]["name"]
        self.compute_api.remove_security_group(req.context, instance, name)

    # -- the console -----------------------------------------------------------------------------

    @wsgi.action("os-getConsoleOutput")
    @validation.schema(schema.console_output)
    def get_console_output(self, req: Request, id: str, body: dict) -> dict:
        instance = get_instance(req, id, action_policy.CONSOLE_OUTPUT)
        length = body["os-getConsoleOutput"].get("length")
        tail_length = None if length is None or int(length) < 0 else int(length)
        try:
            output = self.compute_api.get_console_output(req.context, instance, tail_length)
        except exception.ConsoleNotAvailable as exc:
            raise exception.NotFound(exc.format_message()) from exc
        return {"output": output}
