"""The probe in programs that run already: what it counts, and that they are unharmed by it."""
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from attached import Attached  # noqa: E402
from spillmark import (BIN, CAN_FORBID_SECCOMP, Case, WITHOUT_SECCOMP, main,  # noqa: E402
                       processes_with, wait_for)

GUINEA, PLUGIN = os.environ["INJECT_GUINEA"], os.environ["INJECT_PLUGIN"]


class Guinea:
    def __init__(self, case, *command):
        self.process = subprocess.Popen(command or [GUINEA], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        case.addCleanup(self.end)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def resident_bytes(self):
        """Of its own, without files."""
        with open(f"/proc/{self.pid}/statm") as statm:
            resident, shared = (int(pages) for pages in statm.read().split()[1:3])
        return (resident - shared) * 4096

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

    def test_what_the_c_library_allocates_itself(self):
        guinea = Guinea(self)
        guinea.ask("hold 100 10000")
        attached = self.attach(guinea, "run")
        for _ in range(30):
            self.assertEqual(guinea.ask("line 100000"), "line 1")
        attached.stop()
        self.assertAlmostEqual(self.heap("run")[-1], 100 * usable(10000), delta=150e3)
        self.well(guinea)

    def test_libraries_that_are_opened_later(self):
        guinea = Guinea(self)
        attached = self.attach(guinea, "run", "--sample-bytes", "1")
        self.assertEqual(guinea.ask(f"open 100 5000 {PLUGIN}"), "open 1")
        attached.stop()
        self.assertEqual(self.site("run", "plugin_keep"), (100 * usable(5000), 100))
        self.well(guinea)

    def test_children_that_are_forked_later(self):
        guinea = Guinea(self)
        guinea.ask("hold 200 10000")
        attached = self.attach(guinea, "run", "--sample-bytes", "1")
        child = guinea.ask("fork 300 2000")
        self.assertEqual([guinea.ask(""), guinea.hear()], ["0", "fork 0"])
        out = attached.stop()
        self.assertIn(child, out)
        self.assertEqual(self.site("run", "keep_more"), (300 * usable(2000), 300))
        (number, probe), = self.query("run", f"select id, probe from process where pid = {child}")
        self.assertTrue(probe.startswith("on"), probe)
        held, kept = 200 * usable(10000), 300 * usable(2000)
        self.assertAlmostEqual(self.heap("run", number)[-1], held + kept, delta=150e3)
        self.well(guinea)

    def test_threads_that_do_nothing_but_allocate(self):
        guinea = Guinea(self)
        guinea.ask("threads")
        for run in ("one", "two", "three"):
            self.attach(guinea, run).stop()
            self.assertLess(self.heap(run)[-1], 10e6)
        self.assertEqual(guinea.ask("join"), "join 1")
        self.well(guinea)

    def test_other_allocators(self):
        for name in ("libtcmalloc_minimal.so.4", "libjemalloc.so.2", "libmimalloc.so.2"):
            library = os.path.join("/usr/lib/x86_64-linux-gnu", name)
            if not os.path.exists(library):
                continue
            guinea = Guinea(self, "env", f"LD_PRELOAD={library}", GUINEA)
            guinea.ask("hold 1000 10240")
            guinea.ask("threads")
            # mimalloc says nothing of itself, and what is resident then counts, which may grow.
            held = [1000 * 10240] * 2
            if "mimalloc" in name:
                held[0] = guinea.resident_bytes()
            attached = self.attach(guinea, name, "--sample-bytes", "1")
            if "mimalloc" in name:
                held[1] = guinea.resident_bytes()
            guinea.ask("keep 300 4096")
            self.assertEqual(guinea.ask("drop"), "drop 1")
            self.assertEqual(guinea.ask("join"), "join 1")
            attached.stop()
            kept, objects = self.site(name, "keep_more")
            self.assertEqual(objects, 300)
            self.assertLess(abs(kept / (300 * 4096) - 1), 0.3)
            base = float(re.search(r"base line of ([0-9.]+) MB", attached.said[0])[1]) * 1e6
            self.assertGreater(base, min(held) - 4e6)
            self.assertLess(base, max(held) + 4e6)
            self.assertAlmostEqual(self.heap(name)[-1] - base, 300 * 4096 - 1000 * 10240,
                                   delta=3e6)
            self.well(guinea)

    def test_sleeps_are_slept_out(self):
        guinea = Guinea(self)
        for run in ("one", "two"):
            guinea.tell("sleep 400")
            self.attach(guinea, run).stop()
            self.assertEqual(guinea.hear(), "sleep 0")
        self.well(guinea)

    def test_a_program_that_dies_meanwhile(self):
        for number in range(6):
            guinea = Guinea(self)
            attaching = subprocess.Popen([BIN, "attach", str(guinea.pid), "--inject", "-o",
                                          self.path(f"run{number}")], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, text=True)
            time.sleep(number * 0.012)  # wherever that is
            guinea.process.kill()
            _, err = attaching.communicate(timeout=60)
            self.assertIn(attaching.returncode, (2, 4), err)

    def mapped(self, guinea):
        with open(f"/proc/{guinea.pid}/maps") as maps:
            return "spillmark-pool" in maps.read()

    def test_a_harness_that_is_killed_has_it_switched_off(self):
        guinea = Guinea(self)
        scratch = tempfile.mkdtemp(prefix="sm-", dir="/tmp")  # short enough to be taken
        self.addCleanup(os.rmdir, scratch)
        with mock.patch.dict(os.environ, TMPDIR=scratch):
            attached = self.attach(guinea, "one")
        injector, = injectors_of(attached.process.pid)
        attached.process.kill()
        wait_for(lambda: not os.path.exists(f"/proc/{injector}"), "the end of the injector")
        self.assertFalse(self.mapped(guinea))
        self.assertEqual(os.listdir(scratch), [])
        self.assertFalse(os.path.exists(self.path("one", "data")))
        guinea.ask("keep 100 100000")
        self.attach(guinea, "two").stop()
        self.well(guinea)

    def test_the_probe_notices_that_nobody_is_left(self):
        guinea = Guinea(self)
        attached = self.attach(guinea, "one")
        injector, = injectors_of(attached.process.pid)
        attached.process.send_signal(signal.SIGSTOP)
        os.kill(injector, signal.SIGKILL)  # and nobody waits for it yet
        wait_for(lambda: guinea.ask("keep 10 10000") and not self.mapped(guinea), "the end of it")
        attached.process.kill()
        self.attach(guinea, "two").stop()
        self.well(guinea)

    def test_killed_or_interrupted_at_any_moment(self):
        guinea = Guinea(self)
        guinea.ask("threads")
        chance = random.Random(5)
        for number in range(14):
            attaching = subprocess.Popen([BIN, "attach", str(guinea.pid), "--inject", "-o",
                                          self.path(f"run{number}")], stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0.005, 0.08))
            if number % 3 == 0:
                attaching.send_signal(signal.SIGINT)
            else:
                for injector in injectors_of(attaching.pid):
                    os.kill(injector, signal.SIGKILL)
                attaching.kill()
            attaching.wait(timeout=60)
        self.attach(guinea, "last").stop()
        self.assertEqual(guinea.ask("join"), "join 1")
        self.assertEqual(guinea.ask("hold 10 10"), "hold 0")
        self.assertEqual(guinea.ask("drop"), "drop 1")
        self.well(guinea)

    def refused(self, guinea, why):
        attached = Attached(self, guinea.pid, self.path("run"), "--for", "300ms")
        out, _ = attached.process.communicate(timeout=60)
        self.assertRegex(attached.said[0], f"^spillmark attach: process {guinea.pid}: watched from "
                                           f"outside only: .*{why}")
        self.assertIn("rss", out)
        self.assertEqual(attached.process.returncode, 4)

    def test_where_it_does_not_get_in_one_line_says_why(self):
        guinea = Guinea(self, GUINEA + "-static")
        self.refused(guinea, "static program")
        self.well(guinea)

    def test_filtered_system_calls(self):
        if not CAN_FORBID_SECCOMP:
            self.skipTest("not on this machine")
        guinea = Guinea(self, *WITHOUT_SECCOMP, GUINEA)
        self.refused(guinea, "seccomp")
        self.well(guinea)

    def test_a_stopped_program_stays_stopped(self):
        guinea = Guinea(self)
        os.kill(guinea.pid, signal.SIGSTOP)
        os.waitpid(guinea.pid, os.WUNTRACED)
        self.refused(guinea, "it is stopped")
        os.kill(guinea.pid, signal.SIGCONT)
        self.well(guinea)

    def test_one_that_is_measured_already(self):
        measuring = subprocess.Popen([BIN, "probe", "-o", self.path("probed"), "--", GUINEA],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                     stderr=subprocess.DEVNULL)
        self.addCleanup(measuring.wait)
        self.addCleanup(measuring.stdin.close)
        self.addCleanup(measuring.stdout.close)
        self.assertEqual(measuring.stdout.readline(), "ready\n")
        guinea = type("Probed", (), {"pid": next(pid for pid in processes_with(GUINEA)
                                                 if os.path.samefile(f"/proc/{pid}/exe", GUINEA))})
        self.refused(guinea, "measured already")

    def test_a_probe_that_was_there_from_the_start_is_used(self):
        library = os.path.join(os.path.dirname(BIN), "..", "lib", "spillmark",
                               "libspillmark-probe.so")
        guinea = Guinea(self, "env", f"LD_PRELOAD={library}", f"SPILLMARK_OUT={self.path()}",
                        GUINEA)
        guinea.ask("hold 1000 10000")
        for run in ("one", "two"):
            attached = self.attach(guinea, run, "--sample-bytes", "1")
            if run == "one":
                self.assertIn("what the probe had counted", attached.said[0])
            guinea.ask("keep 300 4096")
            attached.stop()
            self.assertEqual(self.site(run, "keep_more"), (300 * usable(4096), 300))
        self.assertEqual(guinea.ask("drop"), "drop 1")
        self.well(guinea)


if __name__ == "__main__":
    main()
