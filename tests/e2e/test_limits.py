"""Programs that end badly: killed for the memory they take, by a signal, by their own abort, their
file deleted under them. Each must leave a full report, and no control group."""
import os
import shutil
import signal
import sqlite3
import subprocess

from spillmark import BIN, Case, main, processes_with, spillmark, wait_for

PROGRAM = os.environ["LIMITED_PROGRAM"]
MB = 1e6
with open(os.environ["LIMITED_SOURCE"]) as source:
    SITE_LINE = next(number for number, line in enumerate(source, 1) if "THE SITE" in line)


def own_group():
    """The directory of this process's memory control group, None without one."""
    with open("/proc/self/cgroup") as file:
        lines = file.read().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return "/sys/fs/cgroup/memory" + path.rstrip("/")
    for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{mount}/cgroup.procs"):
            return mount + path.rstrip("/")
    return None


def groups_of(pid):
    """Control groups that this harness has made, in its own group or in one above it."""
    found, place = [], own_group()
    while place and os.path.exists(f"{place}/cgroup.procs"):
        found += [name for name in os.listdir(place) if name == f"spillmark-{pid}"]
        place = os.path.dirname(place)
    return found


def can_make_groups():
    checks = spillmark("doctor").out.splitlines()
    return any(line.split()[:3] == ["memory", "cgroup", "yes"] for line in checks)


class BadEnds(Case):
    def scenario(self, what, seconds, *, keys="", program=PROGRAM, phase=""):
        return self.write("bad-end.lua", f"""return scenario {{ title = "a bad end",
  target = program {{ "{program}", "{what}", ready = log {{ "ready" }},
                     stop_timeout = "5s", {keys} }},
  phases = {{ phase {{ "run", "{seconds}s"{phase} }} }} }}""")

    def run_scenario(self, *arguments, **keywords):
        scenario = self.scenario(*arguments, **keywords)
        process = subprocess.Popen([BIN, "run", scenario, "-o", self.path("run")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, err = process.communicate(timeout=120)
        self.assertEqual(groups_of(process.pid), [], "a control group was left")
        self.assertEqual(processes_with(self.dir), [])
        return process.returncode, out, err

    def start(self, *arguments, **keywords):
        scenario = self.scenario(*arguments, **keywords)
        process = subprocess.Popen([BIN, "run", scenario, "-o", self.path("run")],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def events(self, kind):
        try:
            db = sqlite3.connect(f"file:{self.path('run')}/run.db?mode=ro", uri=True)
            return [row[0] for row in db.execute("select text from event where kind = ?"
                                                 " order by t_ns", (kind,))]
        except sqlite3.Error:
            return []

    def newest(self, series):
        db_path = f"file:{self.path('run')}/run.db?mode=ro"
        try:
            db = sqlite3.connect(db_path, uri=True)
            row = db.execute("select value from sample join series on series.id = series_id where"
                             " series.name = ? and process_id = 0 order by t_ns desc limit 1",
                             (series,)).fetchone()
            return row[0] if row else 0
        except sqlite3.Error:
            return 0

    def assert_names_the_site(self, report, at_least):
        frames = report["sites"][0]["site"]
        self.assertEqual([(frame["function"], os.path.basename(frame["file"] or ""), frame["line"])
                          for frame in frames[:1]], [("keep_block", "limited.c", SITE_LINE)])
        self.assertIn(frames[1]["function"], ("leak", "hold_kilobytes"))
        self.assertEqual(os.path.basename(frames[1]["file"]), "limited.c")
        self.assertGreater(report["series"]["heap"]["peak"], at_least)

    def need_groups(self):
        if not can_make_groups():
            self.skipTest("no memory control group can be made here")


class Limits(BadEnds):
    def test_a_leak_under_a_limit_is_oom_killed_and_named(self):
        self.need_groups()
        status, out, err = self.run_scenario("leak", 60, keys='memory = "32MB"')
        self.assertEqual(status, 3, out + err)
        lines = [line for line in err.splitlines() if "spillmark run:" in line]
        self.assertEqual(len(lines), 1, err)
        self.assertIn("oom-killed", lines[0])
        self.assertIn("32.0 MB", lines[0])
        report = self.report(self.path("run"))
        self.assertEqual(report["ended_by"], "target")
        self.assertIn("oom-killed", report["why"])
        self.assertEqual(report["processes"][0]["exit"], "oom-killed")
        self.assert_names_the_site(report, 24 * MB)
        limit = report["limit"]
        self.assertEqual(limit["bytes"], 32 * MB)
        self.assertIn(limit["limit_way"], ("cgroup v1", "cgroup v2"))
        self.assertEqual(limit["oom_kills"], 1)
        self.assertGreater(limit["peak_bytes"], 30 * MB)
        self.assertTrue(any("1 process oom-killed" in text for text in self.events("limit")))
        # The probe's memory is not the target's: all but a little of the limit was heap.
        self.assertGreater(report["series"]["heap"]["peak"], 0.9 * 32 * MB)

    def test_what_the_probe_notes_is_not_of_the_limit(self):
        """Of 24 bytes each, recorded one by one: notes of a quarter of the limit."""
        self.need_groups()
        scenario = self.scenario("small", 60, keys='memory = "32MB"')
        result = spillmark("run", scenario, "-o", self.path("run"), "--sample-bytes", "1")
        self.assertIn("oom-killed", result.err)
        report = self.report(self.path("run"))
        self.assertGreater(report["series"]["heap"]["peak"], 0.7 * 32 * MB)

    def test_a_greedy_child_is_killed_apart_from_its_parent(self):
        self.need_groups()
        status, out, err = self.run_scenario("greedy-child", 6, keys='memory = "32MB"')
        self.assertNotEqual(status, 2, out + err)
        processes = self.report(self.path("run"))["processes"]
        self.assertEqual(len(processes), 2)
        parent, child = processes
        self.assertEqual(child["parent_pid"], parent["pid"])
        self.assertEqual(child["exit"], "oom-killed")
        self.assertNotEqual(parent["exit"], "oom-killed")
        self.assertGreater(child["series"]["heap"]["peak"], 4 * parent["series"]["heap"]["peak"])

    def test_a_killed_harness_leaves_no_group(self):
        self.need_groups()
        for ending in (signal.SIGKILL, signal.SIGINT):
            with self.subTest(signal=ending.name):
                shutil.rmtree(self.path("run"), ignore_errors=True)
                process = self.start("family", 100, keys='memory = "64MB"')
                wait_for(lambda: "ready" in self.events("target"), "the target is ready")
                self.assertEqual(len(groups_of(process.pid)), 1)
                process.send_signal(ending)
                process.wait()
                wait_for(lambda: not groups_of(process.pid), "the control group is removed")
                wait_for(lambda: not processes_with(self.dir), "its processes are gone")

    def test_without_groups_the_limit_refuses(self):
        probe = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/sys/fs/cgroup"],
                               capture_output=True)
        if probe.returncode:
            self.skipTest("no mount namespace can be made here")
        scenario = self.scenario("refused", 3, keys='memory = "32MB"')
        result = subprocess.run(
            ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "-",
             BIN, "run", scenario, "-o", self.path("run")], capture_output=True, text=True)
        self.assertNotIn(result.returncode, (2, 3), result.stderr)
        report = self.report(self.path("run"))
        self.assertEqual(report["limit"]["limit_way"], "rlimit")
        self.assertIn("allocations fail", self.events("limit")[0])
        with open(self.path("run", "target.log")) as log:
            self.assertIn("refused", log.read())
        self.assertLess(report["series"]["heap"]["peak"], 32 * MB)
        self.assertNotEqual(report["processes"][0]["exit"], "oom-killed")

    def test_a_limit_on_a_service_is_refused(self):
        scenario = self.write("service.lua", f"""return scenario {{ title = "x",
  services = {{ program {{ "{PROGRAM}", "family", memory = "32MB" }} }},
  target = program {{ "{PROGRAM}", "family" }},
  phases = {{ phase {{ "run", "1s" }} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assert_one_line(result, 2, "memory", "no such key", "service.lua:2")
        self.assert_nothing_left()


class Evidence(BadEnds):
    def test_killed_from_outside_with_its_file_gone(self):
        copy = self.path("copied-program")
        shutil.copy(PROGRAM, copy)
        process = self.start("leak", 100, program=copy)
        wait_for(lambda: self.newest("heap") > 8 * MB, "the heap grows")
        os.unlink(copy)
        for pid in processes_with(copy):
            os.kill(pid, signal.SIGKILL)
        process.wait()
        report = self.report(self.path("run"))
        self.assertEqual(report["processes"][0]["exit"], "signal 9 (Killed)")
        self.assert_names_the_site(report, 8 * MB)

    def test_abort(self):
        status, out, err = self.run_scenario("abort", 60)
        self.assertEqual(status, 3, out + err)
        report = self.report(self.path("run"))
        self.assertEqual(report["processes"][0]["exit"], "signal 6 (Aborted)")
        self.assert_names_the_site(report, 8 * MB)

    def test_children_apart_and_together(self):
        status, out, err = self.run_scenario("family", 3)
        self.assertIn(status, (0, 4), out + err)
        report = self.report(self.path("run"))
        peaks = sorted(process["series"]["heap"]["peak"] for process in report["processes"])
        self.assertEqual(len(peaks), 3)
        for peak, mebibytes in zip(peaks, (4, 6, 10)):
            self.assertGreaterEqual(peak, mebibytes << 20)
            self.assertLess(peak, (mebibytes << 20) + 2 * MB)
        self.assertGreaterEqual(report["series"]["heap"]["peak"], 20 << 20)
        self.assertLess(report["series"]["heap"]["peak"], sum(peaks) + 1 * MB)


if __name__ == "__main__":
    main()
