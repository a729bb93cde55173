"""bulk-rpc under spillmark, with small bodies: each variant gets its own right answer."""
import json

from spillmark import Case, main, spillmark

BODY = 4_000_000


class BulkRpc(Case):
    def run_scenario(self, name, *options, **params):
        run = self.path(name + "-" + "-".join(params.values()).replace("/", ""))
        settings = [text for key, value in params.items() for text in ("-p", f"{key}={value}")]
        result = spillmark("run", f"bulk-rpc/{name}", *options, *settings, "-o", run,
                           deadline_s=200)
        report = self.report(run)
        self.last_run = run
        self.assertEqual(result.status, report["exit_status"], result.out + result.err)
        self.assertGreater(report["ledger"]["accepted"], 0)
        return report

    def causes(self, report):
        return {cause["kind"]: cause for cause in report["causes"]}

    def large_body(self, handler, **params):
        return self.run_scenario("large-body", "--time-scale", "0.3", handler=handler,
                                 body=str(BODY), rate="1.5", matters="2MB/s", **params)

    def test_accumulate_is_a_peak_and_no_leak(self):
        report = self.large_body("accumulate")
        self.assertNotEqual(report["series"]["heap"]["verdict"], "growing")
        peak = self.causes(report)["peak_amplification"]
        self.assertGreater(peak["evidence"]["peak_over_payload"], 4)
        self.assertLess(peak["evidence"]["peak_over_payload"], 12)

    def test_retain_is_a_leak_for_each_request(self):
        report = self.large_body("retain")
        self.assertEqual(report["exit_status"], 1)
        self.assertEqual(report["series"]["heap"]["verdict"], "growing")
        leak = self.causes(report)["leak_per_request"]
        functions = [frame["function"] for frame in leak["site"]]
        self.assertIn("take", functions)
        per_unit = leak["evidence"]["bytes_per_unit"] / BODY
        self.assertGreater(per_unit, 3)
        self.assertLess(per_unit, 9)

    def test_records_are_kept_by_the_allocator_alone(self):
        report = self.large_body("records")
        self.assertNotEqual(report["series"]["heap"]["verdict"], "growing")
        self.assertIn("allocator_retention", self.causes(report))

    def allocated_by_the_handler(self):
        """All that was ever allocated where messages are taken in."""
        result = spillmark("report", self.last_run, "--format", "speedscope")
        self.assertEqual((result.status, result.err), (0, ""))
        profiles = json.loads(result.out)
        names = [frame["name"] for frame in profiles["shared"]["frames"]]
        ever = next(profile for profile in profiles["profiles"]
                    if profile["name"] == "bytes ever allocated")
        return sum(weight for stack, weight in zip(ever["samples"], ever["weights"])
                   if "take" in (names[frame] for frame in stack))

    def test_what_is_over_the_limit_is_refused_and_not_held(self):
        # Of 2, 3, 4 and 40 MB only the first is taken: 40 MB in seven forms would show. gRPC reads
        # ahead by up to 40 MB a connection, of which streams have four.
        for way, limit, most in (("stream", "upload_max", 4 * 40e6),
                                 ("unary", "receive_max", 140e6)):
            report = self.run_scenario("limits", way=way, unit="20000", seconds="5",
                                       **{limit: "2560000"})
            ledger = report["ledger"]
            self.assertEqual(ledger["unanswered"], 0)
            self.assertGreater(ledger["refused"], 2 * ledger["accepted"])
            self.assertLess(report["series"]["heap"]["peak"], most)
            # What is refused has not even begun to be held.
            self.assertLess(self.allocated_by_the_handler(), ledger["accepted"] * 7 * 2e6)

    def test_a_stream_is_bounded_at_a_few_messages(self):
        report = self.run_scenario("at-once", seconds="6", messages="100")
        self.assertNotEqual(report["series"]["heap"]["verdict"], "growing")
        # Of 1 GB at once: what gRPC has read ahead for ten connections, more on a busy machine.
        self.assertLess(report["series"]["heap"]["peak"], 10 * 40e6)

    def test_killed_at_the_limit_the_report_is_whole(self):
        report = self.run_scenario("oom", memory="200MB", body="10MB", rate="4", seconds="20")
        self.assertEqual(report["processes"][0]["exit"], "oom-killed")
        for words in ("oom-killed", "of live heap", "allocated by", "Sent and not answered: unit"):
            self.assertIn(words, report["why"])


if __name__ == "__main__":
    main()
