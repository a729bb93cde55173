"""The log batcher on its own: what it takes, counts, writes, refuses and leaves behind.

Wrap the daemon with LOG_BATCHER_UNDER="valgrind -q --leak-check=full --error-exitcode=99"."""
import contextlib
import http.client
import json
import os
import resource
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from daemon import DEADLINE_S, UnixConnection, wait_for

DAEMON = os.environ["LOG_BATCHER"]
UNDER = shlex.split(os.environ.get("LOG_BATCHER_UNDER", ""))
LINE = "x" * 142


class Daemon:
    """One log-batcher with files in `directory`."""

    def __init__(self, directory, *options, **popen):
        self.socket = os.path.join(directory, "rpc.sock")
        self.database = os.path.join(directory, "logs.db")
        self.log_path = os.path.join(directory, "stderr")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [*UNDER, DAEMON, "--socket", self.socket, "--db", self.database, *options],
                stdout=subprocess.DEVNULL, stderr=log, **popen)

    def is_healthy(self):
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: {self.log()}")
        try:
            return self.get("/health") == (200, b"ok\n")
        except OSError:
            return False

    def start(self):
        wait_for(self.is_healthy, "the daemon answers")
        return self

    def request(self, method, path, body=None, headers={}, **more):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, body, headers, **more)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, body):
        status, reply = self.request("POST", "/rpc", body)
        return status, json.loads(reply) if reply else None

    def insert(self, params):
        status, reply = self.post(json.dumps(
            {"jsonrpc": "2.0", "id": 1, "method": "logs.insert", "params": params}))
        assert status == 200, (status, reply)
        return reply["result"]

    def stats(self):
        status, reply = self.get("/stats")
        assert status == 200
        return json.loads(reply)

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    def stop(self, signal_number=signal.SIGTERM):
        self.process.send_signal(signal_number)
        return self.process.wait(DEADLINE_S)

    def rows(self, sql="select source, level, message from logs order by id"):
        with contextlib.closing(sqlite3.connect(self.database)) as database:
            return database.execute(sql).fetchall()

    def descriptors(self):
        """What the daemon has open, as its links in /proc read."""
        directory = f"/proc/{self.process.pid}/fd"
        links = []
        for name in os.listdir(directory):
            try:
                links.append(os.readlink(os.path.join(directory, name)))
            except FileNotFoundError:
                pass
        return links


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="sm-batcher-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def launch(self, *options, **popen):
        daemon = Daemon(self.dir, *options, **popen)
        self.addCleanup(daemon.process.wait)
        self.addCleanup(daemon.process.kill)
        return daemon

    def start(self, *options, **popen):
        return self.launch(*options, **popen).start()

    def hold_writes(self, daemon):
        """Takes the database's write lock: no batch is committed until the connection closes."""
        holder = sqlite3.connect(daemon.database, isolation_level=None, timeout=DEADLINE_S)
        self.addCleanup(holder.close)
        holder.execute("begin immediate")
        return holder

    def assert_balanced(self, stats):
        self.assertEqual(stats["received_total"], stats["queued"] + stats["flushed_total"] +
                         stats["lost_total"] + stats["dropped_total"])


class Insert(Case):
    def test_every_form_of_an_entry(self):
        daemon = self.start()
        self.assertEqual(daemon.insert("plain"), {"accepted": 1, "dropped": 0})
        self.assertEqual(daemon.insert({"source": "web", "level": "warn", "message": "m\u00e9"}),
                         {"accepted": 1, "dropped": 0})
        self.assertEqual(daemon.insert([{"message": "only"}, "last", ""]),
                         {"accepted": 3, "dropped": 0})
        self.assertEqual(daemon.insert([]), {"accepted": 0, "dropped": 0})
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(daemon.rows(), [("", "info", "plain"), ("web", "warn", "m\u00e9"),
                                         ("", "info", "only"), ("", "info", "last"),
                                         ("", "info", "")])

    def test_many_on_one_connection_in_order(self):
        daemon = self.start()
        connection = UnixConnection(daemon.socket)
        for number in range(500):
            connection.request("POST", "/rpc", json.dumps(
                {"id": number, "method": "logs.insert", "params": str(number)}))
            reply = json.loads(connection.getresponse().read())
            self.assertEqual(reply["id"], number)
        connection.close()
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual([int(row[2]) for row in daemon.rows()], list(range(500)))

    def test_a_flush_is_one_transaction_of_at_most_10000(self):
        daemon = self.start("--channel", "unbounded", "--max-body", "100000000")
        holder = self.hold_writes(daemon)
        for _ in range(5):
            daemon.insert([LINE] * 5000)
        stats = daemon.stats()
        self.assertEqual((stats["queued"], stats["flushes_total"]), (25000, 0))
        self.assertGreater(stats["queued_bytes"], 25000 * len(LINE))
        holder.close()
        wait_for(lambda: daemon.stats()["queued"] == 0, "the backlog is written")
        stats = daemon.stats()
        self.assertEqual((stats["flushed_total"], stats["queued_bytes"]), (25000, 0))
        # The first one to be held may hold few entries; nothing is written one by one.
        self.assertIn(stats["flushes_total"], range(3, 9))
        self.assertEqual(daemon.stop(), 0)

    def test_a_batch_of_calls_and_notifications(self):
        daemon = self.start()
        call = {"jsonrpc": "2.0", "method": "logs.insert", "params": "x"}
        self.assertEqual(daemon.post(json.dumps(call)), (204, None))
        status, replies = daemon.post(json.dumps([call, {**call, "id": "a"}, 3]))
        self.assertEqual(status, 200)
        self.assertEqual([reply["id"] for reply in replies], ["a", None])
        self.assertEqual(daemon.post(json.dumps([call, call])), (204, None))
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(len(daemon.rows()), 5)


class Bound(Case):
    def test_drops_are_exact_told_and_reported(self):
        daemon = self.start("--channel", "bounded", "--capacity", "50")
        holder = self.hold_writes(daemon)
        results = [daemon.insert([LINE] * 40) for _ in range(3)]
        results += [daemon.insert(LINE)]
        self.assertEqual(results, [{"accepted": 40, "dropped": 0}, {"accepted": 10, "dropped": 30},
                                   {"accepted": 0, "dropped": 40}, {"accepted": 0, "dropped": 1}])
        stats = daemon.stats()
        self.assertEqual((stats["received_total"], stats["queued"], stats["dropped_total"]),
                         (121, 50, 71))
        self.assert_balanced(stats)
        holder.close()
        wait_for(lambda: daemon.stats()["flushed_total"] == 50, "the queue is written")
        self.assertEqual(daemon.insert(LINE), {"accepted": 1, "dropped": 0})
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(len(daemon.rows()), 51)
        warnings = [line for line in daemon.log().splitlines() if "dropped" in line]
        self.assertTrue(warnings[-1].endswith("71 in total"), warnings)
        self.assertLessEqual(len(warnings), 4, "one warning a tick, not one an entry")

    def test_unbounded_takes_all(self):
        daemon = self.start("--channel", "unbounded", "--capacity", "50")
        holder = self.hold_writes(daemon)
        self.assertEqual(daemon.insert([LINE] * 4000), {"accepted": 4000, "dropped": 0})
        self.assertEqual(daemon.stats()["queued"], 4000)
        holder.close()
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual(len(daemon.rows()), 4000)


class Stop(Case):
    def check_drains(self, signal_number):
        daemon = self.start()
        holder = self.hold_writes(daemon)
        daemon.insert([LINE] * 3000)
        daemon.process.send_signal(signal_number)
        wait_for(lambda: not self.accepts(daemon), "no new connection is taken")
        self.assertIsNone(daemon.process.poll())
        holder.close()
        self.assertEqual(daemon.process.wait(DEADLINE_S), 0)
        self.assertEqual(len(daemon.rows()), 3000)
        self.assertEqual(sorted(os.listdir(self.dir)), ["logs.db", "stderr"])
        self.assertEqual(daemon.log(), "")

    def accepts(self, daemon):
        try:
            return daemon.get("/health")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def test_sigterm_drains_the_channel(self):
        self.check_drains(signal.SIGTERM)

    def test_sigint_drains_the_channel(self):
        self.check_drains(signal.SIGINT)

    def test_an_idle_connection_does_not_hold_it(self):
        daemon = self.start()
        connection = UnixConnection(daemon.socket)
        connection.request("GET", "/health")
        connection.getresponse().read()
        self.assertEqual(daemon.stop(), 0)
        connection.close()

    def test_a_failing_disk_loses_entries_aloud(self):
        daemon = self.start(restore_signals=False, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_FSIZE, (1 << 18, 1 << 18)))
        daemon.insert("before")
        wait_for(lambda: daemon.stats()["flushed_total"] == 1, "the first is written")
        daemon.insert([LINE] * 5000)
        wait_for(lambda: "cannot write" in daemon.log(), "the failure is told")
        self.assert_balanced(daemon.stats())
        self.assertEqual(daemon.stop(), 1)
        self.assertIn("5000 entries lost", daemon.log())
        self.assertEqual(len(daemon.rows()), 1)


class StaleSocket(Case):
    def kill(self, daemon):
        daemon.process.kill()
        daemon.process.wait()
        self.assertTrue(os.path.exists(daemon.socket))

    def test_keep_refuses_to_start(self):
        self.kill(self.start("--stale-socket", "keep"))
        second = self.launch("--stale-socket", "keep")
        self.assertEqual(second.process.wait(DEADLINE_S), 1)
        self.assertEqual(len(second.log().splitlines()), 1)
        self.assertIn("Address already in use", second.log())

    def test_unlink_starts(self):
        first = self.start("--stale-socket", "unlink")
        first.insert("kept")
        wait_for(lambda: first.stats()["flushed_total"] == 1, "it is written")
        self.kill(first)
        second = self.start("--stale-socket", "unlink")
        second.insert("new")
        self.assertEqual(second.stop(), 0)
        self.assertEqual([row[2] for row in second.rows()], ["kept", "new"])

    def test_a_living_daemon_is_left_alone(self):
        first = self.start()
        other = self.launch("--stale-socket", "unlink")
        self.assertEqual(other.process.wait(DEADLINE_S), 1)
        self.assertEqual(first.get("/health")[0], 200)
        self.assertEqual(first.stop(), 0)

    def test_a_file_in_its_place_is_left_alone(self):
        path = os.path.join(self.dir, "rpc.sock")
        with open(path, "w") as file:
            file.write("precious")
        self.assertEqual(self.launch("--stale-socket", "unlink").process.wait(DEADLINE_S), 1)
        with open(path) as file:
            self.assertEqual(file.read(), "precious")


class Sysmon(Case):
    CHILDREN = 20

    def churn(self, daemon):
        """Lets processes live for two refreshes, and waits until another one missed them."""
        children = [subprocess.Popen(["sleep", "1000"]) for _ in range(self.CHILDREN)]
        try:
            self.wait_refreshes(daemon, 2)
        finally:
            for child in children:
                child.kill()
                child.wait()
        self.wait_refreshes(daemon, 2)
        return [child.pid for child in children]

    def wait_refreshes(self, daemon, count):
        enough = daemon.stats()["sysmon_refreshes_total"] + count
        wait_for(lambda: daemon.stats()["sysmon_refreshes_total"] >= enough, "the next refresh")

    def kept(self, daemon):
        return {link for link in daemon.descriptors()
                if link.startswith("/proc/") and link.endswith("/stat")}

    def test_retain_keeps_what_belonged_to_dead_processes(self):
        daemon = self.start("--sysmon", "retain", "--sysmon-interval-ms", "20")
        self.wait_refreshes(daemon, 1)
        had = set()
        for _ in range(3):
            # Each child had a file of its own and one of its only task; a number may come again.
            for pid in self.churn(daemon):
                had |= {f"/proc/{pid}/stat", f"/proc/{pid}/task/{pid}/stat"}
            self.assertLessEqual(had, self.kept(daemon))
        self.assertGreaterEqual(daemon.stats()["sysmon_fds"], len(had))
        self.assertEqual(daemon.stop(), 0)

    def test_retain_stops_at_half_of_the_limit(self):
        daemon = self.start("--sysmon", "retain", "--sysmon-interval-ms", "20",
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                                  (40, 60)))
        self.churn(daemon)
        self.assertEqual(daemon.stats()["sysmon_fds"], 30)
        self.assertEqual(daemon.stop(), 0)

    def test_release_keeps_nothing(self):
        daemon = self.start("--sysmon", "release", "--sysmon-interval-ms", "20")
        for _ in range(3):
            self.churn(daemon)
            self.assertLessEqual(len(self.kept(daemon)), 1)
        stats = daemon.stats()
        self.assertEqual(stats["sysmon_fds"], 0)
        self.assertGreater(stats["sysmon_processes"], 1)
        self.assertGreaterEqual(stats["sysmon_tasks"], stats["sysmon_processes"])
        self.assertEqual(daemon.stop(), 0)

    def test_off_looks_at_nothing(self):
        daemon = self.start()
        self.assertEqual(daemon.stats()["sysmon_refreshes_total"], 0)
        self.assertEqual(daemon.stop(), 0)


class BadRequests(Case):
    def test_json_rpc_errors(self):
        daemon = self.start()
        call = {"jsonrpc": "2.0", "id": 9, "method": "logs.insert", "params": "x"}
        cases = [
            ('{"jsonrpc": "2.0", "id": 1', 400, -32700, None),
            ("", 400, -32700, None),
            (b"\xff\xfe{}", 400, -32700, None),
            ("[" * 5000, 400, -32700, None),
            ("[]", 400, -32600, None),
            ('"text"', 400, -32600, None),
            (json.dumps({**call, "jsonrpc": "1.0"}), 400, -32600, 9),
            (json.dumps({**call, "method": 5}), 400, -32600, 9),
            (json.dumps({**call, "id": {}}), 400, -32600, None),
            (json.dumps({**call, "method": "logs.remove"}), 404, -32601, 9),
            (json.dumps({**call, "params": 5}), 400, -32602, 9),
            (json.dumps({**call, "params": None}), 400, -32602, 9),
            (json.dumps({**call, "params": {"level": "info"}}), 400, -32602, 9),
            (json.dumps({**call, "params": {"message": "m", "source": 1}}), 400, -32602, 9),
            (json.dumps({**call, "params": ["fine", 5]}), 400, -32602, 9),
        ]
        for body, status, code, request_id in cases:
            with self.subTest(body=body[:60]):
                self.assertEqual(daemon.post(body)[0], status)
                reply = daemon.post(body)[1]
                self.assertEqual(reply["jsonrpc"], "2.0")
                self.assertEqual(reply["error"]["code"], code)
                self.assertEqual(reply["id"], request_id)
        self.assertEqual(daemon.stats()["received_total"], 0)
        self.assertEqual(daemon.stop(), 0)

    def test_too_large_a_body(self):
        daemon = self.start("--max-body", "1000")
        fits = json.dumps({"method": "logs.insert", "params": "x" * 900})
        self.assertEqual(daemon.post(fits)[0], 200)
        chunked = {"Transfer-Encoding": "chunked"}
        pieces = [b"x" * 600] * 3
        self.assertEqual(daemon.request("POST", "/rpc", iter(pieces), chunked,
                                        encode_chunked=True)[0], 413)
        # Refused by the length it announces, before any of it is sent.
        self.assertEqual(daemon.request("POST", "/rpc", None, {"Content-Length": "1001"})[0], 413)
        self.assertEqual(daemon.stats()["received_total"], 1)
        self.assertEqual(daemon.stop(), 0)

    def test_other_paths_and_methods(self):
        daemon = self.start()
        for method, path in [("GET", "/"), ("GET", "/rpc"), ("POST", "/stats"), ("PUT", "/rpc")]:
            self.assertEqual(daemon.request(method, path)[0], 404, (method, path))
        self.assertEqual(daemon.stop(), 0)

    def test_a_client_that_vanishes(self):
        daemon = self.start()
        client = socket.socket(socket.AF_UNIX)
        client.connect(daemon.socket)
        client.sendall(b"POST /rpc HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"meth")
        client.close()
        self.assertEqual(daemon.insert("x"), {"accepted": 1, "dropped": 0})
        self.assertEqual(daemon.stop(), 0)


class BadOptions(Case):
    def check(self, *options, status=2, words=""):
        result = subprocess.run([DAEMON, *options], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (status, ""), options)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("log-batcher: "), result.stderr)
        self.assertIn(words, result.stderr)

    def test_one_line_and_status_2(self):
        good = ["--socket", self.dir + "/s", "--db", self.dir + "/d"]
        self.check(words="--socket is missing")
        self.check("--socket", "s", words="--db is missing")
        self.check(*good, "--nonsense", words="--nonsense")
        self.check(*good, "--capacity", words="--capacity")
        self.check(*good, "more", words="more")
        for option, values in [("--capacity", ["0", "-1", "x", "", "1e9", "99999999999999999999"]),
                               ("--channel", ["wide"]), ("--sysmon", ["yes", ""]),
                               ("--sysmon-interval-ms", ["0"]), ("--stale-socket", ["ask"]),
                               ("--max-body", ["1k"]), ("--threads", ["65"])]:
            for value in values:
                self.check(*good, option, value, words=option)
        self.check("--socket", "s" * 108, "--db", "d", words="longer than 107")
        self.assertEqual(os.listdir(self.dir), [])

    def test_what_cannot_be_opened(self):
        missing = self.dir + "/missing/x"
        self.check("--socket", missing, "--db", self.dir + "/d", status=1, words="missing/x")
        self.check("--socket", self.dir + "/s", "--db", missing, status=1, words="missing/x")
        self.assertEqual(os.listdir(self.dir), [])

    def test_help(self):
        result = subprocess.run([DAEMON, "--help"], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for option in ["--channel", "--capacity", "--sysmon", "--stale-socket"]:
            self.assertIn(option, result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
