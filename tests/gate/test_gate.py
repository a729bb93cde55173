"""The gate as a CI job meets it: budgets of a run, of a file, of the command line; baselines that
are runs, directories of runs and committed files; exit statuses."""
import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import BIN, Case, main, spillmark  # noqa: E402

# Holds MEGABYTES for a while, in blocks whose number differs from run to run.
HOLDER = "x = [bytes(1000) for _ in range(int({megabytes} * 1000) + {more})]"


class Gate(Case):
    def record(self, kind, name=None):
        """A run directory with the record of a run that never was."""
        directory = self.path(name or kind)
        os.makedirs(directory)
        subprocess.run([os.environ["WRITE_RECORD"], kind, os.path.join(directory, "run.db")],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return directory

    def hold(self, name, megabytes, more=0, *options):
        return spillmark("probe", "-o", self.path(name), *options, "--", "/usr/bin/python3", "-S",
                         "-c", HOLDER.format(megabytes=megabytes, more=more))

    def lines(self, result):
        """name -> (verdict, limit, was, margin) as printed."""
        found = {}
        for line in result.out.splitlines():
            words = line.split()
            if line.startswith("  ") and words and words[0] in ("holds", "broken", "unknown"):
                columns = [line[2:10], line[10:32], line[32:44], line[44:57], line[57:70]]
                verdict, name, *rest = [column.strip() for column in columns]
                found[name] = (verdict, *rest)
        return found

    def on_a_terminal(self, columns, *arguments):
        """The lines that a terminal of so many columns shows."""
        seen, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        process = subprocess.Popen([BIN, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                   stdout=slave, stderr=subprocess.PIPE,
                                   env={**os.environ, "NO_COLOR": "1"})
        os.close(slave)
        text = b""
        with contextlib.suppress(OSError):  # which says that nobody writes any more
            while more := os.read(seen, 4096):
                text += more
        os.close(seen)
        self.assertEqual((process.communicate(timeout=60)[1], process.returncode), (b"", 1))
        return text.decode().replace("\r", "").splitlines()

    def test_a_narrow_terminal_shows_all_in_its_columns(self):
        run = self.record("backlog")
        for columns in 60, 80, 97, 120:
            for verb in "report", "gate":
                lines = self.on_a_terminal(columns, verb, run)
                self.assertEqual([line for line in lines if len(line) > columns], [])
        narrow = self.on_a_terminal(60, "report", run)
        heading = narrow.index("BUDGET") + 1
        self.assertRegex(narrow[heading], r"^ +limit +was +margin$")
        self.assertEqual(len(narrow[heading]), 60)
        self.assertRegex(narrow[heading + 1], r"^  (holds|broken) +\w+ +\w+ +[\d.]+ [kMG]?B( |$)")
        series = narrow.index("SERIES") + 3
        self.assertRegex(narrow[series], r"^  heap( +[\d.]+ [KMG]?B){3}$")
        self.assertRegex(narrow[series + 1], r"^    growing +[\d.]+ [KMG]?B/s to ")

    # ---- budgets ----

    def test_a_scenarios_own_budget(self):
        result = spillmark("gate", self.record("backlog"))
        self.assertEqual(result.status, 1)
        self.assertEqual(self.lines(result), {
            "heap": ("broken", "bounded", "61.0 MB", ""),
            "heap_peak": ("broken", "64MB", "78.5 MB", "-14.5 MB"),
            "fds": ("broken", "bounded", "212", ""),
            "unaccounted": ("holds", "0", "0", "0")})
        self.assertEqual(spillmark("gate", self.record("bounded")).status, 0)

    def test_a_budget_file_and_the_command_line(self):
        run = self.record("bounded")
        budget = self.write("budget", "# for CI\nheap_peak = 70MB  # the machine has more\nfds = bounded\n")
        result = spillmark("gate", run, "--budget", budget)
        self.assertEqual((result.status, list(self.lines(result))), (0, ["heap_peak", "fds"]))
        result = spillmark("gate", run, "--budget", budget, "--limit", "heap_peak=60MB")
        self.assertEqual((result.status, self.lines(result)["heap_peak"][0]), (1, "broken"))
        # Without a file the limits are added to the run's own, and take the place of one of that name.
        result = spillmark("gate", run, "--limit", "latency_p99=1ms", "--limit", "dropped=0",
                           "--limit", "heap_peak=1MB")
        self.assertEqual({name: line[0] for name, line in self.lines(result).items()},
                         {"heap": "holds", "heap_peak": "broken", "unaccounted": "holds",
                          "latency_p99": "broken", "dropped": "broken"})

    def test_mistakes_are_usage_errors(self):
        run = self.record("bounded")
        budget = self.write("budget", "heap_peak = 70MB\nheap_pek = 1MB\n")
        self.assert_one_line(spillmark("gate", run, "--budget", budget), 2, f"{budget}:2",
                             'did you mean "heap_peak"?')
        self.assert_one_line(spillmark("gate", run, "--limit", "heap_peak=lots"), 2, "heap_peak")
        self.assert_one_line(spillmark("gate", run, "--limit", "heap_peak"), 2, "name = limit")
        self.assert_one_line(spillmark("gate", run, "--budget", self.path("none")), 2, "none")
        self.assert_one_line(spillmark("gate", run, "--figure", "heap_pek"), 2, "heap_peak")
        self.assert_one_line(spillmark("gate"), 2, "no run given")

    def test_what_could_not_be_seen_is_inconclusive(self):
        # Without a probe nobody sees the heap; a record cut short proves no bound.
        result = spillmark("gate", self.record("watched"))
        self.assertEqual((result.status, self.lines(result)["heap"][0]), (4, "unknown"))
        result = spillmark("gate", self.record("cut"))
        self.assertEqual((result.status, self.lines(result)["heap_peak"][0]), (4, "unknown"))
        # But a limit that was passed is broken however the run ended.
        result = spillmark("gate", self.path("cut"), "--limit", "heap_peak=1MB")
        self.assertEqual((result.status, self.lines(result)["heap_peak"][0]), (1, "broken"))

    def test_several_runs_have_the_gravest_status(self):
        runs = [self.record("bounded"), self.record("watched"), self.record("backlog")]
        self.assertEqual(spillmark("gate", runs[0], runs[1]).status, 4)
        self.assertEqual(spillmark("gate", *runs).status, 1)

    # ---- any command ----

    def test_probe_keeps_a_budget(self):
        result = self.hold("run", 20, 0, "--limit", "heap_peak=15MB")
        self.assertEqual(result.status, 1, result.err)
        self.assertIn("heap_peak", result.err)
        # The record has the budget, so that any later report and gate knows it.
        self.assertEqual(spillmark("gate", self.path("run")).status, 1)
        budget = self.write("budget", "heap_peak = 64MB\nfds_peak = 50\n")
        self.assertEqual(self.hold("within", 20, 0, "--budget", budget).status, 0)

    def test_a_server_ends_as_planned(self):
        result = spillmark("probe", "-o", self.path("server"), "--for", "2s", "--limit", "heap_peak=64MB",
                           "--", "/usr/bin/sleep", "1000")
        self.assertEqual(result.status, 0, result.err)
        with sqlite3.connect(os.path.join(self.path("server"), "run.db")) as db:
            self.assertEqual(db.execute(
                "select value from meta where key = 'ended_by'").fetchone(), ("schedule",))
            self.assertGreater(db.execute("select to_ns from phase").fetchone()[0], 2e9)
        db.close()
        self.assertEqual(spillmark("probe", "--for", "soon", "--", "/usr/bin/true").status, 2)

    def test_a_command_that_fails_fails(self):
        for code, status in (("exit(7)", 3), ("import os; os.abort()", 3), ("pass", 0)):
            result = spillmark("probe", "-o", self.path("run"), "--replace", "--limit",
                               "heap_peak=1GB", "--", "/usr/bin/python3", "-S", "-c", code)
            self.assertEqual(result.status, status, result.err)
        self.assertIn("exit status 7", spillmark(
            "probe", "-o", self.path("run"), "--replace", "--", "sh", "-c", "exit 7").err)

    def test_replace_takes_only_a_runs_place(self):
        self.assertEqual(self.hold("run", 1, 0, "--limit", "heap_peak=1GB").status, 0)
        self.write("run/kept", "mine")
        self.assert_one_line(self.hold("run", 1), 2, "already holds the record")
        self.assertEqual(self.hold("run", 1, 0, "--replace", "--limit", "heap_peak=1GB").status, 0)
        self.assertTrue(os.path.exists(self.path("run/kept")))
        self.assert_one_line(spillmark("probe", "--replace", "--", "true"), 2, "-o")

    # ---- baselines ----

    def baseline(self):
        for i in range(4):
            self.assertEqual(self.hold(f"runs/before.{i}", 20, 50 * i, "--limit",
                                       "heap_peak=1GB").status, 0)
        return self.path("runs")

    def test_the_last_runs(self):
        runs = self.baseline()
        self.hold("runs/now", 20, 70, "--limit", "heap_peak=1GB")
        result = spillmark("gate", self.path("runs/now"), "--baseline", runs, "--figure",
                           "heap_peak")
        self.assertEqual((result.status, self.lines(result)["heap_peak:baseline"][0]),
                         (0, "holds"), result.out)
        self.assertIn("in 4 of the baseline", result.out)  # not with itself
        self.hold("worse", 26, 0, "--limit", "heap_peak=1GB")
        result = spillmark("gate", self.path("worse"), "--baseline", runs)
        self.assertEqual((result.status, self.lines(result)["heap_peak:baseline"][0]),
                         (1, "broken"), result.out)
        result = spillmark("gate", self.path("worse"), "--baseline", runs, "--tolerance", "50%",
                           "--figure", "heap_peak")
        self.assertEqual(result.status, 0, result.out)
        result = spillmark("gate", self.path("worse"), "--baseline", runs, "--last", "1")
        self.assertEqual(result.status, 4, result.out)
        self.assertIn("one run does not tell the noise", " ".join(result.out.split()))

    def test_a_committed_baseline(self):
        runs = self.baseline()
        file = self.path("baseline.json")
        saved = spillmark("gate", *(os.path.join(runs, f"before.{i}") for i in range(4)),
                          "--save-baseline", file)
        self.assertEqual(saved.status, 0, saved.err)
        self.assertLess(os.path.getsize(file), 1000)
        with open(file) as text:
            self.assertEqual(len(json.load(text)["figures"]["heap_peak"]), 4)
        self.hold("now", 20, 30, "--limit", "heap_peak=1GB")
        result = spillmark("gate", self.path("now"), "--baseline", file, "--figure", "heap_peak")
        self.assertEqual(result.status, 0, result.out)
        self.hold("worse", 30, 0, "--limit", "heap_peak=1GB")
        result = spillmark("gate", self.path("worse"), "--baseline", file)
        self.assertEqual(result.status, 1, result.out)
        # The lines are those of every report.
        junit = spillmark("gate", self.path("worse"), "--baseline", file, "--format", "junit")
        self.assertEqual(junit.status, 1)
        self.assertIn('name="budget heap_peak:baseline"', junit.out)
        self.assertIn("<failure", junit.out)

    def test_what_does_not_compare(self):
        runs = self.baseline()
        other = self.record("bounded")
        self.assert_one_line(spillmark("gate", other, "--baseline", runs), 4, "no earlier run")
        one = os.path.join(runs, "before.0")
        self.assert_one_line(spillmark("gate", other, "--baseline", one), 2, "same scenario")
        self.assert_one_line(spillmark("gate", one, "--baseline", self.write("x.json", "{}")), 2,
                             "is no baseline")
        # A run that was interrupted has no figures to compare.
        cut = shutil.copytree(one, self.path("runs/cut"))
        with sqlite3.connect(os.path.join(cut, "run.db")) as record:
            record.execute("update meta set value = 'interrupt' where key = 'ended_by'")
        result = spillmark("gate", one, "--baseline", runs)
        self.assertIn("in 3 of the baseline", result.out)


if __name__ == "__main__":
    main()
