"""NUMA: which guests request nodes, CPUs of their own or huge pages, and where they fit on a host.

``request`` reads the request from extra specs and image properties, ``host`` describes what a host
has and what is used of it, ``fit`` places a guest. The scheduler asks it which hosts fit; the
compute asks it again, under its lock, and stores the answer with the server. All objects are
values: they never change.
"""
