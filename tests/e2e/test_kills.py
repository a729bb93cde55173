#!/usr/bin/env python3
"""Whatever kills spillmark, nothing stays: no process, stopped or not, no control group, mount,
socket, port or file. Kills it, its keeper or its guard at seeded random moments of a run in which all
that a run can make is made.

    test_kills.py              12 kills
    test_kills.py 200 7        200 kills with the seed 7, and a table"""
import collections
import glob
import os
import random
import signal
import subprocess
import sys
import time

from spillmark import BIN, Case, main

KILLS, SEED = 12, 20261
LONGEST_S, PATIENCE_S = 2.6, 30

SCENARIO = """return scenario {{ title = "everything at once",
  services = {{ redis {{ relay = true }}, program {{ "sh", "-c", "sleep 1000 & sleep 1001" }} }},
  target = program {{ "{python}", "{target}", "{dir}/watched", "${{redis.port}}", "${{run}}/socket",
                      ready = unix {{ "${{run}}/socket" }}, memory = "200MB" }},
  phases = {{
    phase {{ "a", "100ms" }},
    phase {{ "b", "500ms", faults = {{ slow_disk {{ "{dir}/watched", latency = "5ms" }},
                                     pause {{ "target", at = "100ms", lasts = "200ms" }} }} }},
    phase {{ "c", "500ms", faults = {{ slow_reads {{ "redis", stall = true }},
                                     slow_disk {{ "{dir}/watched", stall = true }} }} }},
    phase {{ "d", "500ms", faults = {{ outage {{ "redis" }}, cut {{ "redis" }} }} }},
    phase {{ "e", "500ms", faults = {{ restart {{ "target" }}, pause {{ "redis" }} }} }} }} }}"""

# Writes to the watched file and to redis, has a child that is a daemon and ignores SIGTERM.
TARGET = """
import os, signal, socket, sys, threading, time
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(100)
if os.path.exists(sys.argv[3]):
    os.unlink(sys.argv[3])
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[3])
server.listen(10)
def push():
    while True:
        try:
            with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as connection:
                while True:
                    connection.sendall(b"SET a " + b"x" * 4000 + b"\\r\\n")
                    connection.recv(100)
        except OSError:
            time.sleep(0.01)
threading.Thread(target=push, daemon=True).start()
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
while True:
    os.pwrite(file, b"x" * 1000, 0)
    time.sleep(0.002)
"""

VICTIMS = {"harness": ("harness",), "harness and keeper": ("harness", "keeper"),
           "harness and guard": ("harness", "guard"), "keeper": ("keeper",), "guard": ("guard",),
           "interrupted": ()}


def marked(mark):
    """Pids, states and names of all processes with the mark in their environment."""
    found = []
    for directory in glob.glob("/proc/[0-9]*"):
        try:
            with open(directory + "/environ", "rb") as file:
                is_ours = mark in file.read()
            with open(directory + "/stat") as file:
                name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if is_ours and rest.split()[0] not in "ZX":
            found.append((int(os.path.basename(directory)), rest.split()[0], name))
    return found


def groups_of(pid):
    return [path for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/memory")
            for path in glob.glob(f"{root}/**/spillmark*{pid}*", recursive=True)]


class Kills(Case):
    def start(self, number):
        run = self.path(f"run{number}")
        mark = f"SPILLMARK_KILLS={self.dir}/{number}"
        process = subprocess.Popen([BIN, "run", self.scenario, "-o", run],
                                   env={**os.environ, "TMPDIR": self.path("t"),
                                        "SPILLMARK_KILLS": mark.split("=")[1]},
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return process, run, mark.encode() + b"\0"

    def kill(self, process, victims, mark):
        names = {"spillmark-kp": "keeper", "spillmark-gd": "guard"}
        pids = {names[name]: pid for pid, _, name in marked(mark) if name in names}
        pids["harness"] = process.pid
        if not victims:
            process.send_signal(signal.SIGINT)
        for victim in victims:
            if victim in pids:
                os.kill(pids[victim], signal.SIGKILL)

    def what_is_left(self, pid, run, mark):
        with open("/proc/mounts") as file:
            mounts = [line for line in file if self.dir in line]
        return {name: what for name, what in (
            ("processes", marked(mark)), ("scratch", os.listdir(self.path("t"))), ("groups", groups_of(pid)),
            ("mounts", mounts), ("files", glob.glob(f"{run}/data") + [
                path for path in glob.glob(f"{run}/services/*") if os.path.isdir(path)])) if what}

    def test_nothing_stays(self):
        self.write("target.py", TARGET)
        os.mkdir(self.path("t"))
        self.scenario = self.write("everything.lua", SCENARIO.format(
            python=sys.executable, target=self.path("target.py"), dir=self.dir))
        chance = random.Random(SEED)
        figures = collections.defaultdict(list)
        for number in range(KILLS):
            who = list(VICTIMS)[number % len(VICTIMS)]
            after_s = chance.uniform(0, LONGEST_S)
            process, run, mark = self.start(number)
            time.sleep(after_s)  # only varies the moment
            self.kill(process, VICTIMS[who], mark)
            killed_s = time.monotonic()
            process.wait(timeout=PATIENCE_S)
            while self.what_is_left(process.pid, run, mark):
                if time.monotonic() - killed_s > PATIENCE_S:
                    self.fail(f"kill {number} of {who} after {after_s:.3f} s: "
                              f"{self.what_is_left(process.pid, run, mark)}")
                time.sleep(0.02)
            figures[who].append(time.monotonic() - killed_s)
        for who, times in figures.items():
            print(f"{who:20} {len(times):3} kills, nothing left after {max(times):.2f} s at most, "
                  f"{sorted(times)[len(times) // 2]:.2f} s in the middle", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        KILLS = int(sys.argv[1])
        SEED = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
        del sys.argv[1:]
    main()
