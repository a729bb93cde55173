"""Runs that end as soon as their outcome is sure, and those that must not."""
from spillmark import Case, main, spillmark

SCENARIO = """
return scenario {
  title  = "cycles",
  target = program { "python3", "-c", [[%s]], ready = log { "ready" } },
  load   = null_load { rate = "200/s" },
  phases = { %s },
  budget = { %s },
}
"""
IDLE = """
import time
print("ready", flush=True)
while True: time.sleep(.05)
"""
LEAK = """
import time
print("ready", flush=True)
kept = []
while True:
    kept.append(bytearray(20000)); time.sleep(.02)
"""
CYCLES = 'cycles(40, { phase { "load", "500ms" }, phase { "rest", "500ms", load = off } })'
BOUNDED = "heap = bounded, fds = bounded"


class UntilSure(Case):
    def run_it(self, program, phases, budget, *options):
        path = self.write("it.lua", SCENARIO % (program, phases, budget))
        result = spillmark("run", path, "-o", self.path("run"), *options)
        report = self.report(self.path("run"))
        self.assertEqual(result.status, report["exit_status"], result.out + result.err)
        self.assert_nothing_left(runs=False)
        return result, report

    def rests(self, report):
        return sum(phase["name"] == "rest" for phase in report["phases"])

    def test_a_leak_ends_the_run_with_its_report(self):
        result, report = self.run_it(LEAK, CYCLES, BOUNDED, "--until-sure")
        self.assertEqual(result.status, 1, result.out + result.err)
        self.assertEqual(report["ended_by"], "sure")
        self.assertEqual(report["series"]["heap"]["verdict"], "growing")
        self.assertTrue(7 <= self.rests(report) < 40, self.rests(report))
        self.assertIn("heap is growing", report["ended_why"])
        self.assertIn(report["ended_why"], report["why"])
        self.assertIn("heap is growing", result.err)

    def test_doses_settle_it_in_one_line(self):
        phases = 'doses { "500ms", "500ms", cycles = 40 }'
        result, report = self.run_it(LEAK, phases, BOUNDED, "--until-sure")
        self.assertEqual(result.status, 1, result.out + result.err)
        self.assertEqual(report["ended_by"], "sure")
        names = [phase["name"] for phase in report["phases"]]
        self.assertEqual(names[:6:2], ["low dose", "high dose", "high dose"])
        self.assertTrue(7 <= names.count("settle") < 40, names)
        self.assertGreater(report["give_back"]["done"], 0)
        self.assertEqual(report["causes"][0]["kind"], "leak_over_time", report["causes"])

    def test_a_bounded_program_ends_the_run_with_a_pass(self):
        result, report = self.run_it(IDLE, CYCLES, BOUNDED + ', heap_peak = "64MB"',
                                     "--until-sure")
        self.assertEqual(result.status, 0, result.out + result.err)
        self.assertEqual((report["ended_by"], report["complete"]), ("sure", True))
        self.assertTrue(8 <= self.rests(report) < 40, self.rests(report))

    def test_what_is_still_to_come_is_waited_for(self):
        phases = CYCLES.replace("40", "12") + ', phase { "twice", "500ms", load = 2 }'
        result, report = self.run_it(IDLE, phases, BOUNDED + ', heap_peak = "64MB"',
                                     "--until-sure")
        self.assertEqual(result.status, 0, result.out + result.err)
        self.assertEqual(self.rests(report), 12)
        self.assertEqual(report["phases"][-1]["name"], "twice")

    def test_watching_alone_goes_to_the_end(self):
        _, report = self.run_it(LEAK, 'phase { "load", "5s" }, phase { "more", "1s" }', BOUNDED,
                                "--until-sure")
        self.assertEqual(report["ended_by"], "schedule")
        self.assertEqual(report["ended_why"], "")

    def test_without_the_option_the_schedule_is_kept(self):
        _, report = self.run_it(LEAK, CYCLES.replace("40", "10"), BOUNDED)
        self.assertEqual((report["ended_by"], self.rests(report)), ("schedule", 10))


if __name__ == "__main__":
    main()
