"""A known trickle of memory kept in real programs: found, missed, refused, and told apart."""
import sqlite3
import subprocess

from spillmark import Case, main, spillmark

SCENARIO = """
return scenario {
  title  = "watch",
  target = program { %s, ready = log { "ready" } },
  load   = null_load { rate = "200/s" },
  phases = { phase { "load", "%s" } },
  budget = { %s },
}
"""
WORK = """
import time
print("ready", flush=True)
while True:
    block = bytearray(20000); time.sleep(.005); del block
"""
STATIC = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    puts("ready");
    fflush(stdout);
    for (;;) { free(malloc(20000)); usleep(20000); }
}
"""
PYTHON = '"python3", "-c", [[%s]]' % WORK


class PositiveControl(Case):
    def run_it(self, target, budget, *options, duration="8s"):
        path = self.write("it.lua", SCENARIO % (target, duration, budget))
        result = spillmark("run", path, "-o", self.path("run"), *options)
        self.assert_nothing_left(runs=False)
        return result, self.report(self.path("run"))

    def test_it_is_found_and_stands_in_no_other_figure(self):
        result, report = self.run_it(PYTHON, "heap = bounded, fds = bounded",
                                     "--positive-control=200KB/s")
        self.assertEqual(result.status, 0, result.out + result.err)
        control, heap = report["positive_control"], report["series"]["heap"]
        self.assertEqual(control["state"], "found")
        self.assertTrue(180e3 < control["kept_per_s"] < 220e3, control)
        self.assertEqual(heap["verdict"], "bounded")
        self.assertTrue(heap["resolution_per_s"] < heap["least_seen_per_s"] < 200e3, heap)
        self.assertIn("would have been seen", report["why"])
        for site in report["sites"]:
            self.assertNotIn("spillmark_positive_control",
                             [frame["function"] for frame in site["site"]])
        with sqlite3.connect(self.path("run") + "/run.db") as record:
            (named,) = record.execute("select count(*) from symbol where function = "
                                      "'spillmark_positive_control'").fetchone()
        self.assertEqual(named, 1)

    def test_one_too_small_to_be_found_leaves_the_line_open(self):
        result, report = self.run_it(PYTHON, "heap = bounded", "--positive-control=900B/s",
                                     duration="5s")
        self.assertEqual(result.status, 4, result.out + result.err)
        self.assertEqual(report["positive_control"]["state"], "missed")
        self.assertIn("was not found", report["budget"][0]["why"])

    def test_a_static_program_can_keep_none_and_the_noise_says_what_would_be_seen(self):
        source, program = self.write("still.c", STATIC), self.path("still")
        subprocess.run(["cc", "-static", "-O1", "-o", program, source], check=True)
        result, report = self.run_it(f'"{program}"', "rss = bounded", "--positive-control",
                                     duration="10s")
        self.assertEqual(report["positive_control"]["state"], "impossible")
        self.assertIn("static", report["positive_control"]["text"])
        self.assertGreater(report["series"]["rss"]["least_seen_per_s"], 4096)
        self.assertIn("no control was possible", result.out)

    def test_a_rate_that_is_none_is_refused(self):
        result = spillmark("run", "it.lua", "--positive-control=lots")
        self.assertEqual(result.status, 2)
        self.assertIn("is not a rate like", result.err)


if __name__ == "__main__":
    main()
