"""Images of users: correct ones, and malicious ones that refer to files of the host."""

from __future__ import annotations

import configparser
import hashlib
import pathlib
import subprocess

import sqlalchemy as sa
from openstack.image.v2.image import Image

from tests.integration.cloud.harness import ceph, node
from tests.integration.cloud.harness.cloud import Cloud

_STORE = node.STACK / "data" / "glance" / "images"


def make(directory: pathlib.Path, name: str, *arguments: str) -> pathlib.Path:
    """Make a small disk with ``qemu-img create``."""
    subprocess.run(
        ["/usr/bin/qemu-img", "create", "-q", *arguments, name, "1M"],
        check=True,
        cwd=directory,
        timeout=30,
    )
    return directory / name


def upload(
    cloud: Cloud, disk_format: str, path: pathlib.Path, container_format="bare", **properties: str
) -> str:
    """Upload an image through Glance's API. Returns its id."""
    image = cloud.of_user.image._create(
        Image,
        name=f"it-{path.name}",
        disk_format=disk_format,
        container_format=container_format,
        **properties,
    )
    with path.open("rb") as stream:
        response = cloud.of_user.image.put(
            f"/images/{image.id}/file",
            data=stream,
            headers={"Content-Type": "application/octet-stream"},
        )
    assert response.status_code == 204, response.text
    return image.id


def exchange(image_id: str, path: pathlib.Path) -> None:
    """Replace the data of an image in Glance's store and record. Today's Glance would refuse the
    data; an older one, or a user with access to the store, may have stored them."""
    data = path.read_bytes()
    if ceph.HERE:
        ceph.exchange(image_id, path)
    else:
        (_STORE / image_id).write_bytes(data)
    config = configparser.ConfigParser(interpolation=None)
    config.read(sorted((node.STACK / "etc" / "glance").glob("*.conf")))
    engine = sa.create_engine(config["database"]["connection"], poolclass=sa.NullPool)
    statement = sa.text(
        "UPDATE images SET size = :size, checksum = :md5, os_hash_value = :sha512 WHERE id = :id"
    )
    values = {
        "id": image_id,
        "size": len(data),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "sha512": hashlib.sha512(data).hexdigest(),
    }
    with engine.begin() as connection:
        assert connection.execute(statement, values).rowcount == 1


def name_in_cache(image_id: str) -> str:
    return hashlib.sha1(image_id.encode(), usedforsecurity=False).hexdigest()
