"""Caches images on the hosts of an aggregate before servers need them.

Nothing depends on it: a host without the image fetches it when it builds a server. Therefore it is
not an action, and a restart of the conductor ends it.
"""

from __future__ import annotations

import logging
import threading
from concurrent import futures

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.notifications import notifies_about_image_cache, notify_about_cached_images
from nova_mini.objects.aggregate import Aggregate
from nova_mini.objects.service import ServiceList
from nova_mini.rpcapi import compute as rpcapi
from nova_mini.trace import in_thread

LOG = logging.getLogger(__name__)


def cache_images(context: RequestContext, aggregate: Aggregate, image_ids: list[str]) -> None:
    """Cache images on the hosts of an aggregate, ``[image_cache] precache_concurrency`` hosts at a
    time. Logs the results and sends notifications of them."""
    up = {service.host for service in ServiceList.get_all(context) if service.is_up}
    results = _Results(context, aggregate)
    with notifies_about_image_cache(context, aggregate):
        for host in sorted(set(aggregate.hosts) - up):
            LOG.info("Host %s: down, images are not cached there", host)
            results.add(host, dict.fromkeys(image_ids, "skipped"))
        with futures.ThreadPoolExecutor(CONF.image_cache.precache_concurrency) as pool:
            caching = [
                pool.submit(in_thread(_cache_on, context, host, image_ids, results))
                for host in sorted(up.intersection(aggregate.hosts))
            ]
        for each in caching:
            each.result()


class _Results:
    """Sends a notification of each host, with the number of those that are done."""

    def __init__(self, context: RequestContext, aggregate: Aggregate):
        self._context = context
        self._aggregate = aggregate
        self._done = 0
        self._lock = threading.Lock()

    def add(self, host: str, results: dict[str, str]) -> None:
        with self._lock:
            self._done += 1
            total = len(self._aggregate.hosts)
            notify_about_cached_images(
                self._context, self._aggregate, host, results, self._done, total
            )


def _cache_on(context: RequestContext, host: str, image_ids: list[str], results: _Results) -> None:
    try:
        done = rpcapi.ComputeAPI().cache_images(context, host, image_ids)
    except (exception.NovaException, messaging.MessagingException) as exc:
        LOG.warning("Host %s: could not cache images: %s", host, exc)
        done = dict.fromkeys(image_ids, "error")
    else:
        LOG.info("Host %s: cached images: %s", host, done)
    results.add(host, done)
