"""The permissions of roles, by the default rules and by an operator's policy file."""

import pytest

from nova_mini import exception, policy
from nova_mini.conf import CONF
from nova_mini.policies import quota_sets, servers, services
from tests.unit.conftest import make_context

OWN = {"project_id": "project", "user_id": "user"}
OTHERS = {"project_id": "other", "user_id": "else"}


@pytest.fixture(autouse=True)
def _fresh():
    CONF([], project="nova-mini", default_config_files=[])
    policy.reset()
    yield
    policy.reset()


def allowed(context, rule, target=None):
    return policy.authorize(context, rule, target, fatal=False)


def test_rules_for_projects_and_administrators():
    member, admin = make_context(), make_context("root", "x", admin=True)
    assert allowed(member, quota_sets.SHOW, OWN)
    assert not allowed(member, quota_sets.SHOW, OTHERS)
    assert allowed(admin, quota_sets.SHOW, OTHERS)
    assert not allowed(member, services.LIST)
    assert allowed(admin, services.LIST)


def test_default_target_is_the_callers_project():
    assert allowed(make_context(), quota_sets.SHOW)


def test_refusal_names_the_rule():
    with pytest.raises(exception.PolicyNotAuthorized, match="os-services:list"):
        policy.authorize(make_context(), services.LIST)


def test_system_scoped_token_is_refused():
    context = make_context(admin=True)
    context.system_scope = "all"
    assert not allowed(context, services.LIST)


def test_unknown_rule_raises():
    with pytest.raises(Exception, match="nonsense"):
        policy.authorize(make_context(), "os_compute_api:nonsense")


def test_policy_file_overrides_rules(tmp_path):
    rules = tmp_path / "policy.yaml"
    rules.write_text(f'"{services.LIST}": "role:reader"\n')
    CONF.set_override("policy_file", str(rules), group="oslo_policy")
    try:
        policy.reset()
        assert allowed(make_context(), services.LIST)
        assert not allowed(make_context(), services.UPDATE)
    finally:
        CONF.clear_override("policy_file", group="oslo_policy")


def user_with(*roles, project="project"):
    context = make_context("any-user", project)
    context.roles = list(roles)
    return context


ALIASES = {
    # name: (users that pass for a server of "project", users that do not)
    "context_is_admin": ([user_with("admin")], [user_with("manager")]),
    "admin_api": ([make_context("root", "x", admin=True)], [user_with("member")]),
    "admin_or_owner": (
        [make_context("root", "x", admin=True), user_with("any")],
        [user_with("member", project="other")],
    ),
    "service_api": ([user_with("service", project="x")], [user_with("member"), user_with("admin")]),
    "service_or_admin": ([user_with("service"), user_with("admin")], [user_with("member")]),
    "project_manager_api": (
        [user_with("manager")],
        [user_with("manager", project="other"), user_with("member"), user_with("admin")],
    ),
    "project_manager_or_admin": (
        [user_with("manager"), user_with("admin", project="x")],
        [user_with("manager", project="other"), user_with("member")],
    ),
    "project_member_api": ([user_with("member")], [user_with("reader")]),
    "project_member_or_admin": ([user_with("member"), user_with("admin")], [user_with("reader")]),
    "project_reader_api": ([user_with("reader")], [user_with("reader", project="other")]),
    "project_reader_or_admin": ([user_with("reader"), user_with("admin")], [user_with("other")]),
}


def test_base_rules_that_nova_policy_files_use(operators_file):
    """Policy files that were written for Nova use all of them. A rule that refers to an unknown
    rule would refuse every user."""
    rules = {
        name: f"os_compute_api:servers:{verb}" for name, verb in zip(ALIASES, VERBS, strict=True)
    }
    lines = [f'"{rule}": "rule:{name}"' for name, rule in rules.items()]
    # An operation that nova_mini does not have.
    lines += ['"os_compute_api:os-migrate-server:migrate": "rule:project_manager_or_admin"']
    operators_file("\n".join(lines))
    for name, (let_in, kept_out) in ALIASES.items():
        for context in let_in:
            assert allowed(context, rules[name], OWN), (name, context.roles)
        for context in kept_out:
            assert not allowed(context, rules[name], OWN), (name, context.roles)


VERBS = (
    "index",
    "detail",
    "show",
    "create",
    "update",
    "delete",
    "reboot",
    "rebuild",
    "create_image",
    "start",
    "stop",
)


def test_rules_have_the_names_and_defaults_of_nova():
    member, reader = user_with("member"), user_with("reader")
    admin = user_with("admin")
    for rule in (servers.CREATE_ATTACH_VOLUME, servers.CREATE_IMAGE_VOLUME_BACKED):
        assert allowed(member, rule, OWN) and allowed(admin, rule, OWN)
        assert not allowed(reader, rule, OWN)
    assert servers.ATTACH_EXTERNAL_NETWORK == "network:attach_external_network"
    assert allowed(admin, servers.ATTACH_EXTERNAL_NETWORK)
    assert not allowed(member, servers.ATTACH_EXTERNAL_NETWORK)
