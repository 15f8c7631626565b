"""Every operation of the route table is requested for an object of another tenant."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.attacks import recipes
from tests.functional.attacks.conftest import NAME, PRIVATE_IMAGE, VICTIM, Site
from tests.functional.attacks.recipes import Attack
from tests.functional.harness.client import Client

ATTACKS = recipes.all_attacks()
# Keys belong to users, not to projects: a reader may have some, and sees only those.
_OF_USERS = {"POST /os-keypairs"}
_READS = ("GET", "HEAD")

attacks = pytest.mark.parametrize("attack", ATTACKS, ids=[each.name for each in ATTACKS])


def _ask(client: Client, attack: Attack, site: Site, own: str):
    headers = {"OpenStack-API-Version": f"compute {attack.version}"}
    return client.request(
        attack.method, attack.url(own, site.known), attack.body(site.known), headers=headers
    )


@pytest.fixture(scope="module", autouse=True)
def unchanged(site) -> Iterator[None]:
    """Checks that all attacks of this file have changed nothing."""
    before = _everything(site)
    yield
    assert _everything(site) == before


def _everything(site: Site) -> dict:
    ask, server = site.operator.get, f"/servers/{site.known['server']}"
    flavor = f"/flavors/{recipes.FLAVOR}"
    services = ask("/os-services")["services"]
    return {
        "server": ask(server),
        "servers": [each["id"] for each in ask("/servers?all_tenants=1")["servers"]],
        "actions": ask(f"{server}/os-instance-actions"),
        "keys": ask("/os-keypairs?user_id=vic"),
        "flavors": ask("/flavors/detail?is_public=none"),
        "access": ask(f"{flavor}/os-flavor-access"),
        "quotas": [ask(f"/os-quota-sets/{VICTIM}"), ask("/os-quota-class-sets/default")],
        "aggregates": ask("/os-aggregates"),
        "services": [(each["id"], each["status"], each["forced_down"]) for each in services],
        "images": site.images.ids(),
    }


def test_every_operation_has_a_recipe():
    without = {each.path for each in ATTACKS if each.path not in recipes.OBJECTS}
    assert not without, "say in recipes.OBJECTS what these paths name"
    bodies = {each.name for each in ATTACKS if each.takes_body}
    assert not bodies - recipes.BODIES.keys(), "give these a valid body in recipes.BODIES"


def test_no_recipe_is_left_over():
    names = {each.name for each in ATTACKS}
    assert not recipes.BODIES.keys() - names
    assert not recipes.OPERATORS_ALONE - names
    assert not recipes.NOT_FOR_READERS - names


@attacks
def test_a_token_is_required(site, attack):
    own = site.owner_of(attack.object.kind)
    assert _ask(site.anonymous, attack, site, own).status_code == 401


def _is_own_creation(attack: Attack) -> bool:
    """Whether the operation creates an object of the caller, and so names none of others."""
    return attack.kind == recipes.COLLECTION and attack.method not in _READS


@pytest.mark.parametrize(
    "attack",
    [each for each in ATTACKS if not _is_own_creation(each)],
    ids=lambda each: each.name,
)
def test_another_tenant_cannot_tell_that_an_object_exists(site, attack):
    own = site.owner_of(attack.object.kind)
    response = _ask(site.stranger, attack, site, own)
    if attack.kind in (recipes.OPERATORS, recipes.PROJECT):
        assert response.status_code == 403, response.text
        return
    if attack.kind in (recipes.PUBLIC, recipes.COLLECTION, recipes.PROXIED):
        expected = (200, 404) if attack.kind == recipes.PROXIED else (200,)
        assert response.status_code in expected, response.text
        _assert_no_secret(site, response.text)
        return
    assert response.status_code == 404, response.text
    nothing = _ask(site.stranger, attack, site, recipes.UNKNOWN)
    assert nothing.status_code == 404, nothing.text
    assert response.text.replace(own, recipes.UNKNOWN) == nothing.text


@pytest.mark.parametrize(
    "attack",
    [each for each in ATTACKS if each.kind != recipes.KEYPAIR and each.name not in _OF_USERS],
    ids=lambda each: each.name,
)
def test_a_reader_of_the_project_changes_nothing(site, attack):
    """This test also proves that the attacks name an object that exists: a reader is refused only
    after the object was found."""
    own = site.owner_of(attack.object.kind)
    response = _ask(site.reader, attack, site, own)
    is_read = attack.method in _READS and attack.name not in recipes.NOT_FOR_READERS
    if attack.kind == recipes.PROXIED and not is_read:
        assert response.status_code in (403, 404), response.text
        return
    if attack.kind == recipes.OPERATORS or not is_read:
        assert response.status_code == 403, response.text
        return
    nothing = _ask(site.reader, attack, site, recipes.UNKNOWN)
    assert response.status_code not in (401, 403) and response.status_code < 500, response.text
    if attack.kind in (recipes.SERVER, recipes.PRIVATE_FLAVOR, recipes.SERVER_GROUP):
        assert response.text.replace(own, recipes.UNKNOWN) != nothing.text, "no object was there"


_QUERIES = [
    "",
    "?all_tenants=1",
    "?all_projects=1",
    f"?project_id={VICTIM}",
    f"?tenant_id={VICTIM}",
    f"?all_tenants=1&project_id={VICTIM}",
    f"?name={NAME}",
    "?name=.*",
    "?user_id=vic",
    "?host=c1",
    "?deleted=true",
    f"?tags={recipes.TAG}",
    "?limit=1&sort_key=project_id",
]


_LISTS = [each.path for each in ATTACKS if each.kind == recipes.COLLECTION]


@pytest.mark.parametrize("query", _QUERIES)
@pytest.mark.parametrize("path", sorted(set(_LISTS)))
def test_no_query_shows_another_tenants_objects(site, path, query):
    response = site.stranger.request("GET", path + query)
    assert response.status_code < 500, response.text
    _assert_no_secret(site, response.text)


def test_a_marker_of_another_tenant_is_unknown(site):
    path = "/servers?limit=1&marker="
    own = site.stranger.request("GET", path + site.known["server"])
    nothing = site.stranger.request("GET", path + recipes.UNKNOWN)
    assert own.status_code == nothing.status_code == 400
    assert own.text.replace(site.known["server"], recipes.UNKNOWN) == nothing.text


def _assert_no_secret(site: Site, text: str) -> None:
    secrets = [
        site.known["server"],
        site.known["private_image"],
        NAME,
        PRIVATE_IMAGE,
        recipes.TAG,
        recipes.KEY,
        recipes.FLAVOR,
        recipes.AGGREGATE,
        recipes.GROUP,
        site.known["group"],
        *recipes.METADATA.values(),
    ]
    assert not [each for each in secrets if each in text], text
