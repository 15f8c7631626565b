"""The parts of the API that only pass requests on to Glance, Neutron and Cinder, and ``os-hosts``.

They ended in microversions 2.36 to 2.44, and exist for clients of that time. A request uses the
user's token, so each service decides what the user may do. ``[api] enable_proxies`` switches the
whole package off: ``router`` then knows none of its controllers.
"""
