"""Start one of Neutron's agents, or its privsep helper: `agent.py PROGRAM ARGUMENTS…`

Upstream, every agent starts up to four helpers, one per set of capabilities, of 120 MiB and a
second of CPU each. The agents are root in their node already, so one helper does for all sets.
"""

import sys
from importlib.metadata import entry_points

from neutron import privileged
from oslo_privsep.priv_context import PrivContext

# Before anything decorates its functions with them, and the same way on the helper's side.
for name, context in list(vars(privileged).items()):
    if isinstance(context, PrivContext):
        setattr(privileged, name, privileged.default)

program = sys.argv.pop(1)
sys.argv[0] = program
(script,) = entry_points(group="console_scripts", name=program)
sys.exit(script.load()())
