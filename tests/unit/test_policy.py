"""Who may do what, by the defaults and by an operator's file."""

import pytest

from nova_mini import exception, policy
from nova_mini.conf import CONF
from nova_mini.policies import quota_sets, services
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


def test_projects_and_administrators():
    member, admin = make_context(), make_context("root", "x", admin=True)
    assert allowed(member, quota_sets.SHOW, OWN)
    assert not allowed(member, quota_sets.SHOW, OTHERS)
    assert allowed(admin, quota_sets.SHOW, OTHERS)
    assert not allowed(member, services.LIST)
    assert allowed(admin, services.LIST)


def test_without_a_target_the_callers_own_is_meant():
    assert allowed(make_context(), quota_sets.SHOW)


def test_a_refusal_names_the_rule():
    with pytest.raises(exception.PolicyNotAuthorized, match="os-services:list"):
        policy.authorize(make_context(), services.LIST)


def test_a_token_for_the_whole_system_is_refused():
    context = make_context(admin=True)
    context.system_scope = "all"
    assert not allowed(context, services.LIST)


def test_a_rule_that_does_not_exist():
    with pytest.raises(Exception, match="nonsense"):
        policy.authorize(make_context(), "os_compute_api:nonsense")


def test_an_operators_file(tmp_path):
    rules = tmp_path / "policy.yaml"
    rules.write_text(f'"{services.LIST}": "role:reader"\n')
    CONF.set_override("policy_file", str(rules), group="oslo_policy")
    try:
        policy.reset()
        assert allowed(make_context(), services.LIST)
        assert not allowed(make_context(), services.UPDATE)
    finally:
        CONF.clear_override("policy_file", group="oslo_policy")
