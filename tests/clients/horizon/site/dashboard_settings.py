"""Horizon's settings: its own, with the stack's cloud."""

import os

from openstack_dashboard import defaults
from openstack_dashboard.settings import *  # noqa: F403

DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
OPENSTACK_KEYSTONE_URL = os.environ["HORIZON_KEYSTONE"]
STATIC_ROOT = os.path.join(os.environ["HORIZON_FILES"], "static")
COMPRESS_OFFLINE = True
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SHOW_RESOURCE_PROVIDER_SUMMARY = False  # the cloud has no Placement
LAUNCH_INSTANCE_DEFAULTS = {**defaults.LAUNCH_INSTANCE_DEFAULTS, "create_volume": False}
