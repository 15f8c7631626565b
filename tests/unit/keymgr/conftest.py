"""A process that reads keys from the key manager ``cloud`` of its test."""

import pytest
from keystoneauth1 import loading

from nova_mini import service_auth
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.keymgr.keys import Keys

USER, SERVICE = "token-of-the-user", "token-of-the-service"

CONFIG = """
[key_manager]
backend = {backend}
{more}
[barbican_service_user]
auth_type = password
auth_url = {url}/v3
username = nova
password = secret
project_name = service
user_domain_id = default
project_domain_id = default
"""


@pytest.fixture
def configured(cloud, tmp_path):
    """``configured(backend)``: the keys of a process with this configuration."""

    def configure(backend="barbican", more="") -> Keys:
        file = tmp_path / "nova-mini.conf"
        file.write_text(CONFIG.format(url=cloud.url, backend=backend, more=more))
        CONF(["--config-file", str(file)], project="nova-mini")
        service_auth.reset()
        return Keys()

    yield configure
    service_auth.reset()
    CONF.clear()
    options = loading.get_auth_plugin_conf_options("password")  # registered with the plugin
    CONF.unregister_opts(options, group="barbican_service_user")
    CONF([], project="nova-mini", default_config_files=[])


@pytest.fixture
def user():
    return RequestContext(auth_token=USER, user_id="u", project_id="project", overwrite=False)
