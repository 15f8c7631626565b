"""Cinder's API, scheduler and volume service in one process, without a message broker.

Runs with Cinder's own Python libraries. The volumes are logical volumes in the group
``cinder-volumes``; the kernel's target (LIO) offers them on 127.0.0.1, with CHAP.
"""

import pathlib
import socketserver
import sys
import wsgiref.simple_server

import oslo_service.backend
from oslo_config import cfg

oslo_service.backend.init_backend(oslo_service.backend.BackendType.THREADING)

from cinder import privsep, service, utils  # noqa: E402
from cinder.db import migration  # noqa: E402
from cinder.wsgi import wsgi  # noqa: E402

PORT = 8776
BACKEND = "lvm"
CONFIGURATION = """
[DEFAULT]
host = test-host
my_ip = 127.0.0.1
state_path = {directory}
transport_url = fake://
auth_strategy = noauth
api_paste_config = {paste}
resource_query_filters_file = {filters}
enabled_backends = {backend}
scheduler_driver_init_wait_time = 1
log_file = {directory}/cinder.log
[database]
connection = sqlite:///{directory}/cinder.sqlite
[oslo_concurrency]
lock_path = {directory}/locks
[coordination]
backend_url = file://{directory}/coordination
[{backend}]
volume_driver = cinder.volume.drivers.lvm.LVMVolumeDriver
volume_backend_name = {backend}
volume_group = cinder-volumes
volumes_dir = {directory}/targets
volume_clear = none
lvm_type = default
target_helper = lioadm
target_protocol = iscsi
target_ip_address = 127.0.0.1
target_port = 3262
"""


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


def main(directory: pathlib.Path, etc: pathlib.Path) -> None:
    """``etc``: the directory with Cinder's configuration files."""
    text = CONFIGURATION.format(
        directory=directory,
        backend=BACKEND,
        paste=etc / "api-paste.ini",
        filters=etc / "resource_filters.json",
    )
    (directory / "cinder.conf").write_text(text)
    sys.argv[1:] = ["--config-file", str(directory / "cinder.conf")]
    # This process is root already, so no helper is needed.
    utils.get_root_helper = lambda: "env"
    privsep.sys_admin_pctxt.set_client_mode(False)
    cfg.CONF(sys.argv[1:], project="cinder")
    migration.db_sync()
    api = wsgi.initialize_application()
    for binary, host in (("cinder-scheduler", None), ("cinder-volume", f"test-host@{BACKEND}")):
        name = BACKEND if host else None
        started = service.Service.create(
            binary=binary, host=host, service_name=name, coordination=bool(host)
        )
        started.start()
    wsgiref.simple_server.make_server("127.0.0.1", PORT, api, Server).serve_forever()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
