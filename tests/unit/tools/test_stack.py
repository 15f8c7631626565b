"""tools/stack: the order of components, the files that it writes, the display of a build."""

import base64
import configparser
import io
import stat
import struct
import threading
from types import SimpleNamespace

import pytest
from stacklib import cephx, choices, cinder_conf, dag, files, kvm, timeline, users
from stacklib.component import Component
from stacklib.components import ALL
from stacklib.display import Display
from stacklib.errors import StackError
from stacklib.secrets import Secrets


def component(name, needs=(), wants=()):
    made = Component()
    made.name, made.needs, made.wants = name, needs, wants
    return made


HOUSE = {
    each.name: each
    for each in (
        component("roof", needs=("walls",), wants=("chimney",)),
        component("walls", needs=("ground",)),
        component("chimney", needs=("walls",)),
        component("ground"),
        component("garden", needs=("ground",)),
    )
}


def test_closure_puts_needs_and_wants_first_and_nothing_else():
    assert dag.closure(["roof"], (), HOUSE) == ["ground", "walls", "chimney", "roof"]


def test_closure_drops_components_that_need_an_omitted_one():
    assert dag.closure(["roof", "garden"], ["chimney"], HOUSE) == [
        "ground",
        "walls",
        "roof",
        "garden",
    ]
    assert dag.closure(["roof", "garden"], ["walls"], HOUSE) == ["ground", "garden"]


@pytest.mark.parametrize("names, without", [(["attic"], ()), (["roof"], ("attic",))])
def test_closure_names_an_unknown_component(names, without):
    with pytest.raises(StackError, match="there is no component attic"):
        dag.closure(names, without, HOUSE)


def run(work, backwards=False, tmp_path=None):
    display = Display(list(HOUSE), io.StringIO())
    return dag.run(list(HOUSE.values()), work, display, tmp_path / "log", backwards)


@pytest.mark.parametrize("backwards", [False, True])
def test_run_keeps_the_order(tmp_path, backwards):
    done, lock = [], threading.Lock()

    def work(each, say):
        with lock:
            done.append(each.name)

    assert run(work, backwards, tmp_path) == []
    order = done[::-1] if backwards else done
    assert sorted(order) == sorted(HOUSE)
    for each in HOUSE.values():
        for need in each.needs + each.wants:
            assert order.index(need) < order.index(each.name)


def test_run_starts_independent_components_concurrently(tmp_path):
    both = threading.Barrier(2, timeout=5)

    def work(each, say):
        if each.name in ("walls", "garden"):
            both.wait()

    assert run(work, tmp_path=tmp_path) == []


def test_a_failure_skips_what_needs_it_and_nothing_else(tmp_path):
    worked = []

    def work(each, say):
        if each.name == "walls":
            raise StackError("no bricks")
        worked.append(each.name)

    assert set(run(work, tmp_path=tmp_path)) == {"walls", "roof", "chimney"}
    assert set(worked) == {"ground", "garden"}


def test_an_unexpected_error_is_reported_with_its_traceback(tmp_path):
    def work(each, say):
        if each.name == "garden":
            raise ZeroDivisionError("surprise")

    assert run(work, tmp_path=tmp_path) == ["garden"]
    assert "ZeroDivisionError: surprise" in (tmp_path / "log").read_text()


def test_plain_display_shows_the_reason(tmp_path):
    stream = io.StringIO()
    display = Display(["roof", "walls"], stream)
    display.step("walls", "start")
    display.end("walls", "failed", "no bricks")
    assert "walls failed" in stream.getvalue()
    assert "no bricks" in stream.getvalue()


def test_plain_display_shows_each_start_at_once():
    stream = io.StringIO()
    display = Display(["roof", "walls"], stream)
    display.step("walls", "install")
    assert "walls runs" in stream.getvalue()
    assert "install" in stream.getvalue()
    display.step("walls", "configure")
    assert stream.getvalue().count("\n") == 1, "the next step came at once"


def test_plain_display_repeats_slow_components(monkeypatch):
    monkeypatch.setattr("stacklib.display.QUIET_SECONDS", 0)
    stream = io.StringIO()
    display = Display(["walls"], stream)
    for step in ("install", "configure", "start"):
        display.step("walls", step)
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == [
        "install",
        "configure",
        "start",
    ]


def test_choices_of_the_fake_driver():
    chosen = choices.choose(("full",), (), "fake", 3)
    assert {"nova-mini", "neutron", "cinder", "project"} <= set(chosen.components)
    assert not set(choices.FAKE_WITHOUT) & set(chosen.components)
    assert not {"libvirt", "ceph"} & set(chosen.components)
    assert "qemu-system-x86" not in chosen.packages


def test_choices_without_keystone_leave_out_components_that_need_it():
    chosen = choices.choose(("full",), ("keystone",), "libvirt", 1)
    assert "nova-mini" in chosen.components
    assert not {"keystone", "glance", "cinder", "neutron", "project"} & set(chosen.components)


def test_barbican_comes_only_on_request_and_stays(tmp_path):
    path = tmp_path / "choices.json"
    full = choices.choose(("full",), (), "libvirt", 1)
    assert "barbican" not in full.components and "cinder" in full.components
    asked = choices.choose(("full", "barbican"), (), "libvirt", 1)
    order = list(asked.components)
    assert order.index("keystone") < order.index("barbican") < order.index("cinder")
    choices.remember(path, asked)
    known = choices.remember(path, full)
    assert "barbican" in known.components
    assert set(choices.to_bring_up(full, known)) == {*full.components, "barbican"}
    small = choices.choose(("functional",), (), "libvirt", 1)
    assert set(choices.to_bring_up(small, known)) == set(small.components)


def test_functional_profile_is_small():
    chosen = choices.choose(("functional",), (), "libvirt", 1)
    assert set(chosen.components) == {"packages", "node", "rabbitmq", "mariadb", "memcached"}


def test_several_computes_take_the_fake_driver():
    with pytest.raises(StackError, match="--virt-driver fake"):
        choices.choose(("full",), (), "libvirt", 2)


def test_choices_are_remembered_and_add_up(tmp_path):
    path = tmp_path / "choices.json"
    assert choices.recall(path) is None
    choices.remember(path, choices.choose(("rabbitmq",), (), "libvirt", 1))
    choices.remember(path, choices.choose(("mariadb",), (), "fake", 2))
    known = choices.recall(path)
    assert {"rabbitmq", "mariadb"} <= set(known.components)
    assert (known.virt_driver, known.computes) == ("fake", 2)
    assert list(known.components) == [name for name in ALL if name in known.components]


def test_a_fake_cloud_after_a_full_one_has_no_ceph_and_still_stops_it(tmp_path):
    path = tmp_path / "choices.json"
    choices.remember(path, choices.choose(("full",), (), "libvirt", 1))
    choices.remember(path, choices.choose(("full",), (), "fake", 2))
    fake = choices.recall(path)
    assert not set(choices.FAKE_WITHOUT) & set(fake.components)
    assert {"ceph", "libvirt"} <= set(fake.left_behind)
    choices.remember(path, choices.choose(("rabbitmq",), (), "libvirt", 1))
    assert choices.recall(path).left_behind == fake.left_behind
    choices.remember(path, choices.choose(("full",), (), "libvirt", 1))
    assert "ceph" in choices.recall(path).components
    assert choices.recall(path).left_behind == ()


def test_write_returns_whether_it_changed_anything(tmp_path):
    path = tmp_path / "etc" / "x.conf"
    assert files.write(path, "a = 1\n")
    assert not files.write(path, "a = 1\n")
    assert files.write(path, "a = 2\n", 0o640)
    assert path.read_text() == "a = 2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in path.parent.iterdir()] == ["x.conf"]


def test_oslo_config_reads_the_ini_files():
    text = files.ini({"DEFAULT": {"debug": True, "n": 3}, "a": {"list": ["x", "y"]}})
    assert text == "[DEFAULT]\ndebug = true\nn = 3\n\n[a]\nlist = x\nlist = y\n"


def test_secrets_stay_and_are_private(tmp_path):
    path = tmp_path / "secrets.json"
    first = Secrets(path)["nova"]
    assert len(first) >= 24
    assert Secrets(path)["nova"] == first
    assert Secrets(path)["glance"] != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_our_users_follow_those_of_the_machine():
    machine = "root:x:0:0:root:/root:/bin/bash\n"
    assert users.passwd(machine).startswith(machine)
    assert "nova-mini:x:47740:47740:" in users.passwd(machine)


@pytest.mark.parametrize(
    ("script", "ready"),
    [
        ("echo SYSLINUX; echo 'GUEST: ready uptime=2.42'; exec sleep 60", True),
        ("echo SYSLINUX; echo KVM internal error. Suberror: 1 >&2; exec sleep 60", False),
        ("echo SYSLINUX; exec sleep 60", False),
        ("echo no such machine; exit 1", False),
    ],
)
def test_kvm_is_used_where_a_guest_gets_ready(script, ready):
    assert kvm.gets_ready(["sh", "-c", script], seconds=0.5) == ready


def event(name, start, finish, host="n1"):
    at = "2030-01-01T00:00:0{:.3f}".format
    return {"event": name, "host": host, "start_time": at(start), "finish_time": at(finish)}


def test_timeline_nests_steps_and_names_their_service():
    action = {
        "events": [
            event("spawn", 0.200, 0.900),
            event("compute_build_and_run_instance", 0.100, 1.0),
            event("conductor_schedule", 0.0, 0.05, host=""),
            {**event("lost", 0.3, 0.4), "finish_time": None},
        ]
    }
    head, schedule, build, spawn = timeline.render(action).splitlines()
    assert schedule.split()[:4] == ["conductor_schedule", "conductor", "0", "50"]
    assert build.split()[:4] == ["compute_build_and_run_instance", "compute@n1", "100", "900"]
    assert spawn.startswith("    spawn ") and spawn.split()[1:4] == ["compute@n1", "200", "700"]


@pytest.mark.parametrize("parts, default", [(("ceph", "cinder"), "ceph"), (("cinder",), "iscsi")])
def test_volumes_go_to_ceph_where_there_is_one(parts, default):
    stack = SimpleNamespace(has=parts.__contains__)
    types = cinder_conf.volume_types(stack)
    assert cinder_conf.backends(stack)[0] == default
    assert types["multiattach"] == {"volume_backend_name": default, "multiattach": "<is> True"}
    assert set(types) == {*cinder_conf.backends(stack), "multiattach"}


def test_a_keyring_holds_one_entity_with_a_key_that_stays(tmp_path):
    stack = SimpleNamespace(secrets=Secrets(tmp_path / "secrets.json"))
    text = cephx.keyring(stack, "client.cinder")
    assert text == cephx.keyring(stack, "client.cinder")
    keyring = configparser.ConfigParser()
    keyring.read_string("\n".join(line.strip() for line in text.splitlines()))
    assert keyring.sections() == ["client.cinder"]
    header, key = base64.b64decode(keyring["client.cinder"]["key"])[:12], keyring["client.cinder"]
    assert struct.unpack("<hiih", header) == (1, 0, 0, len(base64.b64decode(key["key"])) - 12)
    assert "images" not in key["caps osd"].replace("profile rbd-read-only pool=images", "")
