"""A load in parts: each shard drives exactly its share of one schedule, and merge joins them.
Hosts are network namespaces, where the system lets the test make some."""
import os
import shutil
import subprocess
import sys
import time
import unittest

from spillmark import BIN, Case, main, spillmark

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = os.path.join(HERE, "line_server.py")
CONSUMER = os.path.join(HERE, "relay_consumer.py")
DEBIAN_PYTHON = "/usr/bin/python3"  # which has Debian's packages
MARK = "@" * 20


class Host:
    """A network namespace, kept by a process of its own."""

    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.inside = ["nsenter", "-t", str(self.keeper.pid), "-n"]

    def ready(self):
        with open("/proc/self/ns/net") as _:
            own = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.keeper.pid}/ns/net") == own:
            time.sleep(0.005)
        self.run("ip", "link", "set", "lo", "up")
        return self

    def run(self, *command):
        subprocess.run([*self.inside, *command], check=True)

    def stop(self):
        self.keeper.kill()
        self.keeper.wait()


def can_make_hosts():
    return (shutil.which("unshare") and shutil.which("nsenter") and shutil.which("ip") and
            subprocess.run(["unshare", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0)


def connect(one, other, network):
    """A cable between two hosts: 10.77.NETWORK.1 and .2."""
    one.run("ip", "link", "add", f"v{network}", "type", "veth", "peer", "name", f"v{network}",
            "netns", str(other.keeper.pid))
    for number, host in enumerate((one, other), 1):
        host.run("ip", "addr", "add", f"10.77.{network}.{number}/24", "dev", f"v{network}")
        host.run("ip", "link", "set", f"v{network}", "up")


class Shards(Case):
    def test_shards_add_up_to_the_whole(self):
        scenario = self.write("null.lua", """return scenario { title = "parts",
  target = program { "sleep", "60", stop_timeout = "1s" },
  load = { null_load { rate = "3000/s", ramp_to = "6000/s", ramp_for = "500ms", count = 4001,
                       burst = 3 },
           null_load { concurrency = 7, count = 50 } },
  phases = { phase { "first", "300ms" }, phase { "second", "1200ms", load = 2 } } }""")
        for shard in (1, 2, 3):
            result = spillmark("run", scenario, "--shard", f"{shard}/3", "-o", self.path(f"{shard}"),
                               *(["--load-only"] if shard > 1 else []))
            self.assertIn(result.status, (0, 1, 4), result.err)
        shares = [[row["offered"] for row in self.report(self.path(f"{shard}"))["load"]["by_load"]]
                  for shard in (1, 2, 3)]
        self.assertEqual(shares, [[1334, 17], [1334, 17], [1333, 16]])
        runs = [self.path(str(shard)) for shard in (3, 1, 2)]
        missing = spillmark("merge", *runs[1:], "-o", self.path("merged"))
        self.assert_one_line(missing, 2, "shard 3 of 3 is missing")
        self.assertFalse(os.path.exists(self.path("merged")))
        twice = spillmark("merge", *runs, runs[0], "-o", self.path("merged"))
        self.assert_one_line(twice, 2, "shard 3/3 is given twice")
        merged = spillmark("merge", *runs, "-o", self.path("merged"))
        self.assertIn(merged.status, (0, 1, 4), merged.err)
        report = self.report(self.path("merged"))
        self.assertEqual(report["ledger"]["offered"], 4051)
        self.assertEqual(report["load"]["outcomes"], {"taken": 4051})
        commands = [process["command"] for process in report["processes"]]
        self.assertEqual(commands[1:], ["shard 1/3", "shard 2/3, load only",
                                        "shard 3/3, load only"])

    def test_a_relay_is_driven_whole_beside_the_target(self):
        def scenario(name, *loads):
            return self.write(name, f"""return scenario {{ title = "a relay and another",
  target = program {{ "{DEBIAN_PYTHON}", "{CONSUMER}", "ws://127.0.0.1:${{port:relay}}/",
                     "{self.path('seen')}", ready = log {{ "connected" }}, stop_timeout = "2s" }},
  load = {{ {", ".join(loads)} }},
  phases = {{ phase {{ "drive", "1s" }}, phase {{ "rest", "3s", load = off }} }} }}""")
        relay = f"""websocket_relay {{ port = "${{port:relay}}", count = 500, rate = "2000/s",
                                     body = json {{ seq = number() }} }}"""
        both = scenario("both.lua", relay, 'null_load { rate = "1000/s", count = 301 }')
        for shard, more in (("1/2", []), ("2/2", ["--load-only"])):
            result = spillmark("run", both, "--shard", shard, "-o", self.path(shard[0]), *more)
            self.assertIn(result.status, (0, 1, 4), result.err)
        shares = [{row["load"]: row["offered"]
                   for row in self.report(self.path(shard))["load"]["by_load"]} for shard in "12"]
        self.assertEqual(shares, [{"websocket_relay[1]": 500, "null_load[2]": 151},
                                  {"null_load[2]": 150}])
        merged = spillmark("merge", self.path("1"), self.path("2"), "-o", self.path("merged"))
        self.assertIn(merged.status, (0, 1, 4), merged.err)
        report = self.report(self.path("merged"))
        self.assertEqual({row["load"]: row["accepted"] for row in report["load"]["by_load"]},
                         {"websocket_relay[1]": 500, "null_load[2]": 301})
        self.assertEqual(report["ledger"]["accepted"], 801)
        with open(self.path("seen")) as file:
            self.assertEqual([int(line.split()[0]) for line in file if line[0].isdigit()],
                             list(range(500)))
        for more in ([], ["--load-only"]):
            alone = spillmark("run", scenario("alone.lua", relay), "--shard", "2/2", *more,
                              "-o", self.path("alone"))
            self.assert_one_line(alone, 2, "websocket_relay is driven whole by the shard with")

    def test_what_is_no_shard_is_refused(self):
        for arguments, words in ((["--shard", "4/3"], "is not like 2/3"),
                                 (["--shard", "0/3"], "is not like 2/3"),
                                 (["--load-only"], "add --shard")):
            self.assert_one_line(spillmark("run", "x.lua", *arguments), 2, words)

    @unittest.skipUnless(can_make_hosts(), "no network namespaces here")
    def test_hosts_drive_one_target(self):
        os.mkdir(self.path("bodies"))
        self.write("bodies/line", MARK + "\n")
        scenario = self.write("lines.lua", f"""return scenario {{ title = "hosts",
  params = {{ host = "127.0.0.1" }},
  target = program {{ "{sys.executable}", "{SERVER}", "7000", "{self.path('lines')}",
                     ready = tcp {{ 7000, address = "${{host}}" }}, stop_timeout = "10s" }},
  load = stream_load {{ to = "${{host}}:7000", rate = "2000/s", count = 3000, reply_end = "\\n",
                       body = replay {{ "{self.path('bodies')}", split = "files",
                                       decimal = "{MARK}" }} }},
  phases = {{ phase {{ "drive", "2s" }}, phase {{ "rest", "6s", load = off }} }} }}""")
        hosts = [Host() for _ in range(3)]
        for host in hosts:
            self.addCleanup(host.stop)
            host.ready()
        connect(hosts[0], hosts[1], 1)
        connect(hosts[0], hosts[2], 2)
        start = str(int(time.time()) + 4)
        runs = [subprocess.Popen(
            [*host.inside, BIN, "run", scenario, "--shard", f"{i + 1}/3", "--start-at", start,
             "-p", f"host=10.77.{max(i, 1)}.1", "-o", self.path(f"{i}"),
             *(["--load-only"] if i else [])],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for i, host in enumerate(hosts)]
        for run in runs:
            _, err = run.communicate(timeout=100)
            self.assertIn(run.returncode, (0, 1, 4), err)
        merged = spillmark("merge", *(self.path(f"{i}") for i in range(3)), "-o", self.path("run"))
        self.assertIn(merged.status, (0, 1, 4), merged.err)
        report = self.report(self.path("run"))
        self.assertEqual(report["ledger"]["accepted"], 3000)
        self.assertEqual(report["load"]["outcomes"], {"answered": 3000})
        with open(self.path("lines")) as file:
            numbers = sorted(int(line) for line in file)
        self.assertEqual(numbers, list(range(3000)))


if __name__ == "__main__":
    main()
