import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from nova_mini.conf import CONF
from tests.unit.conftest import ADMIN

# Made for this test; the fingerprint is what ``ssh-keygen -l -E md5`` prints.
PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5mNZ0hVdM0nqUsk4Hfrr2l4YxXrDPfdsGXZnDkvVGC somebody"
)


def create(api, name="key", version="2.2", token="user:project", **fields):
    body = {"keypair": {"name": name, **fields}}
    return api.post("/os-keypairs", body, version=version, token=token)


def names(response):
    return [item["keypair"]["name"] for item in response.json["keypairs"]]


def test_import_public_key(api):
    response = create(api, public_key=PUBLIC_KEY)
    assert response.status_int == 201
    keypair = response.json["keypair"]
    assert keypair["public_key"] == PUBLIC_KEY
    assert keypair["type"] == "ssh"
    assert len(keypair["fingerprint"].split(":")) == 16
    assert keypair["user_id"] == "user"
    assert "private_key" not in keypair


def test_fingerprint_equals_that_of_ssh_keygen(api, tmp_path):
    import subprocess

    (tmp_path / "key.pub").write_text(PUBLIC_KEY + "\n")
    try:
        output = subprocess.run(
            ["ssh-keygen", "-l", "-E", "md5", "-f", tmp_path / "key.pub"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
    except FileNotFoundError:
        pytest.skip("ssh-keygen is not installed")
    response = create(api, public_key=PUBLIC_KEY)
    assert f"MD5:{response.json['keypair']['fingerprint']} " in output


def test_generate_ssh_key(api):
    response = create(api, version="2.91")
    keypair = response.json["keypair"]
    private = serialization.load_pem_private_key(keypair["private_key"].encode(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    assert keypair["public_key"].startswith(public.decode())
    assert "private_key" not in api.get("/os-keypairs/key").json["keypair"]


def test_generate_and_import_x509_certificate(api):
    made = create(api, type="x509").json["keypair"]
    certificate = x509.load_pem_x509_certificate(made["public_key"].encode())
    assert certificate.subject.rfc4514_string() == "CN=user"
    assert len(made["fingerprint"].split(":")) == 20
    again = create(api, "again", type="x509", public_key=made["public_key"]).json["keypair"]
    assert again["fingerprint"] == made["fingerprint"]


def test_public_key_is_required_since_2_92(api):
    assert create(api, version="2.92").status_int == 400
    assert create(api, version="2.92", public_key=PUBLIC_KEY).status_int == 201


@pytest.mark.parametrize(
    ("version", "created", "deleted", "has_type"),
    [("2.1", 200, 202, False), ("2.2", 201, 204, True)],
)
def test_status_codes_and_type_by_version(api, version, created, deleted, has_type):
    response = create(api, version=version, public_key=PUBLIC_KEY)
    assert response.status_int == created
    assert ("type" in response.json["keypair"]) == has_type
    assert api.delete("/os-keypairs/key", version=version).status_int == deleted
    assert api.get("/os-keypairs/key").status_int == 404
    assert api.delete("/os-keypairs/key", version=version).status_int == 404


def test_show_key_pair(api):
    create(api, public_key=PUBLIC_KEY)
    shown = api.get("/os-keypairs/key", version="2.2").json["keypair"]
    assert shown["user_id"] == "user"
    assert shown["deleted"] is False
    assert shown["public_key"] == PUBLIC_KEY
    assert shown["created_at"]


@pytest.mark.parametrize(
    "public_key",
    [
        "nonsense",
        "ssh-rsa",
        "ssh-rsa !!!",
        "ssh-rsa AAAA",
        "ssh-ed25519 " + "A" * 68,
        PUBLIC_KEY + "\n" + PUBLIC_KEY,
        "x" * 65536,
        "",
    ],
)
def test_invalid_public_key_is_refused(api, public_key):
    assert create(api, public_key=public_key).status_int == 400


@pytest.mark.parametrize("name", ["", " key", "key ", "a/b", "ключ", "x" * 256, "a@b"])
def test_invalid_key_names_are_refused(api, name):
    assert create(api, name, public_key=PUBLIC_KEY).status_int == 400


def test_key_names_since_2_92(api):
    assert create(api, "a@b.c", version="2.92", public_key=PUBLIC_KEY).status_int == 201
    assert api.get("/os-keypairs/a@b.c").status_int == 200


def test_duplicate_key_name_is_409(api):
    create(api, public_key=PUBLIC_KEY)
    assert create(api, public_key=PUBLIC_KEY).status_int == 409
    assert create(api, public_key=PUBLIC_KEY, token="other:project").status_int == 201


def test_key_pairs_belong_to_users(api):
    create(api, public_key=PUBLIC_KEY)
    assert api.get("/os-keypairs/key", token="other:project").status_int == 404
    assert names(api.get("/os-keypairs", token="other:project")) == []
    query = "?user_id=user"
    other = {"token": "other:project", "version": "2.10"}
    assert api.get(f"/os-keypairs{query}", **other).status_int == 403
    assert api.delete(f"/os-keypairs/key{query}", **other).status_int == 403


def test_administrator_acts_for_users_since_2_10(api):
    assert (
        create(api, version="2.9", token=ADMIN, public_key=PUBLIC_KEY, user_id="user").status_int
        == 400
    )
    create(api, version="2.10", token=ADMIN, public_key=PUBLIC_KEY, user_id="user")
    assert names(api.get("/os-keypairs")) == ["key"]
    shown = api.get("/os-keypairs?user_id=user", token=ADMIN, version="2.10")
    assert names(shown) == ["key"]
    assert names(api.get("/os-keypairs?user_id=user", token=ADMIN, version="2.9")) == []


def test_pagination_of_key_pairs(api):
    for name in ("c", "a", "b"):
        create(api, name, public_key=PUBLIC_KEY)
    assert names(api.get("/os-keypairs?limit=1")) == ["a", "b", "c"]  # pages are of 2.35
    page = api.get("/os-keypairs?limit=2", version="2.35")
    assert names(page) == ["a", "b"]
    link = page.json["keypairs_links"][0]["href"]
    rest = api.get(link.removeprefix("http://localhost/v2.1"), version="2.35")
    assert names(rest) == ["c"]
    assert "keypairs_links" not in rest.json
    assert api.get("/os-keypairs?marker=nope", version="2.35").status_int == 400


def test_key_pair_quota(api):
    CONF.set_override("key_pairs", 1, group="quota")
    try:
        assert create(api, "one", public_key=PUBLIC_KEY).status_int == 201
        response = create(api, "two", public_key=PUBLIC_KEY)
        assert response.status_int == 403
        assert "too many key pairs" in response.json["forbidden"]["message"]
    finally:
        CONF.clear_override("key_pairs", group="quota")
