"""Chaos tests: a fault of any part during any operation leaves nothing stuck and nothing leaked.

``operations`` is the table of the requests for servers, ``fleet`` manages the servers. ``faults``
defines the faults, ``discovery`` finds the fault injection points, ``plan`` makes the order of the
injections, which a seed repeats. ``rounds`` injects them and judges the results. ``user_request``
is one request, and ``concurrent_requests`` are several for one server, with the result that users
see. ``report`` prints. A *site* is the cloud under test: the processes of the functional tests
(``local_site``), or the stack's cloud with real external services (``stack_site``).
"""
