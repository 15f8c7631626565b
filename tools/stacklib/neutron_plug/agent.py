"""Start one of Neutron's agents, or its privsep helper: `agent.py PROGRAM ARGUMENTS…`

By default, every agent starts up to four helpers, one for each set of capabilities. Each needs 120
MiB and one second of CPU. The agents are root in their node already, so one helper is enough.
"""

import sys
from importlib.metadata import entry_points

from neutron import privileged
from oslo_privsep.priv_context import PrivContext

# Must run before functions are decorated with the contexts, in the agent and in the helper.
for name, context in list(vars(privileged).items()):
    if isinstance(context, PrivContext):
        setattr(privileged, name, privileged.default)

program = sys.argv.pop(1)
sys.argv[0] = program
(script,) = entry_points(group="console_scripts", name=program)
sys.exit(script.load()())
