"""The firehose: the incident's table, Redis that goes away, an unruly relay; in short."""
from spillmark import Case, main, spillmark


class Firehose(Case):
    def run_scenario(self, name, **params):
        run = self.path(name + "-" + params["build"])
        settings = [text for key, value in params.items() for text in ("-p", f"{key}={value}")]
        result = spillmark("run", f"firehose/{name}", *settings, "-o", run, deadline_s=200)
        report = self.report(run)
        self.assertEqual(result.status, report["exit_status"], result.out + result.err)
        self.assertGreater(report["ledger"]["offered"], 0)
        return report

    def kinds(self, report):
        return {cause["kind"] for cause in report["causes"]}

    def under_pressure(self, build):
        return self.run_scenario("backpressure", build=build, seconds="12", sleep_ms="500",
                                 rate="3000")

    def test_before_the_channel_takes_all_that_the_stream_does_not(self):
        report = self.under_pressure("before")
        self.assertEqual(report["exit_status"], 1)
        self.assertEqual(report["series"]["heap"]["verdict"], "growing")
        backlog = next(cause for cause in report["causes"] if cause["kind"] == "backlog")
        self.assertEqual(backlog["site"][0]["function"], "fh_event_create")
        self.assertIn("fh_batch_free", [frame["function"] for frame in backlog["freed_by"]])
        ledger = report["ledger"]
        self.assertEqual(ledger["delivered"], 100)
        # All but what the writer forgets, a batch of 50 each time it looks, is held.
        self.assertGreater(ledger["in_flight"], ledger["offered"] * 0.8)
        self.assertEqual(ledger["unaccounted"] % 50, 0)

    def test_the_document_bounds_the_heap_and_loses_what_its_counter_keeps(self):
        report = self.under_pressure("document")
        self.assertEqual(report["exit_status"], 1)
        self.assertNotEqual(report["series"]["heap"]["verdict"], "growing")
        self.assertLess(report["series"]["heap"]["peak"], 4e6)
        self.assertLessEqual({"silent_loss", "accounting_mismatch"}, self.kinds(report))
        mismatch = next(c for c in report["causes"] if c["kind"] == "accounting_mismatch")
        self.assertEqual(mismatch["series"], "gauge:in_flight")
        self.assertLess(report["ledger"]["in_flight"], 600)
        self.assertGreater(report["ledger"]["unaccounted"], 300)

    def test_after_it_is_bounded_and_nothing_is_lost(self):
        report = self.under_pressure("after")
        self.assertEqual((report["exit_status"], report["ledger"]["unaccounted"]), (0, 0))
        self.assertEqual(report["series"]["heap"]["verdict"], "bounded")
        self.assertFalse({"silent_loss", "accounting_mismatch"} & self.kinds(report))

    def test_redis_goes_and_comes_back(self):
        before = self.run_scenario("redis-outage", build="before", away="3s")
        self.assertEqual(before["exit_status"], 1)
        self.assertIn("silent_loss", self.kinds(before))
        self.assertNotEqual(before["series"]["heap"]["verdict"], "growing")
        after = self.run_scenario("redis-outage", build="after", away="3s")
        self.assertEqual(after["ledger"]["unaccounted"], 0)
        self.assertEqual(after["ledger"]["delivered"], after["ledger"]["accepted"])
        self.assertNotIn("silent_loss", self.kinds(after))
        self.assertGreater(after["faults"][0]["receipt"]["calls"], 0)

    def test_an_unruly_relay_leaves_nothing_behind_and_loses_nothing(self):
        report = self.run_scenario("unruly-relay", build="after", seconds="20", rate="1000")
        ledger = report["ledger"]
        self.assertEqual((ledger["unaccounted"], ledger["delivered"]), (0, ledger["accepted"]))
        self.assertNotEqual(report["series"]["heap"]["verdict"], "growing")
        self.assertLess(report["series"]["heap"]["peak"], 4e6)


if __name__ == "__main__":
    main()
