"""Disks that an image names are valid like those of a request, or are refused."""

import json

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from nova_mini import exception
from nova_mini.compute.requests import block_device_request
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.external import volume_backed_image
from nova_mini.objects.block_device_mapping import GUEST_FORMATS, MAX_SIZE
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.image_meta import ImageMeta

IMAGE = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
FLAVOR = Flavor(flavorid="1", memory_mb=128, vcpus=1, root_gb=1, ephemeral_gb=10, swap=64)

_sizes = st.one_of(
    st.integers(), st.sampled_from([None, "", "1", "-1", 10, 5000, -5000, "9" * 30, True, 1.5])
)
_words = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            *GUEST_FORMATS,
            "../../etc/shadow",
            "ext4/..",
            "",
            "snapshot",
            "blank",
            "volume",
            "image",
            "local",
            "vda",
            "/dev/vda",
            "ephemeral0",
            IMAGE,
        ]
    ),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
_NAMES = (
    "source_type",
    "destination_type",
    "guest_format",
    "device_type",
    "disk_bus",
    "device_name",
    "uuid",
    "snapshot_id",
    "volume_id",
    "image_id",
    "tag",
    "virtual_name",
    "virtual",
    "device",
    "volume_type",
    "no_device",
    "delete_on_termination",
    "connection_info",
    "unknown",
)
_disk = st.builds(
    dict,
    st.dictionaries(st.sampled_from(_NAMES), st.one_of(_words, _json), max_size=6),
    boot_index=st.sampled_from([0, -1, 1, "0", None, True, "x"]),
    volume_size=_sizes,
)
_property = st.one_of(
    st.text(max_size=30),
    st.lists(st.one_of(_disk, _json), max_size=4).map(json.dumps),
    _json.map(json.dumps),
)


@pytest.fixture(autouse=True)
def configuration():
    CONF([], project="nova-mini", default_config_files=[])


@seed(3)
@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(mappings=_property, virtual=st.one_of(st.none(), _property), is_v2=st.sampled_from("TF"))
@example(mappings="[" * 100_000, virtual=None, is_v2="T")
@example(
    mappings=json.dumps(
        [
            {"source_type": "snapshot", "snapshot_id": IMAGE, "boot_index": 0},
            {"source_type": "blank", "volume_size": 5000, "boot_index": -1},
            {"source_type": "blank", "volume_size": -5000, "boot_index": -1},
        ]
    ),
    virtual=None,
    is_v2="T",
)
def test_disks_of_an_image_are_valid_or_refused(mappings, virtual, is_v2):
    properties = {"block_device_mapping": mappings, "mappings": virtual, "bdm_v2": is_v2}
    image = ImageMeta(id=IMAGE, properties={k: v for k, v in properties.items() if v is not None})
    request = ServerRequest(display_name="s", flavor=FLAVOR, image_ref=IMAGE, admin_password="p")
    try:
        of_image = volume_backed_image.mappings_of(image)
        requested = block_device_request.requested_disks(request, of_image)
        disks = volume_backed_image.merge(of_image, requested)
        made = block_device_request.build_disks(disks, IMAGE, FLAVOR)
    except exception.Invalid as exc:
        assert len(exc.format_message()) < 500
        return
    for disk in made:
        assert disk.guest_format in (None, *GUEST_FORMATS)
        assert disk.volume_size is None or 0 <= disk.volume_size <= MAX_SIZE
        assert disk.device_type in ("disk", "cdrom", "floppy", "lun")
        assert "\n" not in (disk.device_name or "")
    ephemerals = [
        disk.volume_size
        for disk in made
        if (disk.source_type, disk.destination_type) == ("blank", "local")
        and disk.guest_format != "swap"
    ]
    assert sum(ephemerals) <= 10 and all(size > 0 for size in ephemerals)
