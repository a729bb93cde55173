"""Faults on files in real programs, each of its own making: a static binary, Go, Python, SQLite,
Redis. What each of them met, by its own count, must be what the receipts say."""
import json
import os
import subprocess
import sys

from spillmark import (CAN_FORBID_SECCOMP, WITHOUT_SECCOMP, Case, main, processes_with, spillmark,
                       wait_for)

PHASES = """
  phase {{ "plain", "200ms" }},
  phase {{ "full", "300ms", faults = disk_error {{ "{0}", error = "ENOSPC", count = 7 }} }},
  phase {{ "quota", "300ms", faults = disk_error {{ "{0}", error = "EDQUOT", probability = 0.3 }} }},
  phase {{ "short", "300ms", faults = disk_error {{ "{0}", error = "short" }} }},
  phase {{ "sync", "300ms", faults = disk_error {{ "{0}", on = {{ "sync" }} }} }},
  phase {{ "stall", "600ms", faults = slow_disk {{ "{0}", stall_for = "300ms" }} }},
  phase {{ "outage", "500ms", faults = disk_error {{ "{0}", at = "100ms", lasts = "200ms",
                                                  on = {{ "write", "sync", "truncate" }} }} }},
  phase {{ "fills", "300ms", faults = disk_error {{ "{0}", error = "ENOSPC",
                                                 after_bytes = "20KB" }} }},
  phase {{ "truncate", "300ms", faults = disk_error {{ "{0}", on = {{ "truncate" }} }} }},
  phase {{ "after", "200ms" }}"""

PYTHON = r"""
import collections, errno, json, os, signal, sys, time
stopped = []
signal.signal(signal.SIGTERM, lambda *a: stopped.append(1))
path, figures, longest = sys.argv[1], collections.Counter(), 0
file = open(path, "r+b" if os.path.exists(path) else "w+b", buffering=0)
print("ready", flush=True)
turn = 0
while not stopped:
    kind = "write sync truncate truncate".split()[max(0, turn % 8 - 4)]
    began = time.monotonic()
    try:
        if kind == "sync":
            os.fsync(file.fileno())
        elif kind == "truncate":
            os.truncate(path if turn % 8 == 6 else file.fileno(), 500)
        elif os.pwrite(file.fileno(), b"x" * 1000, 0) < 1000:
            figures["short"] += 1
    except OSError as error:
        figures[f"{kind} {errno.errorcode[error.errno]}"] += 1
    longest = max(longest, time.monotonic() - began)
    turn += 1
    time.sleep(0.001)
print(json.dumps({**figures, "longest_s": longest}))
"""


# Synced writes of 64 KiB; how long each took.
SYNCING = r"""
import os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
print("ready", flush=True)
while True:
    began = time.monotonic()
    os.pwrite(file, b"x" * 65536, 0)
    os.fdatasync(file)
    print(time.monotonic() - began, flush=True)
    time.sleep(0.005)
"""
# As root in a container that allows neither seccomp notification nor mounting.
CONFINED = ["setpriv", "--bounding-set=-sys_admin", *WITHOUT_SECCOMP]
GROUPS = "/sys/fs/cgroup"


def groups_of(pid):
    return [place for place, names, _ in os.walk(GROUPS) if place.endswith(f"-disk-{pid}")]


class Disks(Case):
    def run_scenario(self, command, phases, more="", under=()):
        scenario = self.write("disks.lua", f"""return scenario {{ title = "disks",
  target = program {{ {', '.join(json.dumps(word) for word in command)}, {more} }},
  phases = {{ {phases} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"), under=under)
        self.assertNotIn(result.status, (2, 3), result.err)
        with open(self.path("run", "target.log")) as log:
            self.log = log.read()
        return self.report(self.path("run"))["faults"]

    def check_client(self, *command, under=(), way="seccomp notification on watched descriptors"):
        watched = self.path("watched")
        os.mkdir(watched)
        path = os.path.join(watched, "file")
        faults = self.run_scenario([*command, path], PHASES.format(watched), 'ready = log "ready"',
                                   under)
        calls = [fault["receipt"]["calls"] for fault in faults]
        full, quota, short, sync, _, outage, fills, truncate = calls
        met = json.loads(self.log.strip().split("\n")[-1])
        self.assertEqual(met.pop("write ENOSPC"), full + fills)
        self.assertEqual(full, 7)
        self.assertEqual(met.pop("write EDQUOT"), quota)
        self.assertEqual(met.pop("short"), short)
        self.assertGreaterEqual(met.pop("longest_s"), 0.29)
        self.assertGreater(min(calls), 0)
        self.assertEqual(sum(met.values()), sync + outage + truncate, met)
        self.assertGreaterEqual(met["sync EIO"], sync)
        self.assertGreaterEqual(met["truncate EIO"], truncate)
        self.assertEqual(set(met), {"sync EIO", "truncate EIO", "write EIO"})
        for fault in faults:
            self.assertIn(way, fault["receipt"]["note"])

    def test_a_static_program(self):
        self.check_client(os.environ["DISK_CLIENT"])

    def skip_without_fuse(self):
        doctor = spillmark("doctor", under=WITHOUT_SECCOMP) if CAN_FORBID_SECCOMP else None
        if not doctor or "file system        yes" not in doctor.out:
            self.skipTest("no FUSE here, or seccomp cannot be forbidden")

    def test_by_fuse(self):
        self.skip_without_fuse()
        self.check_client(os.environ["DISK_CLIENT"], under=WITHOUT_SECCOMP, way="FUSE")
        # Only the target saw the file system; what it wrote is there all the same.
        self.assertEqual(os.path.getsize(self.path("watched", "file")) % 100, 0)
        with open("/proc/mounts") as mounts:
            self.assertNotIn(self.dir, mounts.read())
        self.assert_nothing_left(runs=False)

    def test_by_fuse_the_directory_must_be_its_own(self):
        self.skip_without_fuse()
        scenario = self.write("near.lua", """return scenario { title = "near",
  target = program { "true" },
  phases = { phase { "p", "1s", faults = slow_disk { "/tmp/x.db", stall = true } } } }""")
        result = spillmark("run", scenario, "-o", self.path("run"), under=WITHOUT_SECCOMP,
                           env={**os.environ, "TMPDIR": "/tmp"})
        self.assertNotEqual(result.status, 0)
        self.assertIn("directory of its own", result.err)

    def slowed_scenario(self, rate):
        os.mkdir(self.path("watched"))
        return self.write("slowed.lua", f"""return scenario {{ title = "slowed",
  target = program {{ {json.dumps(sys.executable)}, "-c", [[{SYNCING}]],
                      "{self.path('watched', 'file')}", ready = log "ready" }},
  phases = {{ phase {{ "plain", "500ms" }},
    phase {{ "slow", "2s", faults = slow_disk {{ "{self.path('watched')}", rate = "{rate}" }} }},
    phase {{ "after", "500ms" }} }} }}""")

    def can_limit_disks(self):
        doctor = spillmark("doctor", under=CONFINED, env={**os.environ, "TMPDIR": self.dir})
        return "disk cgroup        yes" in doctor.out and "file system        no" in doctor.out

    def test_by_a_control_group(self):
        if not CAN_FORBID_SECCOMP or os.geteuid() or not self.can_limit_disks():
            self.skipTest("no limits on disks here, or seccomp cannot be forbidden")
        result = spillmark("run", self.slowed_scenario("512KB/s"), "-o", self.path("run"),
                           under=CONFINED)
        self.assertNotIn(result.status, (2, 3), result.err)
        [fault] = self.report(self.path("run"))["faults"]
        receipt = fault["receipt"]
        self.assertIn("a control group's limit", receipt["note"])
        lasted_s = fault["to_s"] - fault["from_s"]
        self.assertGreater(receipt["bytes"], 0.3 * 512e3 * lasted_s)
        # What is at work at the end of the fault has been sent, and waits no longer.
        self.assertLess(receipt["bytes"], 512e3 * lasted_s + 4 * 65536)
        self.assertAlmostEqual(receipt["delay_s"], receipt["bytes"] / 512e3, places=3)
        with open(self.path("run", "target.log")) as log:
            took_s = [float(line) for line in log.read().split()[1:-1]]
        # By the target's own clock: 128 ms for each while the fault was at work, and no other.
        slow = [one for one in took_s if one > 0.1]
        self.assertGreater(sum(slow), 0.6 * lasted_s)
        self.assertLessEqual(len(slow), lasted_s / 0.1 + 1)
        self.assert_nothing_left(runs=False)

    def test_a_control_group_goes_with_its_harness(self):
        if not CAN_FORBID_SECCOMP or os.geteuid() or not self.can_limit_disks():
            self.skipTest("no limits on disks here, or seccomp cannot be forbidden")
        # At this rate one write takes 64 s, in which nothing can be killed.
        harness = subprocess.Popen(
            [*CONFINED, os.environ["SPILLMARK"], "run", self.slowed_scenario("1KB/s"), "-o",
             self.path("run")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def is_waiting():
            return any(self.state_of(pid) == "D" for pid in processes_with(self.path("watched"))
                       if any(self.limits_in(group) for group in groups_of(harness.pid)))
        wait_for(is_waiting, "a target that waits for the disk")
        harness.kill()
        harness.wait()
        wait_for(lambda: not groups_of(harness.pid) and not processes_with(self.dir), "no trace",
                 deadline_s=40)

    @staticmethod
    def state_of(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            return ""

    @staticmethod
    def limits_in(group):
        for name in ("blkio.throttle.write_bps_device", "io.max"):
            if os.path.exists(f"{group}/{name}"):
                with open(f"{group}/{name}") as file:
                    return file.read().strip()
        return ""

    def test_go(self):
        program = self.path("disk_client")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "disk_client.go")
        subprocess.run(["go", "build", "-o", program, source], check=True, env={
            **os.environ, "GOCACHE": self.path("cache"), "GO111MODULE": "off", "CGO_ENABLED": "0"})
        self.check_client(program)

    def test_python(self):
        self.check_client(sys.executable, "-c", PYTHON)

    def test_sqlite(self):
        script = ("create table if not exists t(a);"
                  "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20)"
                  " insert into t select hex(randomblob(200)) from n;")
        loop = f"while :; do sqlite3 {self.path('t.db')} '{script}' 2>&1; sleep 0.02; done"
        faults = self.run_scenario(
            ["sh", "-c", loop], f"""phase {{ "a", "500ms" }},
  phase {{ "full", "1s", faults = disk_error {{ "{self.path('t.db')}", error = "ENOSPC" }} }},
  phase {{ "sync", "1s", faults = disk_error {{ "{self.path('t.db')}", on = {{ "sync" }} }} }},
  phase {{ "b", "500ms" }}""")
        self.assertIn("disk is full", self.log)
        self.assertIn("disk I/O error", self.log)
        for fault in faults:
            self.assertGreater(fault["receipt"]["calls"], 0)
        check = subprocess.run(["sqlite3", self.path("t.db"), "pragma integrity_check;"],
                               capture_output=True, text=True, check=True)
        self.assertEqual(check.stdout, "ok\n")

    def test_redis_that_appends(self):
        os.mkdir(self.path("redis"))
        socket = self.path("s")
        command = ["redis-server", "--port", "0", "--unixsocket", socket, "--dir",
                   self.path("redis"), "--appendonly", "yes", "--appendfsync", "always",
                   "--save", ""]
        client = (f"while :; do redis-cli -s {socket} set a b 2>&1; sleep 0.02; done >"
                  f" {self.path('replies')}")
        scenario = self.write("redis.lua", f"""return scenario {{ title = "redis",
  target = program {{ {', '.join(json.dumps(word) for word in command)},
                      ready = unix {{ "{socket}" }} }},
  services = {{ program {{ "sh", "-c", "{client}" }} }},
  phases = {{ phase {{ "a", "500ms" }},
    phase {{ "slow", "1s", faults = slow_disk {{ "{self.path('redis')}", latency = "50ms" }} }},
    phase {{ "b", "500ms" }},
    phase {{ "sync fails", "2s", faults = disk_error {{ "{self.path('redis')}",
                                                      on = {{ "sync" }} }} }} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        with open(self.path("replies")) as file:
            self.assertIn("OK", file.read())
        report = self.report(self.path("run"))
        slow, failed = report["faults"]
        self.assertGreaterEqual(slow["receipt"]["delay_s"], 0.045 * slow["receipt"]["calls"])
        self.assertGreater(slow["receipt"]["calls"], 5)
        # With appendfsync always redis gives up when a sync fails, and so ends the run.
        self.assertEqual(failed["receipt"]["calls"], 1)
        self.assertEqual(result.status, 3, result.out)
        with open(self.path("run", "target.log")) as log:
            self.assertIn("fsync error", log.read())


if __name__ == "__main__":
    main()
