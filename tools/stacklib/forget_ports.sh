#!/bin/sh
# Runs before the switch starts, where it forwards in user space. There its internal ports end
# with it, and what is left of them in the agents' namespaces (a device that leads nowhere) would
# keep the agents from making new ones.
for space in $(ip netns list | cut -d' ' -f1); do
    ip -n "$space" -oneline link show | sed -nE 's/^[0-9]+: ((tap|qr-|qg-)[^:@]+).*/\1/p' |
        while read -r link; do ip -n "$space" link delete "$link"; done
done
