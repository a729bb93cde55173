"""Faults on services and on the target itself: paused, away, restarted, cut off, read slowly; at a
time, for a time, on a condition. What the target met is held against what the receipts say."""
import sqlite3
import sys

from spillmark import Case, main, spillmark

# Pushes to redis all the time and prints when a push failed or took long, and when it went again.
TARGET = r"""
import signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))
print("ready", flush=True)
held, connection, failed = [], None, False
request = b"*3\r\n$5\r\nLPUSH\r\n$1\r\nl\r\n$1000\r\n" + b"x" * 1000 + b"\r\n"
while True:
    held.append(bytes(int(sys.argv[2])))
    began = time.monotonic()
    try:
        connection = connection or socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        connection.sendall(request)
        if not connection.recv(100):
            raise OSError("ended")
        took = time.monotonic() - began
        if failed or took > 0.2:
            print("again" if failed else "late %.2f" % took, flush=True)
        failed = False
    except OSError as error:
        if not failed:
            print("failed", error, flush=True)
        connection, failed = None, True
    time.sleep(0.002)
"""


class Actors(Case):
    def run_with(self, *phases, services="redis { relay = true }", hold=0, status=None):
        self.write("target.py", TARGET)
        phases = ", ".join(phases)
        scenario = self.write("actors.lua", f"""return scenario {{ title = "actors",
  services = {{ {services} }},
  target = program {{ "{sys.executable}", "{self.path('target.py')}", "${{redis.port}}", "{hold}",
                      ready = log "ready" }},
  phases = {{ phase {{ "before", "300ms" }}, {phases}, phase {{ "after", "500ms" }} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        if status is None:
            self.assertNotIn(result.status, (2, 3), result.err)
        else:
            self.assertEqual(result.status, status, result.err)
        self.text = result.out
        self.assert_nothing_left(runs=False)
        return self.report(self.path("run"))

    def said(self, name="target.log"):
        with open(self.path("run", name)) as log:
            return log.read().split("\n")[1:-1]

    def events(self, kind):
        database = sqlite3.connect(self.path("run", "run.db"))
        try:
            return [text for (text,) in database.execute(
                "select text from event where kind = ? order by t_ns", (kind,))]
        finally:
            database.close()

    def test_paused(self):
        fault = self.run_with('phase { "p", "2s", faults = '
                              'pause { "redis", at = "300ms", lasts = "1s" } }')["faults"][0]
        self.assertEqual(fault["receipt"]["calls"], 1)
        self.assertAlmostEqual(fault["receipt"]["delay_s"], fault["to_s"] - fault["from_s"],
                               delta=0.2)
        late = [line for line in self.said() if line.startswith("late")]
        self.assertEqual(len(late), 1, self.said())
        self.assertAlmostEqual(float(late[0].split()[1]), fault["receipt"]["delay_s"], delta=0.2)
        self.assertIn("pause from", self.text)
        self.assertIn("at=0.3 lasts=1", self.text)
        self.assertIn("receipt: 1 call, ", self.text)

    def test_gone_and_back(self):
        fault = self.run_with('phase { "p", "2s", faults = outage { "redis", lasts = "700ms" } }',
                              services="redis {}")["faults"][0]
        self.assertEqual(fault["kind"], "outage")
        self.assertEqual(fault["receipt"]["calls"], 1)
        # The delay is counted from when it had ended, the fault's time from when it was to end.
        self.assertGreater(fault["receipt"]["delay_s"], 0.35)
        self.assertLessEqual(fault["receipt"]["delay_s"], fault["to_s"] - fault["from_s"])
        self.assertIn("killed by signal 9", fault["receipt"]["note"])
        self.assertIn("again", self.said()[-1])
        self.assertEqual(self.events("service").count("redis: killed by signal 9 (Killed)"), 1)
        with open(self.path("run", "services", "redis.1.log")) as log:
            self.assertIn("Ready to accept connections", log.read().replace("ready", "Ready"))

    def test_cut_and_restored(self):
        report = self.run_with(
            'phase { "p", "2s", faults = { cut { "redis", lasts = "500ms" } } }',
            'phase { "q", "1s", faults = { cut { "redis", refuse = false } } }')
        refused, once = report["faults"]
        self.assertGreater(refused["receipt"]["calls"], 1)
        self.assertEqual(once["receipt"]["calls"], 1)
        self.assertEqual(sum(line.startswith("failed") for line in self.said()), 2, self.said())
        self.assertIn("again", self.said()[-1])

    def test_read_slowly(self):
        fault = self.run_with('phase { "p", "3s", faults = '
                              'slow_reads { "redis", rate = "20KB/s" } }')["faults"][0]
        length_s = fault["to_s"] - fault["from_s"]
        self.assertLess(fault["receipt"]["bytes"], 20000 * length_s * 1.05)
        self.assertGreater(fault["receipt"]["bytes"], 20000 * length_s * 0.5)
        self.assertGreater(fault["receipt"]["delay_s"], length_s / 2)

    def test_the_target_itself_twice(self):
        report = self.run_with('phase { "p", "1s", faults = restart { "target" } }',
                               'phase { "q", "1500ms", faults = restart { "target", by = "stop",'
                               ' down = "300ms" } }', hold=1000)
        ends = [process["exit"] for process in report["processes"]
                if "target.py" in process["command"] and process["exit"] != "exec"]
        self.assertEqual(ends, ["signal 9 (Killed)", "exit 0", "exit 0"])
        self.assertEqual([fault["receipt"]["calls"] for fault in report["faults"]], [1, 1])
        self.assertGreaterEqual(report["faults"][1]["receipt"]["delay_s"], 0.3)
        self.assertEqual(self.events("target").count("ready"), 3)
        for name in ("target.1.log", "target.2.log", "target.log"):
            with open(self.path("run", name)) as log:
                self.assertTrue(log.read().startswith("ready"), name)
        # The heap falls with each life: it is that of the processes there are.
        self.assertTrue(report["complete"])

    def test_under_a_supervisor_and_started_again(self):
        scenario = self.write("writer.lua", f"""return scenario {{ title = "w",
  target = program {{ "{sys.executable}", "-c", [[
import os, time
fd = os.open("{self.path('file')}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
while True:
    os.write(fd, b"x" * 100); time.sleep(0.005)]] }},
  phases = {{ phase {{ "a", "500ms" }},
    phase {{ "b", "1s", faults = {{ restart {{ "target" }} }} }},
    phase {{ "c", "1s", faults = {{ slow_disk {{ "{self.path('file')}", latency = "20ms" }} }} }},
    phase {{ "d", "300ms" }} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assertNotIn(result.status, (2, 3), result.err)
        slow = self.report(self.path("run"))["faults"][1]
        self.assertEqual(slow["kind"], "slow_disk")
        self.assertGreater(slow["receipt"]["calls"], 10)
        self.assertGreater(slow["receipt"]["delay_s"], 0.015 * slow["receipt"]["calls"])

    def test_on_a_condition(self):
        fault = self.run_with('phase { "p", "4s", faults = pause { "redis", lasts = "200ms",'
                              ' when = "heap above 10MB" } }', hold=100000)["faults"][0]
        self.assertEqual(fault["receipt"]["calls"], 1)
        self.assertGreater(fault["from_s"], 0.3)
        self.assertIn("pause begins: heap above 10MB", self.events("fault"))

    def test_a_condition_that_never_holds(self):
        report = self.run_with('phase { "p", "1s", faults = pause { "redis", within = "300ms",'
                               ' when = "fds above 1000" } }', status=4)
        self.assertEqual(report["verdict"], "inconclusive")
        self.assertIn("never seen within", report["why"])
        self.assertEqual(report["faults"][0]["receipt"]["calls"], 0)
        self.assertIn("no effect", self.text)

    def test_a_fault_without_an_effect(self):
        report = self.run_with('phase { "p", "500ms", faults = cut { "other" } }',
                               services='redis { name = "other", relay = true }, redis {}',
                               status=4)
        self.assertIn("cut had no effect", report["why"])

    def test_mistakes_are_told_before_the_start(self):
        for fault, words in (
                ('pause { "rdis" }', ('no service "rdis"', 'did you mean "redis"?')),
                ('cut { "redis" }', ("do not go through a relay", "relay = true")),
                ('slow_reads { "redis" }', ("how slow?",)),
                ('pause { "redis", at = "2s" }', ("phases[1].faults[1]", "its phase has ended")),
                ('pause { "redis", when = "heap over 5" }', ("no condition",)),
                ('pause { "redis", within = "1s" }', ("nothing to wait for",))):
            scenario = self.write("mistake.lua", f"""return scenario {{ title = "m",
  services = redis {{}}, target = program {{ "true" }},
  phases = {{ phase {{ "p", "1s", faults = {fault} }} }} }}""")
            result = spillmark("run", scenario, "-o", self.path("run"))
            self.assert_one_line(result, 2, *words)
            self.assert_nothing_left()


if __name__ == "__main__":
    main()
