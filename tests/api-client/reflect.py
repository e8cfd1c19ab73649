"""Asks linnetd with nothing but what it tells of itself: no file of proto/ is read here.

    reflect.py TARGET NEIGHBOR

Every line that is printed is a JSON object. Each method that only reads is called: lists to their ends, the stream of
changes until the present state is complete. Then every other method is called with an empty request, and refused, as
the target is to be a socket for reading.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import MethodOptions
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def say(**fields):
    print(json.dumps(fields), flush=True)


class Method:
    """A method that was heard of by reflection."""

    def __init__(self, channel, descriptor):
        self.name = f"{descriptor.containing_service.name}.{descriptor.name}"
        self.reads = descriptor.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        self.request = message_factory.GetMessageClass(descriptor.input_type)
        answer = message_factory.GetMessageClass(descriptor.output_type)
        streams = descriptor.client_streaming, descriptor.server_streaming
        make, self.streams = {
            (False, False): (channel.unary_unary, False),
            (False, True): (channel.unary_stream, True),
            (True, True): (channel.stream_stream, True),
        }[streams]
        self.takes_stream = descriptor.client_streaming
        path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.callable = make(path, self.request.SerializeToString, answer.FromString)

    def answers(self, **fields):
        """All answers: every page, or what a stream has until it says that it is complete."""
        request = self.request(**fields)
        while True:
            asked = iter([request]) if self.takes_stream else request
            for answer in self.callable(asked) if self.streams else [self.callable(asked)]:
                yield answer
                if self.streams and answer.synced:
                    return
            token = getattr(answer, "next_page_token", "")
            if not token:
                return
            request.page_token = token


def call(method, fields):
    try:
        for answer in method.answers(**fields):
            say(method=method.name, answer=json_format.MessageToDict(answer, preserving_proto_field_name=True))
    except grpc.RpcError as error:
        say(method=method.name, error=error.code().name, message=error.details())


def main():
    target, neighbor = sys.argv[1:]
    # What a request takes beside its defaults.
    fields = {
        "Neighbors.GetNeighbor": {"address": neighbor},
        "Rib.Explain": {"key": "10.77.0.0/16"},
        "Rib.ListPaths": {"detail": True, "page_size": 1},
    }
    # Of a socket's path the library would make an authority that is none (RFC 3986 section 3.2).
    with grpc.insecure_channel(target, options=[("grpc.default_authority", "localhost")]) as channel:
        reflection = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(reflection)
        services = sorted(reflection.get_services())
        say(services=services)
        for service in services:
            if not service.startswith("linnet.v1."):
                continue
            for descriptor in pool.FindServiceByName(service).methods:
                method = Method(channel, descriptor)
                call(method, fields.get(method.name, {}) if method.reads else {})


if __name__ == "__main__":
    main()
