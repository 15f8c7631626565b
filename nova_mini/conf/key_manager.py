"""[key_manager]: where the keys of encrypted volumes and of virtual TPMs are. The backend reads its
own section, [barbican] or [vault]; its options are castellan's."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "key_manager"

OPTIONS: dict[str, list[cfg.Opt]] = {
    GROUP: [
        cfg.StrOpt(
            "backend",
            help="The key manager of this cloud, as a backend of castellan: barbican, vault, or "
            "nova_mini.keymgr.conf_key_mgr.ConfKeyManager (the one key of fixed_key). Without "
            "this option there is no key manager, and servers have neither encrypted volumes nor "
            "virtual TPMs. Cinder's option must name the same key manager. Set it for the API, for "
            "conductors and on all hosts.",
        ),
        cfg.StrOpt(
            "fixed_key",
            secret=True,
            help="The one key of ConfKeyManager: hexadecimal digits, the same as Cinder's "
            "[key_manager] fixed_key. Anyone who can read this file can read every encrypted "
            "volume of the cloud: not for production. Servers cannot have virtual TPMs with it.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
