"""tools/stack: several nodes, what each of them runs and sees."""

import pytest
from stacklib import choices, cli, fabric, nodes, nova_conf, tables
from stacklib.components import ALL, further, rabbitmq
from stacklib.errors import StackError
from stacklib.stack import REPOSITORY, Stack


def chosen(**more):
    return choices.choose(("full",), (), **{"virt_driver": "libvirt", "computes": 1, **more})


@pytest.fixture
def stack(monkeypatch, tmp_path):
    monkeypatch.setenv("NOVA_MINI_STACK_DIR", str(tmp_path))
    return Stack(chosen(nodes=3, control=1, local_disks=("n3",)), "unit-test")


# -- choices -------------------------------------------------------------------------------------


@pytest.mark.parametrize("then, count", [(0, 3), (1, 1), (2, 2), (4, 4)])
def test_nodes_stay_unless_another_number_is_requested(tmp_path, then, count):
    path = tmp_path / "choices.json"
    choices.remember(path, chosen(nodes=3))
    assert choices.remember(path, chosen(nodes=then)).nodes == count


def test_at_first_there_is_one_node(tmp_path):
    assert choices.remember(tmp_path / "choices.json", chosen()).nodes == 1


def test_local_disks_stay_with_their_node(tmp_path):
    path = tmp_path / "choices.json"
    choices.remember(path, chosen(nodes=3, local_disks=("n3",)))
    assert choices.remember(path, chosen()).local_disks == ("n3",)
    assert choices.remember(path, chosen(nodes=2)).local_disks == ()


def test_local_disks_of_a_node_that_does_not_exist(tmp_path):
    with pytest.raises(StackError, match="there is no node n3"):
        choices.remember(tmp_path / "choices.json", chosen(nodes=2, local_disks=("n3",)))


def test_fake_hosts_are_in_one_node(tmp_path):
    with pytest.raises(StackError, match="--computes"):
        chosen(nodes=2, virt_driver="fake")
    path = tmp_path / "choices.json"
    choices.remember(path, chosen(nodes=3))
    assert choices.remember(path, chosen(virt_driver="fake")).nodes == 1


# -- what a node is ------------------------------------------------------------------------------


def test_nodes_have_names_and_addresses(stack):
    assert stack.node_names == ("n1", "n2", "n3")
    assert [stack.on(name).node.address for name in stack.node_names] == [
        "10.77.0.11",
        "10.77.0.12",
        "10.77.0.13",
    ]
    assert "10.77.0.13 n3\n" in fabric.hosts()
    assert len({stack.on(name).node.uuid for name in stack.node_names}) == 3


def test_a_node_that_does_not_exist_is_named(stack):
    with pytest.raises(StackError, match="there is no node n4; there are n1, n2, n3"):
        stack.require_node("n4")


def test_a_view_has_the_files_of_its_node_and_leaves_the_stack_alone(stack, tmp_path):
    view = stack.on("n2")
    assert (view.etc, stack.etc) == (tmp_path / "nodes/n2/etc", tmp_path / "etc")
    assert view.control.etc == stack.etc
    assert (view.is_control, stack.is_control) == (False, True)
    assert view.secrets is stack.secrets, "two would overwrite each other's passwords"


def test_a_further_node_sees_only_its_own_part_of_the_stack(stack, tmp_path):
    node = stack.on("n2").node
    assert node._hidden == tmp_path
    outside = {path for path in node._shared.values() if path != REPOSITORY}
    assert outside == {
        tmp_path / "nodes/n2/etc",
        tmp_path / "nodes/n2/data",
        tmp_path / "nodes/n2/logs",
        tmp_path / "nodes/n2/data/nova-mini/n2/instances",
        tmp_path / "data/bytecode",
        tmp_path / "venvs",
    }


def test_servers_have_the_same_path_on_all_nodes(stack, tmp_path):
    view = stack.on("n2")
    own = tmp_path / "nodes/n2/data/nova-mini/n2/instances"
    assert view.node._shared[view.instances_path] == own
    assert view.instances_path == stack.instances_path


# -- what it runs --------------------------------------------------------------------------------


def test_a_further_node_runs_no_service_of_the_control_node(stack):
    names = {each.name for each in further.components(stack, "n2", stack.choices.components)}
    assert {"node@n2", "libvirt@n2", "openvswitch@n2", "nova-compute@n2"} <= names
    assert not {"mariadb@n2", "rabbitmq@n2", "keystone@n2", "nova-mini@n2"} & names
    agents = next(part for part in further.PARTS if part.name == "neutron-agents")
    assert [unit.name for unit in agents.units(stack.on("n2"))] == [
        "nova-mini-stack-neutron-openvswitch-agent"
    ]
    assert len(agents.units(stack)) == 4


def test_what_is_left_out_is_left_out_on_each_node(stack):
    stack.choices = choices.choose(("full",), ("ceph",), "libvirt", 1, nodes=3)
    assert "ceph-client@n2" not in {
        each.name for each in further.components(stack, "n2", stack.choices.components)
    }


def test_a_further_node_waits_for_what_it_needs_of_both(stack):
    known = {each.name: each for each in further.components(stack, "n2", stack.choices.components)}
    assert set(known["node@n2"].needs) == {"node", "packages"}
    assert set(known["neutron-agents@n2"].needs) == {"neutron", "openvswitch@n2"}
    assert set(known["ssh@n2"].needs) == {"ssh", "node@n2"}
    everything = {*known, *ALL}
    for each in known.values():
        assert everything.issuperset(each.needs + each.wants)


@pytest.fixture
def three_control_nodes(monkeypatch, tmp_path):
    monkeypatch.setenv("NOVA_MINI_STACK_DIR", str(tmp_path))
    return Stack(chosen(nodes=4, control=3), "unit-test")


def test_a_control_node_runs_the_services_and_a_broker(three_control_nodes):
    stack = three_control_nodes
    known = {each.name: each for each in further.components(stack, "n3", stack.choices.components)}
    assert {"nova-control@n3", "rabbitmq@n3", "memcached@n3", "nova-compute@n3"} <= set(known)
    assert "mariadb@n3" not in known
    assert set(known["nova-control@n3"].needs) == {"nova-mini", "nova-compute@n3"}
    assert "rabbitmq@n3" in known["nova-control@n3"].wants
    others = {each.name for each in further.components(stack, "n4", stack.choices.components)}
    assert not {"nova-control@n4", "rabbitmq@n4"} & others


def test_a_control_node_reaches_the_database_and_all_brokers(three_control_nodes):
    view = three_control_nodes.on("n2")
    assert "@10.77.0.11:3306/nova_mini" in nova_conf.database(view)["database"]["connection"]
    url = nova_conf.common(view)["DEFAULT"]["transport_url"]
    assert [f"@10.77.0.{last}:5672" in url for last in (11, 12, 13, 14)] == [True] * 3 + [False]
    assert "keystone_authtoken" in nova_conf.common(view)
    assert "keystone_authtoken" not in nova_conf.common(three_control_nodes.on("n4"))


def test_two_control_nodes_have_one_broker(three_control_nodes):
    three_control_nodes.choices.control = 2
    assert three_control_nodes.broker_names == ("n1",)
    assert three_control_nodes.control_names == ("n1", "n2")


def test_brokers_know_each_other_and_have_the_same_users(three_control_nodes):
    broker = further.BROKER
    texts = [rabbitmq._cluster(three_control_nodes.on(name)) for name in ("n1", "n2")]
    assert texts[0] == texts[1]
    assert texts[0].count("classic_config.nodes.") == 3 and "rabbit@n3" in texts[0]
    names = [
        broker.units(three_control_nodes.on(name))[0].environment["RABBITMQ_NODENAME"]
        for name in three_control_nodes.broker_names
    ]
    assert names == ["rabbit@n1", "rabbit@n2", "rabbit@n3"]
    assert rabbitmq._definitions("secret") == rabbitmq._definitions("secret")


@pytest.mark.parametrize("then, count", [(0, 3), (1, 1), (2, 2)])
def test_control_nodes_stay_unless_another_number_is_requested(tmp_path, then, count):
    path = tmp_path / "choices.json"
    choices.remember(path, chosen(nodes=4, control=3))
    assert choices.remember(path, chosen(control=then)).control == count


def test_control_nodes_are_nodes(tmp_path):
    path = tmp_path / "choices.json"
    with pytest.raises(StackError, match="there are only 2 nodes"):
        choices.remember(path, chosen(nodes=2, control=3))
    choices.remember(path, chosen(nodes=4, control=3))
    assert choices.remember(path, chosen(nodes=2)).control == 2


def test_a_compute_has_no_password_of_the_database(stack):
    view = stack.on("n2")
    view.data.mkdir(parents=True)
    stack.data.mkdir()
    (stack.data / "virt-type").write_text("qemu")
    common, own = nova_conf.common(view), nova_conf.compute(view, "n2")
    assert "database" not in common | own
    assert "mysql" not in f"{common}{own}"
    assert "keystone_authtoken" not in common, "a compute verifies no tokens"
    assert "keystone_authtoken" in nova_conf.common(stack)
    assert common["DEFAULT"]["my_ip"] == "10.77.0.12"
    assert "@10.77.0.11:5672" in common["DEFAULT"]["transport_url"]
    assert common["glance"]["auth_url"] == "http://10.77.0.11:5000/v3"


@pytest.mark.parametrize("name, images_type", [("n1", "rbd"), ("n2", "rbd"), ("n3", "qcow2")])
def test_disks_are_in_files_only_where_it_was_chosen(stack, name, images_type):
    stack.data.mkdir()
    (stack.data / "virt-type").write_text("qemu")
    options = nova_conf.compute(stack.on(name), name)["libvirt"]
    assert options["images_type"] == images_type
    assert options["rbd_user"] == "nova", "volumes are in Ceph on every node"


def test_guests_listen_where_the_proxies_reach_them(stack):
    stack.data.mkdir()
    (stack.data / "virt-type").write_text("qemu")
    here, there = nova_conf.compute(stack, "n1"), nova_conf.compute(stack.on("n2"), "n2")
    for options, address in ((here, "127.0.0.1"), (there, "10.77.0.12")):
        assert options["vnc"]["server_listen"] == address
        assert options["vnc"]["server_proxyclient_address"] == address
        assert options["serial_console"]["proxyclient_address"] == address
        assert options["vnc"]["novncproxy_base_url"] == "http://10.77.0.11:6080/vnc_lite.html"
        assert options["serial_console"]["base_url"] == "ws://10.77.0.11:6083/"
    stack.choices = choices.choose(("full",), ("consoles",), "libvirt", 1)
    assert not {"vnc", "serial_console"} & set(nova_conf.compute(stack, "n1"))


# -- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, node, argv",
    [
        (["exec", "ls", "--node", "n2"], "n1", ["ls", "--node", "n2"]),
        (["exec", "--node", "n2", "ls", "-l"], "n2", ["ls", "-l"]),
    ],
)
def test_exec_takes_a_node_before_the_command(words, node, argv):
    arguments = cli._parse(words)
    assert (arguments.node, arguments.argv) == (node, argv)


@pytest.mark.parametrize("count", ["0", "10"])
def test_the_number_of_nodes_has_bounds(count, capsys):
    with pytest.raises(SystemExit):
        cli._parse(["up", "--nodes", count])
    assert "must be at" in capsys.readouterr().err


def test_a_node_that_is_off_is_not_disturbed(stack):
    with pytest.raises(StackError, match="n2 is not running"):
        nodes.disturb(stack, "n2", "crash")


def test_nodes_are_listed_with_the_place_of_their_disks(stack):
    rows = [line.split()[:2] + line.split()[-1:] for line in nodes.table(stack).splitlines()]
    assert rows[1:] == [["n1", "off", "Ceph"], ["n2", "off", "Ceph"], ["n3", "off", "files"]]


def test_columns_of_a_table_are_aligned():
    assert tables.render([("A", "BB"), ("long", "c")]) == "A     BB\nlong  c"
