"""The log batcher's other scenarios: two leaks told apart, each mended alone, and a log storm."""
from spillmark import Case, main, spillmark


class Scenarios(Case):
    def run_scenario(self, name, **params):
        run = self.path(name + "".join(params.values()))
        settings = [text for key, value in params.items() for text in ("-p", f"{key}={value}")]
        result = spillmark("run", f"log-batcher/{name}", *settings, "-o", run, deadline_s=200)
        report = self.report(run)
        self.assertEqual(result.status, report["exit_status"], result.out + result.err)
        ledger = report["ledger"]
        self.assertGreater(ledger["offered"], 0)
        self.assertEqual(ledger["unaccounted"], 0)
        self.assertEqual(ledger["accepted"], ledger["delivered"] + ledger["dropped"])
        return report

    def kinds(self, report):
        """Causes that fail a run, each with its series."""
        return {(cause["kind"], cause["series"]) for cause in report["causes"]
                if not cause["note"]}

    def cause(self, report, kind):
        return next(cause for cause in report["causes"] if cause["kind"] == kind)

    def functions(self, stack):
        return [frame["function"] for frame in stack]

    def assert_names_the_descriptors(self, report):
        leak = self.cause(report, "fd_leak")
        self.assertEqual(leak["series"], "fds:proc")
        self.assertEqual(self.functions(leak["site"])[0], "open_stat")
        self.assertTrue(leak["site"][0]["file"].endswith("sysmon.c"), leak["site"][0])

    def assert_names_the_channel(self, report):
        backlog = self.cause(report, "backlog")
        self.assertEqual(backlog["series"], "heap")
        self.assertEqual(self.functions(backlog["site"])[0], "lb_channel_send")
        self.assertIn("lb_channel_committed", self.functions(backlog["freed_by"]))

    def test_two_leaks_at_once_are_two_causes(self):
        report = self.run_scenario("two-leaks", build="before")
        self.assertEqual(report["exit_status"], 1)
        self.assert_names_the_channel(report)
        self.assert_names_the_descriptors(report)

    def test_the_document_leaves_the_second_leak(self):
        report = self.run_scenario("two-leaks", build="document")
        self.assertEqual(report["exit_status"], 1)
        self.assertEqual(self.kinds(report), {("fd_leak", "fds:proc")})
        self.assert_names_the_descriptors(report)
        # Not always provably bounded: the monitor's own table of what it keeps is on the heap.
        self.assertNotEqual(report["series"]["heap"]["verdict"], "growing")
        self.assertGreater(report["ledger"]["dropped"], 0)

    def test_the_other_fix_alone_leaves_the_first(self):
        report = self.run_scenario("two-leaks", build="before", sysmon="release")
        self.assertEqual(report["exit_status"], 1)
        self.assertNotIn(("fd_leak", "fds:proc"), self.kinds(report))
        self.assert_names_the_channel(report)

    def test_both_fixes_leave_neither(self):
        report = self.run_scenario("two-leaks", build="after")
        self.assertEqual((report["exit_status"], self.kinds(report)), (0, set()))

    def test_descriptors_alone(self):
        report = self.run_scenario("sysmon", build="before")
        self.assertEqual(report["exit_status"], 1)
        self.assertEqual(self.kinds(report), {("fd_leak", "fds:proc")})
        self.assert_names_the_descriptors(report)

    def test_a_storm_fills_an_unbounded_channel(self):
        report = self.run_scenario("storm", build="before")
        self.assertEqual(report["exit_status"], 1)
        self.assert_names_the_channel(report)
        self.assertEqual(report["ledger"]["dropped"], 0)

    def test_a_storm_is_dropped_aloud_by_a_bounded_one(self):
        report = self.run_scenario("storm", build="after")
        self.assertEqual((report["exit_status"], self.kinds(report)), (0, set()))
        self.assertGreater(report["ledger"]["dropped"], 0)


if __name__ == "__main__":
    main()
