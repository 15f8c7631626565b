"""Caches images on the hosts of an aggregate before servers need them.

Nothing depends on it: a host without the image fetches it when it builds a server. Therefore it is
not an action, and a restart of the conductor ends it.
"""

from __future__ import annotations

import logging
from concurrent import futures

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.service import ServiceList
from nova_mini.rpcapi import compute as rpcapi
from nova_mini.trace import in_thread

LOG = logging.getLogger(__name__)


def cache_images(context: RequestContext, hosts: list[str], image_ids: list[str]) -> None:
    """Cache images on hosts, ``[image_cache] precache_concurrency`` hosts at a time. Logs the
    results."""
    up = {service.host for service in ServiceList.get_all(context) if service.is_up}
    for host in sorted(set(hosts) - up):
        LOG.info("Host %s: down, images are not cached there", host)
    with futures.ThreadPoolExecutor(CONF.image_cache.precache_concurrency) as pool:
        caching = [
            pool.submit(in_thread(_cache_on, context, host, image_ids))
            for host in sorted(up.intersection(hosts))
        ]
    for each in caching:
        each.result()


def _cache_on(context: RequestContext, host: str, image_ids: list[str]) -> None:
    try:
        done = rpcapi.ComputeAPI().cache_images(context, host, image_ids)
    except (exception.NovaException, messaging.MessagingException) as exc:
        LOG.warning("Host %s: could not cache images: %s", host, exc)
    else:
        LOG.info("Host %s: cached images: %s", host, done)
