#!/bin/bash
# Start the peer, measure it, stop it: peer.sh HOME SERVERS RESULTS BENCH… leaves files in RESULTS.
# It is the first process of a pid namespace: whatever the peer has started ends with it.
set -eu
home=$1 servers=$2 results=$3
shift 3
bench() {
    "$@" --openrc "$home/openrc" --rundir "$home/run" --label peer
}
ip link set lo up
cd "$home"
rm -f run/*.pid # of processes that ended with an earlier namespace
./up.sh >&2
bench "$@" --phases single,actions,moves,burst,show,list --output "$results/1-few.json"
# Copies in its database: to make so many through its API would take half an hour.
venv/bin/python clone_servers.py "$servers" >&2
bench "$@" --phases list --output "$results/2-many.json"
venv/bin/python clone_servers.py --clean >&2
bench "$@" --phases delete --output "$results/3-delete.json"
cp log/coldstart.json "$results"
./down.sh >&2
