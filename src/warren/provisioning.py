"""tmp"""

from warren.transport.declare import ChannelDeclarer


def provision(connection, topology, *, apply):
    d = ChannelDeclarer(connection)
    for e in topology.exchanges:
        d.declare_exchange(e)
    for q in topology.queues:
        d.declare_queue(q)
    for b in topology.bindings:
        d.bind(b)
