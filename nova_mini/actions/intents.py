"""Begin actions: commit the intent, before any message is sent."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from nova_mini.actions.parameters import NoParameters, Parameters
from nova_mini.actions.registry import Action, Place
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction, Intent
from nova_mini.objects.intent_transactions import Row


def intent_of(action: Action, host: str | None, parameters: Parameters) -> Intent:
    """The columns of a row of ``instance_actions``: the operation, its parameters and its host."""
    operation = action.operation_at(host)
    return {
        "action": action.shown_as or action.name,
        "method": operation.name,
        "host": host if operation.place is Place.HOST else None,
        "args": parameters.to_args(),
        "args_version": parameters.VERSION,
    }


def begin(
    context: RequestContext,
    instance: Instance,
    action: Action,
    parameters: Parameters | None = None,
    *,
    at_host: str | None = None,
    **options: Any,
) -> InstanceAction:
    """Commit an action and the changed fields of the server in one transaction.

    The action runs at the host of the server (or at ``at_host``, if the server has left that host),
    or at a conductor. ``options``, and the errors: see :meth:`.InstanceAction.begin`. Called by
    ``compute.api``.
    """
    given = parameters or NoParameters()
    intent = intent_of(action, at_host or instance.host, given)
    absorb = None if action.absorb is None else functools.partial(_absorb, action.absorb, given)
    return InstanceAction.begin(
        context,
        instance,
        intent["action"],
        method=intent["method"],
        host=intent["host"],
        args=intent["args"],
        args_version=intent["args_version"],
        absorb=absorb,
        **options,
    )


def _absorb(
    absorb: Callable[[Any, Sequence[Row]], Parameters],
    parameters: Parameters,
    ended: Sequence[Row],
) -> dict[str, Any]:
    """The arguments of an action that has ended the actions ``ended`` of the same server."""
    return absorb(parameters, ended).to_args()
