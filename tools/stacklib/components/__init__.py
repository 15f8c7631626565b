"""All components by name, in the order in which `status` lists them."""

from stacklib.component import Component
from stacklib.components.barbican import Barbican
from stacklib.components.ceph import Ceph
from stacklib.components.cinder import Cinder
from stacklib.components.consoles import Consoles, NoVnc
from stacklib.components.glance import Glance
from stacklib.components.guest_image import GuestImage
from stacklib.components.images import Images
from stacklib.components.keystone import Keystone
from stacklib.components.kvm import Kvm
from stacklib.components.libvirt import Libvirt
from stacklib.components.machine import Machine
from stacklib.components.mariadb import MariaDB
from stacklib.components.memcached import Memcached
from stacklib.components.network import Network
from stacklib.components.neutron import Neutron
from stacklib.components.neutron_agents import NeutronAgents
from stacklib.components.nova_mini import NovaMini
from stacklib.components.openvswitch import OpenVSwitch
from stacklib.components.packages import Packages
from stacklib.components.project import Project
from stacklib.components.rabbitmq import RabbitMQ
from stacklib.components.ssh import Ssh
from stacklib.components.venv import NovaMiniVenv, OpenStackVenv, Uv

ALL: dict[str, Component] = {
    component.name: component
    for component in (
        Packages(),
        Uv(),
        NoVnc(),
        OpenStackVenv(),
        NovaMiniVenv(),
        Machine(),
        Ssh(),
        RabbitMQ(),
        MariaDB(),
        Memcached(),
        Ceph(),
        Libvirt(),
        OpenVSwitch(),
        Keystone(),
        Glance(),
        Barbican(),
        Cinder(),
        Neutron(),
        NeutronAgents(),
        NovaMini(),
        Consoles(),
        GuestImage(),
        Kvm(),
        Images(),
        Network(),
        Project(),
    )
}

OPTIONAL = ("barbican",)  # only if they are requested

PROFILES = {
    "functional": ("rabbitmq", "mariadb", "memcached"),
    "full": tuple(name for name in ALL if name not in OPTIONAL),
}
