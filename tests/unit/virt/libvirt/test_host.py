"""Host and Guest with libvirt's test driver, a hypervisor inside of the library."""

import queue

import libvirt
import pytest

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import power_state
from nova_mini.virt.driver.power_states import LifecycleTransition
from nova_mini.virt.libvirt import config_metadata
from nova_mini.virt.libvirt.config_metadata import NOVA_NS, OWN_NS
from nova_mini.virt.libvirt.events import EventHandler
from nova_mini.virt.libvirt.host import Capabilities, Host
from tests import servers

XML = """
<domain type='test'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>{metadata}
</domain>"""
NOVAS = f"<nova:instance xmlns:nova='{NOVA_NS}'/>"
MARK = f"<mini:instance xmlns:mini='{OWN_NS}'/>"
OURS = f"<metadata>{NOVAS}{MARK}</metadata>"
OF_THE_FIRST_RELEASE = f"<metadata>{MARK}</metadata>"


def xml_of(instance, metadata=OURS) -> str:
    return XML.format(name=instance.name, uuid=instance.uuid, metadata=metadata)


@pytest.fixture
def seen():
    return queue.Queue()


@pytest.fixture
def host(seen):
    made = Host("test:///default", EventHandler(seen.put))
    made.initialize()
    return made


@pytest.fixture
def guest(host):
    instance = servers.make_instance()
    made = host.write_instance_config(xml_of(instance))
    yield made
    made.poweroff()
    made.delete_configuration()


def test_an_undefined_domain_is_not_found(host):
    instance = servers.make_instance()
    assert host.find_guest(instance) is None
    with pytest.raises(exception.DomainNotFound, match="hard reboot"):
        host.get_guest(instance)


@pytest.mark.parametrize("metadata", ["", f"<metadata>{NOVAS}</metadata>"], ids=["none", "Nova"])
def test_domains_of_other_services_are_not_listed(host, guest, metadata):
    instance = servers.make_instance()
    foreign = host.write_instance_config(xml_of(instance, metadata=metadata))
    assert host.list_instance_uuids() == [guest.uuid]
    foreign.delete_configuration()


def test_domains_of_the_first_release_are_listed(host, guest):
    older = host.write_instance_config(
        xml_of(servers.make_instance(), metadata=OF_THE_FIRST_RELEASE)
    )
    assert set(host.list_instance_uuids()) == {guest.uuid, older.uuid}
    older.delete_configuration()


@pytest.mark.parametrize("running", [True, False])
def test_metadata_is_replaced_in_the_guest_and_in_its_definition(host, guest, running):
    if running:
        guest.launch()
    instance = servers.make_instance(display_name="renamed")
    guest.set_metadata(config_metadata.from_instance(instance, [], ImageMeta()))
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        xml = guest._domain.XMLDesc(flags)
        assert xml.count("<nova:instance ") == 1
        assert "<nova:name>renamed</nova:name>" in xml
    assert host.list_instance_uuids() == [guest.uuid], "the mark of ours stays"


def test_power_states(host, guest):
    assert guest.get_info().state == power_state.SHUTDOWN
    assert guest.get_info().internal_id is None
    guest.launch()
    assert guest.get_info().state == power_state.RUNNING
    guest.pause()
    assert host.get_power_states()[guest.uuid] == power_state.PAUSED
    guest.resume()
    guest.poweroff()
    guest.poweroff()
    assert guest.wait_for_power_state(power_state.SHUTDOWN, timeout=1)
    assert not guest.wait_for_power_state(power_state.RUNNING, timeout=0.1)


def test_saved_memory_is_found_and_discarded(guest):
    guest.launch()
    guest.save_memory_state()
    assert guest.has_saved_memory()
    guest.discard_saved_memory()
    guest.discard_saved_memory()
    assert not guest.has_saved_memory()


def test_deleting_a_definition_is_idempotent(host):
    made = host.write_instance_config(xml_of(servers.make_instance()))
    made.delete_configuration()
    made.delete_configuration()


def test_lifecycle_events_are_delivered_in_another_thread(guest, seen):
    guest.launch()
    guest.pause()
    guest.resume()
    guest.poweroff()
    expected = ["started", "paused", "resumed", "stopped"]
    found = []
    while found[-1:] != ["stopped"]:
        event = seen.get(timeout=5)
        assert event.uuid == guest.uuid
        found.append(event.transition.value)
    assert [value for value in found if value in expected] == expected


def test_a_listener_that_fails_does_not_stop_the_events(guest):
    seen = queue.Queue()

    def fail_once(event):
        seen.put(event.transition)
        if event.transition is LifecycleTransition.STARTED:
            raise ValueError("a listener with a bug")

    other = Host("test:///default", EventHandler(fail_once))
    other.initialize()
    instance = servers.make_instance()
    mine = other.write_instance_config(xml_of(instance))
    mine.launch()
    mine.poweroff()
    while seen.get(timeout=5) is not LifecycleTransition.STOPPED:
        pass
    mine.delete_configuration()


def test_a_lost_connection_is_replaced(host):
    before = host.get_connection()
    assert host.get_connection() is before
    before.close()
    host._conn = None
    assert host.is_available()
    assert host.get_connection() is not before


def test_a_missing_libvirtd_is_hypervisor_unavailable():
    host = Host("qemu:///system?socket=/nonexistent", EventHandler(lambda event: None))
    assert not host.is_available()
    with pytest.raises(exception.HypervisorUnavailable):
        host.get_connection()


def test_capabilities_of_a_host():
    found = Capabilities.parse_str("""
      <capabilities>
        <host><cpu><arch>x86_64</arch><model>EPYC</model><vendor>AMD</vendor>
          <topology sockets='1' cores='4' threads='2'/><feature name='svm'/></cpu></host>
        <guest><os_type>hvm</os_type><arch name='x86_64'>
          <machine>pc-i440fx-7.2</machine><machine canonical='pc-i440fx-7.2'>pc</machine>
          <domain type='qemu'/><domain type='kvm'><machine>q35</machine></domain></arch></guest>
        <guest><os_type>hvm</os_type><arch name='aarch64'><machine>virt</machine></arch></guest>
      </capabilities>""")
    assert found.arch == "x86_64"
    assert found.cpu["topology"] == {"sockets": 1, "cores": 4, "threads": 2}
    assert found.guests == [("x86_64", ["qemu", "kvm"]), ("aarch64", [])]
    assert found.machines == {"pc-i440fx-7.2", "pc", "q35"}
