"""A gRPC server for tests: bytes in, bytes out, no generated code. Prints its port.

With an argument it listens there instead: "unix:/path" and such, and prints 1."""
import sys
import time
from concurrent import futures

import grpc


def sink(request, context):
    return str(len(request)).encode()


def collect(requests, context):
    count = total = 0
    for request in requests:
        count += 1
        total += len(request)
    # What does not add up is refused, in words that say what came.
    wanted = dict(context.invocation_metadata()).get("wanted")
    if wanted and wanted != f"{count} {total}":
        context.abort(grpc.StatusCode.DATA_LOSS, f"{count} {total}")
    return b"collected"


def refuse(request, context):
    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "voll: 100% für heute\n")


def refuse_early(requests, context):
    next(iter(requests))
    context.abort(grpc.StatusCode.PERMISSION_DENIED, "enough")


def many(request, context):
    for length in range(5):
        yield b"x" * length


def none(request, context):
    return iter(())


def part(request, context):
    yield b"first"
    context.abort(grpc.StatusCode.DATA_LOSS, "the rest is gone")


def echo(requests, context):
    for request in requests:
        yield request


def stall(request, context):
    time.sleep(3600)
    return b""


unary, stream = grpc.unary_unary_rpc_method_handler, grpc.stream_unary_rpc_method_handler
HANDLERS = {
    "Sink": unary(sink), "Refuse": unary(refuse), "Stall": unary(stall),
    "Collect": stream(collect), "RefuseEarly": stream(refuse_early),
    "Many": grpc.unary_stream_rpc_method_handler(many),
    "None": grpc.unary_stream_rpc_method_handler(none),
    "Part": grpc.unary_stream_rpc_method_handler(part),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
}
server = grpc.server(
    futures.ThreadPoolExecutor(16, ),
    handlers=[grpc.method_handlers_generic_handler("test.Service", HANDLERS)],
    options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
port = server.add_insecure_port(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
