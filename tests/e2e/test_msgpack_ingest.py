"""The MessagePack ingest server on its own: what it takes, counts, writes, refuses and leaves.

What is in its files is read by avrocat, which shares no code with it but the library. Wrap the
server with MSGPACK_INGEST_UNDER="valgrind -q --leak-check=full --error-exitcode=99"."""
import glob
import gzip
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from daemon import DEADLINE_S, UnixConnection, wait_for
from msgpack import pack

SERVER = os.environ["MSGPACK_INGEST"]
UNDER = shlex.split(os.environ.get("MSGPACK_INGEST_UNDER", ""))
WRITE = "/api/v1/write/msgpack"
AT_ONCE = ("--age-ms", "1", "--tick-ms", "1")


class Server:
    """One msgpack-ingest with its files in `directory`; a single worker unless told otherwise."""

    def __init__(self, directory, *options, **popen):
        self.socket = os.path.join(directory, "socket")
        self.data = os.path.join(directory, "data")
        os.makedirs(self.data, exist_ok=True)
        # A pipe, not a file: some tests limit the size of files.
        self.log_fd, end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.log_fd, False)
        self.logged = b""
        self.process = subprocess.Popen(
            [*UNDER, SERVER, "--socket", self.socket, "--data", self.data, "--workers", "1",
             *options], stdout=subprocess.DEVNULL, stderr=end, **popen)
        os.close(end)

    def is_healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: {self.log()}")
        try:
            return self.request("GET", "/health") == (200, b"ok\n")
        except OSError:
            return False

    def start(self):
        wait_for(self.is_healthy, "the server answers")
        return self

    def request(self, method, path, body=None, headers={}):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def post(self, body, content_type="application/msgpack", encoding=None):
        headers = {"Content-Type": content_type} if content_type else {}
        if encoding:
            headers["Content-Encoding"] = encoding
        status, reply = self.request("POST", WRITE, body, headers)
        return status, reply.decode()

    def write(self, value):
        status, reply = self.post(pack(value))
        assert (status, reply) == (204, ""), (status, reply)

    def stats(self):
        status, reply = self.request("GET", WRITE + "/stats")
        assert status == 200
        return json.loads(reply)

    def buffer(self, name):
        return self.stats()["buffer"][name]

    def log(self):
        try:
            while piece := os.read(self.log_fd, 65536):
                self.logged += piece
        except BlockingIOError:
            pass
        return self.logged.decode()

    def stop(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.process.wait(DEADLINE_S)

    def files(self):
        return sorted(glob.glob(os.path.join(self.data, "*", "*")))

    def groups(self, measurement):
        """Row groups of a measurement as avrocat prints them."""
        groups = []
        for path in sorted(glob.glob(os.path.join(self.data, measurement, "*.avro"))):
            out = subprocess.run(["avrocat", path], stdout=subprocess.PIPE, check=True).stdout
            groups += [json.loads(line) for line in out.splitlines()]
        return groups

    def rows(self, measurement):
        """[{column: value}]: columns put together again, rows in order of time."""
        rows = []
        for group in self.groups(measurement):
            columns = {name: [next(iter(v.values())) if isinstance(v, dict) else v for v in values]
                       for name, values in group["columns"].items()}
            for values in columns.values():
                assert len(values) == group["rows"], group
            rows += [dict(zip(columns, row)) for row in zip(*columns.values())]
        return sorted(rows, key=lambda row: row["time"])


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="sm-msgpack-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def launch(self, *options, **popen):
        server = Server(self.dir, *options, **popen)
        self.addCleanup(os.close, server.log_fd)
        self.addCleanup(server.process.wait)
        self.addCleanup(server.process.terminate)
        return server

    def start(self, *options, **popen):
        return self.launch(*options, **popen).start()

    def assert_balanced(self, buffer):
        self.assertEqual(buffer["total_records_buffered"], buffer["total_records_written"] +
                         buffer["total_records_dropped"] + buffer["held_records"])


CPU = {"m": "cpu", "columns": {"time": [1, 2, 3], "host": ["a", "b", "a"],
                               "idle": [95.5, None, 94], "big": [2**40, -5, 0]}}
CPU_ROWS = [{"time": 1, "host": "a", "idle": 95.5, "big": 2**40},
            {"time": 2, "host": "b", "idle": None, "big": -5},
            {"time": 3, "host": "a", "idle": 94.0, "big": 0}]


class Take(Case):
    def test_columnar_rows_and_batches_read_back(self):
        server = self.start()
        server.write(CPU)
        server.write({"columns": {"time": [4]}, "m": "late-name"})
        server.write([{"m": "disk", "t": 7, "h": "web", "fields": {"free": 1.5},
                       "tags": {"dev": "sda"}},
                      {"tags": {"dev": "sdb"}, "m": "disk", "t": 8, "fields": {"used": 3}}])
        server.write({"batch": [{"m": 17, "columns": {"time": [1]}},
                                {"m": "disk", "t": 9, "fields": {"free": 2, "ok": True}}]})
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.rows("cpu"), CPU_ROWS)
        self.assertEqual(server.rows("late-name"), [{"time": 4}])
        self.assertEqual(server.rows("17"), [{"time": 1}])
        disk = server.rows("disk")
        self.assertEqual(disk[0], {"time": 7, "host": "web", "free": 1.5, "dev": "sda",
                                   "used": None})
        self.assertEqual(disk[1], {"time": 8, "host": None, "free": None, "dev": "sdb", "used": 3})
        self.assertEqual(disk[2], {"time": 9, "free": 2, "ok": 1})

    def test_gzip_of_both_ways_and_of_two_members(self):
        body = pack(CPU)
        for way in "chunks", "single":
            server = self.start("--decompression", way, *AT_ONCE)
            self.assertEqual(server.post(gzip.compress(body), encoding="gzip"), (204, ""))
            self.assertEqual(server.post(gzip.compress(body[:20]) + gzip.compress(body[20:]),
                                         encoding="gzip"), (204, ""))
            self.assertEqual(server.stop(), 0)
            self.assertEqual([row["time"] for row in server.rows("cpu")], [1, 1, 2, 2, 3, 3])
            shutil.rmtree(server.data)

    def test_many_rows_and_texts_in_groups(self):
        count = 30000
        server = self.start("--max-rows", "17000")
        columns = {"time": list(range(count)), "text": [f"text {i % 5000}" for i in range(count)]}
        server.write({"m": "many", "columns": columns})
        wait_for(lambda: server.buffer("total_records_written") == count, "flushed by rows")
        self.assertEqual(server.stop(), 0)
        self.assertTrue(all(group["rows"] <= 1024 for group in server.groups("many")))
        self.assertEqual(server.rows("many"), [{"time": i, "text": columns["text"][i]}
                                               for i in range(count)])

    def test_flush_by_rows_and_by_age(self):
        server = self.start("--max-rows", "4", "--age-ms", "3600000", "--tick-ms", "1")
        server.write(CPU)
        self.assertEqual(server.buffer("current_buffer_sizes"), {"cpu": 3})
        server.write(CPU)
        wait_for(lambda: server.buffer("total_records_written") == 6, "flushed by rows")
        self.assertEqual(server.buffer("current_buffer_sizes"), {"cpu": 0})
        self.assertEqual(server.stop(), 0)
        server = self.start(*AT_ONCE)
        server.write(CPU)
        wait_for(lambda: server.buffer("total_records_written") == 3, "flushed by age")
        self.assertEqual(server.stop(), 0)

    def test_columns_of_other_types_go_to_other_files(self):
        server = self.start()
        for value in 1, 2.5, "three", None:
            server.write({"m": "x", "columns": {"time": [1], "v": [value]}})
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(server.files()), 4)
        self.assertEqual(sorted(str(row["v"]) for row in server.rows("x")),
                         ["1", "2.5", "None", "three"])

    def test_workers_share_the_socket_and_the_stats(self):
        server = self.start("--workers", "4")
        connections = [UnixConnection(server.socket) for _ in range(40)]
        for connection in connections:
            connection.request("POST", WRITE, pack(CPU), {"Content-Type": "application/msgpack"})
        for connection in connections:
            self.assertEqual(connection.getresponse().status, 204)
            connection.close()
        stats = server.stats()
        self.assertEqual(stats["buffer"]["total_records_buffered"], 120)
        self.assertEqual(len({worker["pid"] for worker in stats["workers"].values()}), 4)
        self.assert_balanced(stats["buffer"])
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(server.rows("cpu")), 120)


class Refuse(Case):
    def check(self, server, body, status, *words, **how):
        self.assertEqual(server.post(body, **how)[0], status, body[:60])
        reply = server.post(body, **how)[1]
        for word in words:
            self.assertIn(word, reply)

    def test_bodies_that_are_no_payload(self):
        server = self.start()
        good = pack(CPU)
        self.check(server, b"", 400, "empty")
        self.check(server, b"\xc1", 400)
        self.check(server, good + b"\x00", 400, "1 bytes follow")
        for end in range(1, len(good)):
            self.check(server, good[:end], 400)
        self.check(server, pack([]), 400, "no records")
        self.check(server, b"\xdd\xff\xff\xff\xff", 400, "before it is complete")
        self.check(server, b"\x81\xa7columns\xdf\xff\xff\xff\xff", 400, "before it is complete")
        self.check(server, b"\x91" * 5000, 400, "not a map")
        self.assertEqual(server.buffer("total_records_buffered"), 0)
        self.assertEqual(server.stop(), 0)

    def test_wrong_types_and_names(self):
        server = self.start()
        for value, words in (
                (3, "not a map"), ({"m": "x"}, "no time"), ({"columns": {"time": [1]}}, "(\"m\")"),
                ({"m": None, "columns": {"time": [1]}}, "neither a text nor a number"),
                ({"m": "../x", "columns": {"time": [1]}}, "the measurement has"),
                ({"m": "x", "columns": [1]}, "not a map"),
                ({"m": "x", "columns": {"time": 1}}, "not an array"),
                ({"m": "x", "columns": {"time": []}}, "empty"),
                ({"m": "x", "columns": {"a": [1]}}, "no column \"time\""),
                ({"m": "x", "columns": {"time": ["now"]}}, "whole numbers"),
                ({"m": "x", "columns": {"time": [1], "a": [1, 2]}}, "has 2 values"),
                ({"m": "x", "columns": {"time": [1, 2], "a": [1, "b"]}}, "value 2"),
                ({"m": "x", "columns": {"time": [1], "a": [b"raw"]}}, "only numbers"),
                ({"m": "x", "columns": {"time": [1], "a": [[1]]}}, "no single value"),
                ({"m": "x", "columns": {"time": [1], "a b": [1]}}, "no column name"),
                ({"m": "x", "columns": {"time": [2**63]}}, "63 bits"),
                ({"m": "x", "t": 1, "columns": {"time": [1]}}, "not both"),
                ({"m": "x", "t": 1, "more": 1}, "has no \"more\""),
                ({"m": "x", "t": 1, "fields": {"time": 2}}, "twice"),
                ({"m": "x", "t": "now"}, "whole numbers")):
            self.check(server, pack(value), 400, words)
        self.assertEqual(server.stats()["buffer"]["held_records"], 0)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(server.files(), [])

    def test_gzip_that_is_none_damaged_cut_or_a_bomb(self):
        for way in "chunks", "single":
            server = self.start("--decompression", way, "--decompressed-max", "1000000")
            good = gzip.compress(os.urandom(5000))
            self.check(server, b"no gzip at all", 400, "no gzip", encoding="gzip")
            self.check(server, good[:-1], 400, "cut off", encoding="gzip")
            self.check(server, good[:3000] + b"\0" + good[3001:], 400, "damaged", encoding="gzip")
            self.check(server, gzip.compress(bytes(1000001)), 413, "more than 1000000",
                       encoding="gzip")
            self.check(server, gzip.compress(pack(CPU)[:9]), 400, "complete", encoding="gzip")
            self.assertEqual(server.stats()["buffer"]["late_bytes"], 0)
            self.assertEqual(server.stop(), 0)

    def test_types_encodings_paths_and_sizes(self):
        server = self.start("--compressed-max", "1000")
        body = pack(CPU)
        self.check(server, body, 415, "content type", content_type="application/json")
        self.check(server, body, 415, "content encoding", encoding="br")
        self.assertEqual(server.post(body, content_type="Application/MsgPack; x=1"), (204, ""))
        self.assertEqual(server.post(body, content_type=None), (204, ""))
        self.check(server, bytes(1001), 413, "more than 1000")
        self.assertEqual(server.request("GET", WRITE)[0], 404)
        self.assertEqual(server.stop(), 0)
        server = self.start("--compressed-max", "1000", "--body-check", "arriving")
        # Refused before the body has come, and in the middle of one of unknown size.
        status, reply = server.request("POST", WRITE, None, {"Content-Length": "1001"})
        self.assertEqual((status, reply), (413, b"the body is too large\n"))
        connection = UnixConnection(server.socket)
        connection.request("POST", WRITE, iter([bytes(600), bytes(600)]), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
        self.assertEqual(connection.getresponse().status, 413)
        connection.close()
        self.assertEqual(server.stats()["decoder"]["total_rejected"], 2)
        self.assertEqual(server.stop(), 0)

    def test_a_body_cut_off_is_forgotten(self):
        server = self.start()
        connection = UnixConnection(server.socket)
        connection.connect()
        connection.sock.sendall(b"POST " + WRITE.encode() + b" HTTP/1.1\r\nHost: x\r\n"
                                b"Content-Length: 5000\r\n\r\n" + bytes(2500))
        connection.close()
        server.write(CPU)
        self.assertEqual(server.buffer("total_records_buffered"), 3)
        self.assertEqual(server.stop(), 0)

    def test_more_measurements_than_there_may_be(self):
        server = self.start()
        records = [{"m": f"m{i}", "t": 1} for i in range(1025)]
        self.check(server, pack(records), 400, "1024 measurements")
        self.assertEqual(server.stop(), 0)


class Outage(Case):
    """The storage fails: a limit on the size of files, which takes effect in what is forked."""

    def start_failing(self, *options):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        server = self.launch("--retry", *options, preexec_fn=limit, restore_signals=False)
        return server.start()

    def mend(self, server):
        for worker in server.stats()["workers"].values():
            resource.prlimit(worker["pid"], resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    def test_unbounded_keeps_everything_and_loses_nothing(self):
        server = self.start_failing("unbounded", *AT_ONCE)
        for _ in range(50):
            server.write(CPU)
        wait_for(lambda: server.buffer("total_errors") > 20, "many failures")
        stats = server.stats()["buffer"]
        self.assertEqual((stats["held_records"], stats["total_records_dropped"]), (150, 0))
        self.assert_balanced(stats)
        self.mend(server)
        wait_for(lambda: server.buffer("total_records_written") == 150, "all of it is written")
        self.assertEqual(server.buffer("retry_counts"), {})
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(server.rows("cpu")), 150)
        self.assertIn("writing again", server.log())

    def test_limited_drops_after_the_fourth_failure(self):
        server = self.start_failing("limited", *AT_ONCE)
        server.write(CPU)
        wait_for(lambda: server.buffer("total_records_dropped") == 3, "they are given up")
        stats = server.stats()["buffer"]
        self.assertEqual((stats["total_errors"], stats["total_records_retried"]), (4, 9))
        self.assertEqual((stats["held_records"], stats["held_bytes"]), (0, 0))
        self.assertIn("dropping 3 records for 'cpu' (max retries exceeded)", server.log())
        self.mend(server)
        server.write(CPU)
        wait_for(lambda: server.buffer("total_records_written") == 3, "written again")
        self.assert_balanced(server.stats()["buffer"])
        self.assertEqual(server.stop(), 0)
        self.assertEqual([os.path.splitext(path)[1] for path in server.files()], [".avro"])

    def test_the_guard_counts_records_not_rows(self):
        # 3 rows are 1 record: ten times twice max_rows stay, which the guard was to prevent.
        server = self.start_failing("unbounded", "--max-rows", "3", "--tick-ms", "1")
        for _ in range(5):
            server.write({"m": "x", "columns": {"time": list(range(12))}})
        wait_for(lambda: server.buffer("total_errors") >= 5, "failures")
        self.assertEqual(server.buffer("total_records_dropped"), 0)
        self.assertEqual(server.buffer("held_records"), 60)
        self.mend(server)
        self.assertEqual(server.stop(), 0)

    def test_retry_counts_are_told_while_it_lasts(self):
        server = self.start_failing("limited", "--age-ms", "1", "--tick-ms", "200")
        server.write(CPU)
        wait_for(lambda: server.buffer("retry_counts").get("cpu", 0) > 0, "a retry is counted")
        self.mend(server)
        self.assertEqual(server.stop(), 0)

    def test_a_limit_on_what_is_held_refuses_aloud(self):
        server = self.start_failing("unbounded", "--held-max", "20000")
        record = {"m": "x", "columns": {"time": list(range(1000))}}
        self.assertEqual([server.post(pack(record))[0] for _ in range(4)], [204, 204, 503, 503])
        stats = server.stats()["buffer"]
        self.assertLessEqual(stats["held_bytes"], 20000)
        self.assertEqual(stats["total_records_refused"], 2000)
        self.mend(server)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(server.rows("x")), 2000)

    def test_stopping_gives_up_aloud(self):
        server = self.start_failing("unbounded")
        server.write(CPU)
        self.assertEqual(server.stop(), 1)
        self.assertIn("dropping 3 records", server.log())
        self.assertIn("rows lost", server.log())
        self.assertEqual(server.files(), [])


class Release(Case):
    def late_bytes(self, value, *options):
        server = self.start("--tick-ms", "3600000", *options)
        server.write(value)
        late = server.buffer("late_bytes")
        self.assertEqual(server.stop(), 0)
        return late

    def test_prompt_frees_many_rows_but_no_columnar_record(self):
        rows = [{"m": "x", "t": i} for i in range(1001)]
        columnar = {"m": "x", "columns": {"time": list(range(5000))}}
        self.assertGreater(self.late_bytes(rows, "--release", "late"), 0)
        self.assertEqual(self.late_bytes(rows, "--release", "prompt"), 0)
        self.assertGreater(self.late_bytes(rows[1:], "--release", "prompt"), 0)
        self.assertEqual(self.late_bytes(columnar, "--release", "prompt"),
                         self.late_bytes(columnar, "--release", "late"))

    def test_the_collector_comes_by(self):
        server = self.start("--tick-ms", "1")
        server.write(CPU)
        wait_for(lambda: server.buffer("late_bytes") == 0, "it is collected")
        self.assertEqual(server.stop(), 0)


class Start(Case):
    def test_bad_options(self):
        for options, words in ((["--workers", "9"], "1 to 8"), (["--retry", "never"], "neither"),
                               (["--colour", "red"], "no such option"), (["--data"], "a value")):
            result = subprocess.run([SERVER, *options], stderr=subprocess.PIPE, text=True)
            self.assertEqual(result.returncode, 2)
            self.assertIn(words, result.stderr)
        result = subprocess.run([SERVER, "--help"], stdout=subprocess.PIPE, text=True)
        self.assertEqual(result.returncode, 0)
        self.assertIn("--max-rows          N rows of a measurement are flushed (17000)",
                      result.stdout)

    @staticmethod
    def pids_if_begun(server):
        pids = [worker["pid"] for worker in server.stats()["workers"].values()]
        return pids if all(pids) else None

    def test_a_worker_that_is_killed_ends_all_aloud(self):
        server = self.start("--workers", "3")
        # A worker that has not begun yet tells 0, which kill takes for the whole process group.
        pids = wait_for(lambda: self.pids_if_begun(server), "all workers have begun")
        os.kill(pids[1], signal.SIGKILL)
        self.assertEqual(server.process.wait(DEADLINE_S), 1)
        self.assertIn("was killed by signal 9", server.log())
        for pid in pids:
            with self.assertRaises(ProcessLookupError):
                os.kill(pid, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
