"""bulk-rpc on its own, with a client of another make: python3-grpcio."""
import os
import signal
import subprocess
import tempfile
import time
import unittest
import zlib

import grpc

from daemon import DEADLINE_S, varint

SERVER = os.environ["BULK_RPC"]
NODE_MODULES = os.environ["NODE_MODULES"]
UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


def chunk(data, total=0):
    return b"\x0a" + varint(len(data)) + data + (b"\x10" + varint(total) if total else b"")


def reply(data, echo):
    checksum = zlib.crc32(data).to_bytes(4, "little")
    head = b"\x08" + varint(len(data)) + b"\x15" + checksum
    return head + b"\x1a" + varint(len(data)) + data if echo and data else head


class BulkRpc(unittest.TestCase):
    def serve(self, *options):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.address = f"unix:{directory.name}/grpc"
        self.server = subprocess.Popen([SERVER, "--listen", self.address, *options],
                                       stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.server.stdout.close)
        self.addCleanup(self.stop)
        self.assertIn("listening", self.server.stdout.readline())
        self.channel = grpc.insecure_channel(self.address, options=UNLIMITED)
        self.addCleanup(self.channel.close)

    def stop(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
            self.assertEqual(self.server.wait(DEADLINE_S), 0)

    def upload(self, data):
        return self.channel.unary_unary("/bulk.v1.Bulk/Upload")(chunk(data), timeout=DEADLINE_S)

    def upload_stream(self, pieces, total=0):
        messages = (chunk(piece, total) for piece in pieces)
        return self.channel.stream_unary("/bulk.v1.Bulk/UploadStream")(messages,
                                                                       timeout=DEADLINE_S)

    def assert_refused(self, code, words, call, *arguments):
        with self.assertRaises(grpc.RpcError) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.code(), code)
        self.assertIn(words, caught.exception.details())

    def test_every_handler_reads_the_same_bytes(self):
        pieces = [os.urandom(size) for size in (1, 0, 70_000, 1_000_000)]
        whole = b"".join(pieces)
        for handler in ("accumulate", "retain", "records", "reserve", "stream"):
            self.serve("--handler", handler)
            echo = handler in ("accumulate", "retain")
            with self.subTest(handler=handler):
                self.assertEqual(self.upload(whole), reply(whole, echo))
                self.assertEqual(self.upload_stream(pieces, len(whole)), reply(whole, echo))
                self.assertEqual(self.upload(b""), reply(b"", echo))
            self.stop()

    def test_a_client_in_node_is_answered_the_same(self):
        self.serve("--handler", "stream", "--receive-max", "0")
        data = b"\x07" * 5_000_001
        client = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bulk_rpc_client.js")
        result = subprocess.run(["node", client, self.address, str(len(data))], text=True,
                                capture_output=True, timeout=DEADLINE_S, check=True,
                                env={**os.environ, "NODE_PATH": NODE_MODULES})
        self.assertEqual(result.stdout.split(), [reply(data, False).hex()] * 2, result.stderr)

    def test_a_large_body_comes_back(self):
        self.serve("--handler", "accumulate", "--receive-max", "0")
        data = bytes(range(256)) * 200_000
        self.assertEqual(self.upload(data), reply(data, True))

    def test_what_is_over_a_limit_is_refused(self):
        self.serve("--upload-max", "2000000")
        exhausted, range_ = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE
        self.assert_refused(exhausted, "larger than max", self.upload, bytes(5_000_000))
        self.assert_refused(range_, "limit is 2000000", self.upload, bytes(3_000_000))
        self.assert_refused(range_, "limit is 2000000", self.upload_stream, [bytes(1000)], 9**9)
        self.assertEqual(self.upload(b"fits"), reply(b"fits", False))

    def test_what_is_no_message_is_refused(self):
        self.serve()
        call = self.channel.unary_unary("/bulk.v1.Bulk/Upload")
        for garbage in (b"\x0a\xff", b"\x0f", b"\x0a\xff\xff\xff\xff\x7f"):
            self.assert_refused(grpc.StatusCode.INVALID_ARGUMENT, "bulk.v1.Chunk", call, garbage)
        unknown = self.channel.unary_unary("/bulk.v1.Bulk/Nothing")
        self.assert_refused(grpc.StatusCode.UNIMPLEMENTED, "no such method", unknown, b"")

    def test_a_client_that_hangs_up_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as directory:
            stats = f"{directory}/stats"
            self.serve("--handler", "accumulate", "--stats", stats)

            def pieces():
                yield chunk(bytes(1_000_000))
                self.wait_for(stats, '"received_bytes": 1000000')
                call.cancel()
                yield chunk(b"never")

            call = self.channel.stream_unary("/bulk.v1.Bulk/UploadStream").future(pieces())
            self.assertRaises(grpc.FutureCancelledError, call.result)
            self.wait_for(stats, '"cancelled_total": 1, "in_progress": 0')
            self.wait_for(stats, '"held_bytes": 0')
            self.stop()

    def wait_for(self, stats, words):
        until = time.monotonic() + DEADLINE_S
        while words not in self.ask(stats):
            self.assertLess(time.monotonic(), until, f"never said {words}")
            time.sleep(0.01)

    def ask(self, stats):
        return subprocess.run(["curl", "-s", "--unix-socket", stats, "http://server/stats"],
                              capture_output=True, text=True, check=True).stdout

    def test_bad_options_are_one_line(self):
        for options in (["--handler", "nothing"], ["--reply", "maybe"], ["--receive-max", "x"],
                        ["--no-such"], ["more"], []):
            listen = ["--listen", "unix:/nowhere"] if options else []
            result = subprocess.run([SERVER, *listen, *options], capture_output=True, text=True,
                                    timeout=DEADLINE_S)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertEqual(result.stderr.count("\n"), 1)
        result = subprocess.run([SERVER, "--listen", "unix:/no/such/place"], capture_output=True,
                                text=True, timeout=DEADLINE_S)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot listen", result.stderr)


if __name__ == "__main__":
    unittest.main()
