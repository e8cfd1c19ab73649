#!/usr/bin/env python3
"""Asks linnetd with gRPC for Python: who its neighbours are, why a path is the best one, and what changes.

    pip install grpcio-tools
    python3 examples/client.py unix:/run/linnet/linnet.sock 10.244.1.0/24

It goes on until linnetd ends. Reading is all that it does, so the socket for reading will do. The messages are made
from proto/ as the program starts; `python3 -m grpc_tools.protoc` writes them into files instead.
"""

import sys
from pathlib import Path

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "proto"))
neighbors_pb, neighbors_service = grpc.protos_and_services("linnet/v1/neighbors.proto")
rib_pb, rib_service = grpc.protos_and_services("linnet/v1/rib.proto")
monitor_pb, monitor_service = grpc.protos_and_services("linnet/v1/monitor.proto")

# gRPC's C library, which Python's rests on, makes an authority of a socket's path that is none (RFC 3986 section 3.2).
OPTIONS = [("grpc.default_authority", "localhost")]


def rows(method, request, field):
    """Every row of a list, which comes in pages."""
    while True:
        page = method(request)
        yield from getattr(page, field)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def word(enumeration, number):
    """The word of a constant: NEIGHBOR_STATE_ACTIVE is `active`."""
    zero = enumeration.Name(0).removesuffix("UNSPECIFIED")
    return enumeration.Name(number).removeprefix(zero).lower()


def list_neighbors(channel):
    stub = neighbors_service.NeighborsStub(channel)
    for neighbor in rows(stub.ListNeighbors, neighbors_pb.ListNeighborsRequest(), "neighbors"):
        print("neighbor", neighbor.address, word(neighbors_pb.NeighborState, neighbor.state), flush=True)


def explain(channel, key):
    answer = rib_service.RibStub(channel).Explain(rib_pb.ExplainRequest(key=key))
    for explanation in answer.explanations:
        for path in explanation.paths:
            print(f"explain {explanation.nlri} via {path.next_hop}: {path.reason}", flush=True)


def watch(channel):
    """First the present state, then what changes. Of a row that is gone there is only what identifies it."""
    request = monitor_pb.WatchRequest(topics=[monitor_pb.TOPIC_RIB])
    synced = False
    for answer in monitor_service.MonitorStub(channel).Watch(request):
        for change in answer.changes:
            if change.WhichOneof("row") == "path":
                print(word(monitor_pb.ChangeKind, change.kind), change.path.nlri, flush=True)
        if answer.synced and not synced:
            print("synced", flush=True)
            synced = True


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: client.py TARGET [PREFIX]")
    with grpc.insecure_channel(sys.argv[1], options=OPTIONS) as channel:
        list_neighbors(channel)
        for key in sys.argv[2:3]:
            explain(channel, key)
        watch(channel)


if __name__ == "__main__":
    main()
