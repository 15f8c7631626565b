"""The route table, its schemas and the policy rules are consistent."""

import jsonschema
import pytest

from nova_mini import policies
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.api_version import MAX_VERSION, MIN_VERSION, APIVersion
from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.compute.routes import ROUTE_LIST
from nova_mini.api.openstack.operation import ActionOperation


@pytest.fixture(scope="module")
def operations():
    """[(METHOD path or action, Operation)]"""
    found = []
    for (path, _), methods in zip(ROUTE_LIST, APIRouterV21().operations, strict=True):
        for method, operation in methods.items():
            if isinstance(operation, ActionOperation):
                found += [
                    (f"{method} {path} {action}", each)
                    for action, each in operation.operations.items()
                ]
            else:
                found.append((f"{method} {path}", operation))
    return found


def _versions(implementation):
    return [
        APIVersion(2, minor)
        for minor in range(implementation.first.minor, implementation.last.minor + 1)
    ]


def test_paths_are_unique():
    paths = [path for path, _ in ROUTE_LIST]
    assert len(paths) == len(set(paths))


def test_each_controller_method_has_a_route():
    routed = {method for _, methods in ROUTE_LIST for method in methods.values()}
    for controller in wsgi.Controller.__subclasses__():
        for name, method in vars(controller).items():
            is_action = hasattr(method, "action_name")
            if not name.startswith("_") and not is_action:
                assert method in routed, f"{controller.__name__}.{name} has no route"


def test_each_action_controller_has_a_route():
    routed = {
        controller
        for _, methods in ROUTE_LIST
        for controllers in methods.values()
        if isinstance(controllers, tuple)
        for controller in controllers
    }
    with_actions = {
        controller
        for controller in wsgi.Controller.__subclasses__()
        if any(hasattr(method, "action_name") for method in vars(controller).values())
    }
    assert routed == with_actions


def test_schemas_are_valid(operations):
    checked = 0
    for name, operation in operations:
        for implementation in operation.implementations:
            for schemas in (implementation.body_schemas, implementation.query_schemas):
                for _first, _last, validator in schemas.ranges if schemas else ():
                    try:
                        jsonschema.Draft4Validator.check_schema(validator.schema)
                    except jsonschema.SchemaError as exc:
                        pytest.fail(f"{name}: {exc.message}")
                    checked += 1
    assert checked > 100


def test_each_version_has_one_schema(operations):
    for name, operation in operations:
        for implementation in operation.implementations:
            for schemas in (implementation.body_schemas, implementation.query_schemas):
                for version in _versions(implementation) if schemas else ():
                    fitting = [r for r in schemas.ranges if r[0] <= version <= r[1]]
                    assert len(fitting) == 1, f"{name} has {len(fitting)} schemas at {version}"


def test_each_version_has_one_implementation_at_most(operations):
    for name, operation in operations:
        for minor in range(MIN_VERSION.minor, MAX_VERSION.minor + 1):
            version = APIVersion(2, minor)
            fitting = [i for i in operation.implementations if i.first <= version <= i.last]
            assert len(fitting) <= 1, f"{name} is ambiguous at {version}"


def test_each_body_has_a_schema(operations):
    without_a_body = {"PUT /servers/{server_id}/tags/{id}"}
    for name, operation in operations:
        if name.startswith(("POST", "PUT")) and name not in without_a_body:
            assert operation.takes_body, f"{name} reads no body"


def test_policy_rules_are_documented():
    rules = policies.list_rules()
    names = [rule.name for rule in rules]
    assert len(names) == len(set(names))
    for rule in rules:
        if rule.name.startswith("os_compute_api:"):
            assert rule.description and rule.operations, rule.name
            assert rule.scope_types == ["project"], rule.name
