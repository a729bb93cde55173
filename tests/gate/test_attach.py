"""Watching a program that runs already: it is seen, and not disturbed."""
import os
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from spillmark import BIN, Case, main, spillmark, wait_for  # noqa: E402

# Says when it holds 30 MB and 20 files more, then holds on until it is told to end.
HOLDER = """
import sys
held = bytearray(b'x') * 30000000
files = [open('/dev/null') for _ in range(20)]
print('ready', flush=True)
sys.stdin.readline()
print('well', flush=True)
"""


class Attach(Case):
    def holder(self):
        process = subprocess.Popen(["/usr/bin/python3", "-S", "-c", HOLDER], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def peaks(self, run):
        with sqlite3.connect(os.path.join(run, "run.db")) as record:
            return dict(record.execute(
                "select name, max(coalesce(high, value)) from sample "
                "join series on series.id = series_id where process_id = 0 group by name"))

    def assert_well(self, process):
        process.stdin.write("\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "well\n")
        self.assertEqual(process.wait(timeout=60), 0)

    def test_it_is_seen_and_goes_on(self):
        process = self.holder()
        result = spillmark("attach", process.pid, "-o", self.path("run"), "--for", "1s", "--limit",
                           "rss_peak=1GB", "--limit", "fds_peak=22")
        self.assertEqual(result.status, 1, result.err)
        self.assertIn("fds_peak", result.out)
        peaks = self.peaks(self.path("run"))
        self.assertGreater(peaks["rss"], 30e6)
        self.assertLess(peaks["rss"], 100e6)
        self.assertEqual(peaks["fds"], 23)
        self.assertNotIn("heap", peaks)
        self.assert_well(process)

    def test_until_the_program_ends_or_the_user_has_seen_enough(self):
        process = self.holder()
        watching = subprocess.Popen([BIN, "attach", str(process.pid), "-o", self.path("run")],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: os.path.exists(self.path("run", "run.db")), "a record")
        wait_for(lambda: self.watched(), "a sample")
        watching.send_signal(signal.SIGINT)
        out, err = watching.communicate(timeout=60)
        self.assertEqual(watching.returncode, 4, err)
        self.assertIn("process", out)
        self.assert_well(process)

    def watched(self):
        try:
            return self.peaks(self.path("run")).get("rss")
        except sqlite3.OperationalError:
            return None

    def test_mistakes(self):
        self.assert_one_line(spillmark("attach", "no"), 2, "not a process number")
        self.assert_one_line(spillmark("attach", 2 ** 22 + 5), 2, "no process")
        self.assert_one_line(spillmark("attach", os.getpid(), "--for", "long"), 2, "duration")
        self.assert_one_line(spillmark("attach"), 2, "no PID given")


if __name__ == "__main__":
    main()
