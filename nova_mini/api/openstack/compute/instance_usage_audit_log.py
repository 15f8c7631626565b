"""``/os-instance_usage_audit_log``: which hosts have reported the usage of their servers."""

from __future__ import annotations

import datetime

from nova_mini import exception, policy
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.request import Request
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.objects import audit_period, usage_audit
from nova_mini.objects.service import ServiceList
from nova_mini.policies import instance_usage_audit_log as audit_policy

_COMPUTE = "nova-mini-compute"
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")
_YEARS = 2  # before the requested time: the begin of a period must be a date, too


class InstanceUsageAuditLogController(wsgi.Controller):
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, audit_policy.LIST)
        return {"instance_usage_audit_logs": _log(req, utcnow())}

    def show(self, req: Request, id: str) -> dict:
        """``id``: a time; the log is that of the last period that had ended then. Raises
        InvalidInput."""
        policy.authorize(req.context, audit_policy.SHOW)
        return {"instance_usage_audit_log": _log(req, _time(id))}


def _log(req: Request, before: datetime.datetime) -> dict:
    begin, end = audit_period.last_completed(CONF.instance_usage_audit_period, before)
    hosts = {service.host for service in ServiceList.get_all(req.context, _COMPUTE)}
    audits = usage_audit.get_audits(begin, end)
    done = [each for each in audits if each.is_done]
    hosts |= {each.host for each in audits}
    missing = sorted(hosts.difference(each.host for each in audits))
    errors = sum(each.errors for each in audits)
    share = "ALL" if done and len(done) == len(hosts) else f"{len(done)} of {len(hosts)}"
    return {
        "period_beginning": str(begin),
        "period_ending": str(end),
        "num_hosts": len(hosts),
        "num_hosts_done": len(done),
        "num_hosts_running": len(audits) - len(done),
        "num_hosts_not_run": len(missing),
        "hosts_not_run": missing,
        "total_instances": sum(each.servers for each in audits),
        "total_errors": errors,
        "overall_status": f"{share} hosts done. {errors} errors.",
        "log": {each.host: _view(each) for each in audits},
    }


def _view(audit: usage_audit.UsageAudit) -> dict:
    return {
        "state": "DONE" if audit.is_done else "RUNNING",
        "instances": audit.servers,
        "errors": audit.errors,
        "message": audit.message,
    }


def _time(text: str) -> datetime.datetime:
    for time_format in _FORMATS:
        try:
            time = datetime.datetime.strptime(text, time_format)
        except ValueError:
            continue
        if time.year > _YEARS:
            return time
    raise exception.InvalidInput(reason=f"Invalid timestamp for date {text[:64]}")
