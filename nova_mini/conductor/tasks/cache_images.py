"""Bring images to the caches of an aggregate's hosts before a server needs them there.

Nothing depends on it: a host that is down, or fails, fetches an image when it builds from it. So
this is no action that survives its conductor.
"""

from __future__ import annotations

import logging
from concurrent import futures

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.compute import rpcapi
from nova_mini.conf import CONF
from nova_mini.objects.service import ServiceList
from nova_mini.trace import in_thread

LOG = logging.getLogger(__name__)


def cache_images(context, hosts: list[str], image_ids: list[str]) -> None:
    """Only ``[image_cache] precache_concurrency`` hosts fetch at a time: Glance has others to
    serve, too."""
    up = {service.host for service in ServiceList.get_all(context) if service.is_up}
    for host in sorted(set(hosts) - up):
        LOG.info("Host %s is down and caches no images", host)
    with futures.ThreadPoolExecutor(CONF.image_cache.precache_concurrency) as pool:
        caching = [
            pool.submit(in_thread(_cache_on, context, host, image_ids))
            for host in sorted(up.intersection(hosts))
        ]
    for each in caching:
        each.result()


def _cache_on(context, host: str, image_ids: list[str]) -> None:
    try:
        done = rpcapi.ComputeAPI().cache_images(context, host, image_ids)
    except (exception.NovaException, messaging.MessagingException) as exc:
        LOG.warning("Host %s did not cache images: %s", host, exc)
    else:
        LOG.info("Images on host %s: %s", host, done)
