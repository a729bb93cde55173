"""The recorder on its own: its SDK over HTTP, its server with a client of another make
(python3-grpcio), its viewers by what they wrote down."""
import json
import os
import queue
import signal
import subprocess
import tempfile
import unittest

import grpc

from daemon import DEADLINE_S, UnixConnection, varint, wait_for

RECORDER = os.environ["RECORDER"]
ROWS = os.environ["RECORDER_ROWS"]
UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
DISPOSABLE, STATIC, PERSISTENT = range(3)
TAKEN, PRESSURE, TOO_LARGE, RELIEF = range(4)
TRACKED = ("--in-flight", "tracked", "--collection", "early")


def log_msg(number, payload_bytes, kind=DISPOSABLE, wants_reply=True):
    runs = varint(number) + varint(1)
    rest = (b"\x10" + varint(number) + b"\x18" + varint(kind) + b"\x20" + bytes([wants_reply]) +
            b"\x2a" + varint(len(runs)) + runs + b"\x32" + varint(payload_bytes))
    return b"\x0d" + (5 + len(rest)).to_bytes(4, "little") + rest + bytes(payload_bytes)


def numbers(message):
    """The fields of a message of numbers."""
    fields, key, value, shift = {}, None, 0, 0
    for byte in message:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte & 0x80:
            continue
        if key is None:
            key = value >> 3
        else:
            fields[key], key = value, None
        value = shift = 0
    return fields


def number_of(message):
    return numbers(message[5:10])[2]


class Recorder(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = directory.name

    def start(self, *options, role="all"):
        self.address = f"unix:{self.dir}/grpc"
        program = subprocess.Popen(
            [RECORDER, "--role", role, "--listen", self.address, "--socket", f"{self.dir}/sdk",
             "--data", self.dir, "--stats", f"{self.dir}/stats", *map(str, options)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(program.stderr.close)
        self.addCleanup(program.kill)
        ready = "sdk" if role == "all" else "stats"
        wait_for(lambda: self.ask(ready, "GET", "/health")[0] == 200, "the recorder is ready")
        return program

    def stop(self, program):
        program.send_signal(signal.SIGTERM)
        self.assertEqual(program.wait(DEADLINE_S), 0, program.stderr.read())

    def ask(self, part, method, path, body=None):
        connection = UnixConnection(f"{self.dir}/{part}")
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def call(self, method, rows, row_bytes, number=0, more=""):
        return self.ask("sdk", "POST", f"/{method}?rows={rows}&row_bytes={row_bytes}{more}",
                        str(number))

    def stats(self):
        return json.loads(self.ask("stats", "GET", "/stats")[1])

    def shown(self):
        return int(subprocess.check_output([ROWS, self.dir]))

    def connect(self, *options):
        channel = grpc.insecure_channel(self.address, options=[*UNLIMITED, *options])
        self.addCleanup(channel.close)
        return channel

    def writer(self):
        """A function that sends a message and gives the server's reply, of those for it."""
        to_send = queue.Queue()
        call = self.connect().stream_stream("/recorder.v1.Recorder/WriteMessages")
        replies = call(iter(to_send.get, None), wait_for_ready=True, timeout=DEADLINE_S)
        self.addCleanup(replies.cancel)
        self.addCleanup(to_send.put, None)

        def send(message):
            to_send.put(message)
            while True:
                reply = numbers(next(replies))
                if reply.get(2, TAKEN) != RELIEF:
                    return reply.get(2, TAKEN)
        return send

    def reader(self):
        window = ("grpc.http2.bdp_probe", 0)  # what is not read stays with the server
        call = self.connect(window).unary_stream("/recorder.v1.Recorder/ReadMessages")
        stream = call(b"", wait_for_ready=True, timeout=DEADLINE_S)
        self.addCleanup(stream.cancel)
        return stream

    def test_rows_go_from_the_sdk_to_every_viewer(self):
        program = self.start("--viewers", 2)
        for number in range(5):
            self.assertEqual(self.call("log", 10, 100, number)[0], 200)
        self.assertEqual(self.call("send_columns", 1000, 500, 0, "&stream=1&kind=static")[0], 200)
        wait_for(lambda: self.shown() == 1050, "all 1050 are shown")
        stats = self.stats()
        self.assertEqual(stats["viewer"]["shown_rows_total"], 2 * 1050)
        self.assertEqual(stats["witness"]["zombie_bytes"], 0)
        wait_for(lambda: self.stats()["witness"]["in_flight_bytes"] == 0, "nothing is in flight")
        self.stop(program)
        self.assertEqual(sorted(os.listdir(self.dir)), ["viewer-0.rows", "viewer-1.rows"])

    def test_a_chunk_that_is_too_large_is_refused_with_what_to_do(self):
        program = self.start("--chunk-limit", "refuse", "--chunk-max", 1000000)
        status, text = self.call("send_columns", 100, 30000)
        self.assertEqual(status, 413)
        self.assertIn("chunk size (3.0 MB, 100 rows) exceeds the maximum (1.0 MB)", text)
        self.assertIn("batches of at most 33 rows", text)
        self.assertEqual(self.call("send_columns", 33, 30000)[0], 200)
        wait_for(lambda: self.shown() == 33, "33 are shown")
        self.stop(program)

    def test_adaptive_batches_are_a_tenth_of_the_announced_limit(self):
        program = self.start("--batching", "adaptive", "--server-limit", 1000000)
        self.assertEqual(self.call("send_columns", 100, 30000)[0], 200)
        self.assertEqual(self.stats()["server"]["messages_total"], 34)  # of 3 rows, the last of one
        wait_for(lambda: self.shown() == 100, "100 are shown")
        self.stop(program)

    def test_a_row_that_the_server_never_takes_is_an_error(self):
        program = self.start("--batching", "adaptive", *TRACKED, "--server-limit", 1000000)
        status, text = self.call("send_columns", 2, 900000)
        self.assertEqual(status, 413)
        self.assertIn("one row (0.9 MB) exceeds the maximum (0.8 MB)", text)
        self.assertEqual(self.stats()["server"]["held_peak_bytes"], 0)
        self.stop(program)

    def test_persistent_static_and_disposable_messages_are_collected_in_their_order(self):
        program = self.start("--server-limit", 100000, role="server")
        send = self.writer()
        for number, size, kind in ((1, 20000, PERSISTENT), (2, 30000, STATIC),
                                   (3, 40000, DISPOSABLE), (4, 40000, DISPOSABLE),
                                   (5, 40000, DISPOSABLE)):
            self.assertEqual(send(log_msg(number, size, kind)), TAKEN)
        late = self.reader()
        self.assertEqual([number_of(next(late)) for _ in range(4)], [1, 2, 4, 5])
        send(log_msg(6, 95000))
        # Over the limit, and it stays so until the next one comes.
        self.assertEqual(self.stats()["server"]["held_bytes"] // 1000, 185)
        send(log_msg(7, 70000))
        later = self.reader()
        self.assertEqual([number_of(next(later)) for _ in range(3)], [1, 2, 7])
        send(log_msg(8, 90000, PERSISTENT))
        send(log_msg(9, 10, PERSISTENT))
        latest = self.reader()
        self.assertEqual([number_of(next(latest)) for _ in range(3)], [1, 8, 9])
        self.stop(program)

    def test_collection_never_takes_what_is_on_its_way(self):
        program = self.start("--server-limit", 500000, *TRACKED, role="server")
        stream, send, taken = self.reader(), self.writer(), []
        wait_for(lambda: self.stats()["viewer"]["connected"] == 1, "a viewer is connected")
        for number in range(1, 40):  # the viewer does not read: what its window leaves piles up
            outcome = send(log_msg(number, 50000))
            if outcome == PRESSURE:
                break
            self.assertEqual(outcome, TAKEN)
            taken.append(number)
        self.assertEqual(outcome, PRESSURE)
        self.assertLessEqual(self.stats()["server"]["held_bytes"], 400000)
        self.assertEqual([number_of(next(stream)) for _ in taken], taken)
        wait_for(lambda: send(log_msg(50, 50000)) == TAKEN, "there is room again")
        self.assertEqual(number_of(next(stream)), 50)
        self.stop(program)

    def test_as_it_was_the_limit_leaves_out_what_is_on_its_way(self):
        program = self.start("--server-limit", 500000, role="server")
        stream, send = self.reader(), self.writer()
        wait_for(lambda: self.stats()["viewer"]["connected"] == 1, "a viewer is connected")
        for number in range(1, 40):
            self.assertEqual(send(log_msg(number, 50000)), TAKEN)
        stats = self.stats()
        self.assertLess(stats["account"]["server_bytes"], 560000)
        self.assertEqual(stats["account"]["in_flight_bytes"], 0)
        self.assertGreater(stats["server"]["alive_bytes"], 1000000)
        self.assertEqual([number_of(next(stream)) for _ in range(39)], list(range(1, 40)))
        self.stop(program)

    def test_a_message_over_the_bound_goes_alone(self):
        program = self.start("--queues", "both", "--queue-bytes", 100000, role="server")
        stream, send = self.reader(), self.writer()
        wait_for(lambda: self.stats()["viewer"]["connected"] == 1, "a viewer is connected")
        self.assertEqual(send(log_msg(1, 3000000)), TAKEN)
        self.assertEqual(number_of(next(stream)), 1)
        self.stop(program)
        program = self.start("--queues", "bytes", "--server-limit", 400000, role="server")
        send = self.writer()
        self.assertEqual(send(log_msg(1, 100100)), TOO_LARGE)
        self.assertEqual(send(log_msg(2, 50000)), TAKEN)
        self.stop(program)

    def test_garbage_ends_the_stream_and_not_the_server(self):
        program = self.start(role="server")
        for garbage in (b"", b"\x0d", b"\x0d\xff\xff\xff\xff", b"\x0d\x05\0\0\0", os.urandom(100),
                        log_msg(1, 50)[:-1], log_msg(1, 50) + b"x"):
            call = self.connect().stream_stream("/recorder.v1.Recorder/WriteMessages")
            with self.assertRaises(grpc.RpcError) as caught:
                list(call(iter([garbage]), wait_for_ready=True, timeout=DEADLINE_S))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.INVALID_ARGUMENT, garbage)
        self.assertEqual(self.writer()(log_msg(1, 50)), TAKEN)
        self.stop(program)

    def test_options_that_are_wrong_say_so(self):
        for options in (["--queues", "none"], ["--server-limit", "0"], ["--nothing", "1"],
                        ["--role"], []):
            result = subprocess.run([RECORDER, *options], capture_output=True, text=True)
            self.assertEqual(result.returncode, 2, options)
            self.assertTrue(result.stderr.startswith("recorder: --"), result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
