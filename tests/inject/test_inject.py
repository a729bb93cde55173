"""The probe in programs that run already: what it counts, and that they are unharmed by it."""
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import BIN, Case, main, spillmark, wait_for  # noqa: E402

GUINEA, PLUGIN = os.environ["INJECT_GUINEA"], os.environ["INJECT_PLUGIN"]


class Guinea:
    def __init__(self, case, *command):
        self.process = subprocess.Popen(command or [GUINEA], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        case.addCleanup(self.end)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self):
        return self.process.stdout.readline().rstrip("\n")

    def ask(self, line):
        self.tell(line)
        return self.hear()

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def usable(size):
    """What glibc makes of a request."""
    return max((size + 8 + 15) // 16 * 16, 32) - 8


class Attached:
    """spillmark attach --inject, from the moment it says what became of it."""
    def __init__(self, case, pid, run, *options):
        self.run, self.said = run, []
        self.process = subprocess.Popen(
            [BIN, "attach", str(pid), "--inject", "-o", run, *options], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        case.addCleanup(self.kill)
        self.said.append(self.process.stderr.readline())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=60)
        self.said.append(err)
        return out


def injectors_of(pid):
    """The processes that do it and stay, below `pid` or left over."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/comm") as comm, open(f"/proc/{entry}/stat") as stat:
                if comm.read() == "spillmark-in\n":
                    fields = stat.read().rsplit(")", 1)[1].split()
                    if int(fields[1]) == pid and fields[0] != "Z":
                        found.append(int(entry))
        except (OSError, ValueError, IndexError):
            pass
    return found


class Inject(Case):
    def well(self, guinea):
        guinea.process.stdin.close()
        self.assertEqual(guinea.process.stdout.read(), "well\n")
        self.assertEqual(guinea.process.wait(timeout=60), 0)
        guinea.process.stdin = open(os.devnull, "w")

    def loaded(self, attached):
        self.assertIn("the probe was loaded into it (experimental)", attached.said[0])
        return attached

    def attach(self, guinea, run, *options):
        return self.loaded(Attached(self, guinea.pid, self.path(run), *options))

    def query(self, run, text):
        with sqlite3.connect(f"file:{self.path(run, 'run.db')}?mode=ro", uri=True) as record:
            return record.execute(text).fetchall()

    def heap(self, run, process=0):
        values = self.query(run, "select value from sample join series on series.id = series_id "
                                 f"where name = 'heap' and process_id = {process} order by t_ns")
        return [value for value, in values]

    def site(self, run, function):
        """Bytes and objects allocated by the stacks whose innermost frame is `function`."""
        return self.query(run, f"""
            with innermost as (
              select distinct stack_id from frame join symbol using (module_id, address)
              where depth = 0 and function = '{function}'),
            newest as (
              select process_id, stack_id, max(t_ns) as t_ns from site_sample
              join innermost using (stack_id) group by 1, 2)
            select total(alloc_bytes), total(alloc_count)
            from newest join site_sample using (process_id, stack_id, t_ns)""")[0]

    def test_counted_from_a_base_line_on_and_off_again(self):
        guinea = Guinea(self)
        guinea.ask("hold 1000 10000")
        for run in ("one", "two"):  # the second time the library is there already
            attached = self.attach(guinea, run, "--sample-bytes", "1")
            guinea.ask("keep 500 4096")
            if run == "one":
                self.assertEqual(guinea.ask("drop"), "drop 1")
            out = attached.stop()
            self.assertIn("experimental", out)
            heap = self.heap(run)
            kept, held = 500 * usable(4096), 1000 * usable(10000)
            change = kept - held if run == "one" else kept
            base = held if run == "one" else kept
            self.assertAlmostEqual(heap[-1], base + change, delta=150e3)
            self.assertEqual(self.site(run, "keep_more"), (500 * usable(4096), 500))
            self.assertNotIn(("heap_count",), self.query(run, "select name from series"))
        self.well(guinea)




if __name__ == "__main__":
    main()
