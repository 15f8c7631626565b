"""keystoneauth's options for each external service: credentials, session (TLS, timeout), endpoint.

keystoneauth takes 6 MiB in each process that loads it. Therefore ``service_auth`` registers these
options, and only processes that connect to an external service load it.
"""

from __future__ import annotations

from oslo_config import cfg

REQUEST_TIMEOUT = 60  # seconds without data; keystoneauth's own default is no timeout

# group -> service type in the catalog; None: the group holds credentials only
GROUPS = {
    "barbican_service_user": None,
    "cinder": "block-storage",
    "glance": "image",
    "keystone": "identity",
    "neutron": "network",
    "service_user": None,
    "vendordata_dynamic_auth": None,
}


def register_service_opts(conf: cfg.ConfigOpts) -> None:
    for group, opts in service_opts().items():
        conf.register_opts(opts, group=group)


def service_opts() -> dict[str, list[cfg.Opt]]:
    """group -> keystoneauth's options for it."""
    return {group: _opts(service_type) for group, service_type in GROUPS.items()}


def _opts(service_type: str | None) -> list[cfg.Opt]:
    from keystoneauth1 import loading

    session = loading.get_session_conf_options()
    cfg.set_defaults(session, timeout=REQUEST_TIMEOUT)
    opts = loading.get_auth_common_conf_options() + session
    if service_type:
        adapter = loading.get_adapter_conf_options(include_deprecated=False)
        cfg.set_defaults(
            adapter, service_type=service_type, valid_interfaces=["internal", "public"]
        )
        opts += adapter
    return opts
