"""Chaos: whatever happens to whatever part in the middle of whatever, nothing is stuck or leaked.

One story in few files. ``operations`` is the table of what users ask of servers, ``fleet`` the
servers that it is asked of; ``faults`` is what happens meanwhile; ``rounds`` lets it happen and
judges; ``discovery`` finds the moments; ``plan`` puts them in an order that a seed repeats;
``report`` prints. ``asked`` is one request and ``rivals`` are several for one server, each with
what its users see of its end. A *site* is where all of it takes place: the functional tests' cloud
of processes (``local_site``) or the stack's cloud of real neighbours (``stack_site``).
"""
