"""The first incident, as it was and as it was mended, with the figures held against counts that
spillmark did not make: the daemon's own counters and the rows in its database."""
import os
import sqlite3

from spillmark import Case, main, spillmark

CAPACITY = 20000
FAULT = "slow disk"


def usable(request_bytes):
    """What glibc gives for a request: 16-byte steps, 8 bytes of them its own."""
    return max(24, ((round(request_bytes) + 8 + 15) & ~15) - 8)


class Run:
    """One run of the scenario and its record, read with plain SQL."""

    def __init__(self, case, build, **params):
        self.dir = case.path(build + "".join(map(str, params.values())))
        settings = [text for name, value in params.items() for text in ("-p", f"{name}={value}")]
        self.result = spillmark("run", "log-batcher/slow-disk", "-p", f"build={build}", *settings,
                                "-o", self.dir, deadline_s=200)
        self.report = case.report(self.dir)
        self.db = sqlite3.connect(f"file:{self.dir}/run.db?mode=ro", uri=True)

    def samples(self, series, phase=None):
        window = (-1, 1 << 62)
        if phase:
            window = self.db.execute("select from_ns, to_ns from phase where name = ?",
                                     (phase,)).fetchone()
        return self.db.execute(
            "select t_ns, value from sample join series on series.id = sample.series_id"
            " where name = ? and process_id = 0 and t_ns between ? and ? order by t_ns",
            (series, *window)).fetchall()

    def rate(self, series, phase):
        """Mean growth per second between the first and the last sample of a phase."""
        rows = self.samples(series, phase)
        return (rows[-1][1] - rows[0][1]) / ((rows[-1][0] - rows[0][0]) / 1e9)

    def bytes_per_entry(self):
        """As the daemon itself counts them at its fullest, rounded up as glibc does."""
        queued = dict(self.samples("gauge:queued"))
        held = dict(self.samples("gauge:queued_bytes"))
        at = max(queued, key=queued.get)
        return usable(held[at] / queued[at])

    def cause(self, kind):
        return next((cause for cause in self.report["causes"] if cause["kind"] == kind), None)


class SlowDisk(Case):
    def test_before_grows_behind_the_disk_and_says_why(self):
        run = Run(self, "before")
        self.assertEqual(run.result.status, 1, run.result.out + run.result.err)
        report = run.report
        self.assertEqual((report["exit_status"], report["verdict"]), (1, "fail"))
        heap = report["series"]["heap"]
        self.assertEqual(heap["verdict"], "growing")
        backlog_per_s = run.rate("offered", FAULT) - run.rate("delivered", FAULT)
        expected = backlog_per_s * run.bytes_per_entry()
        self.assertAlmostEqual(heap["rate_per_s"]["value"] / expected, 1, delta=0.1)
        self.assertLessEqual(heap["rate_per_s"]["low"], heap["rate_per_s"]["value"])
        self.assertGreaterEqual(heap["rate_per_s"]["high"], heap["rate_per_s"]["value"])

        backlog = report["causes"][0]
        self.assertEqual(backlog["kind"], "backlog")
        functions = [frame["function"] for frame in backlog["site"]]
        self.assertIn("lb_channel_send", functions[:3])
        self.assertTrue(backlog["site"][0]["file"].endswith("channel.c"))
        self.assertGreater(backlog["site"][0]["line"], 0)
        self.assertIs(backlog["evidence"]["drains"], True)
        self.assertTrue(backlog["freed_by"])

        ledger = report["ledger"]
        self.assertEqual(ledger["offered"],
                         ledger["accepted"] + ledger["refused"] + ledger["unanswered"])
        self.assertEqual((ledger["dropped"], ledger["unaccounted"]), (0, 0))
        fault = report["faults"][0]
        self.assertEqual(fault["kind"], "slow_disk")
        self.assertGreater(fault["receipt"]["calls"], 0)
        self.assertGreater(fault["receipt"]["delay_s"], 1)
        self.assertGreater(fault["receipt"]["bytes"], 0)

        size = sum(os.path.getsize(os.path.join(run.dir, name)) for name in os.listdir(run.dir))
        duration_s = report["duration_s"]
        self.assertLess(size / duration_s * 60, 20e6)

    def test_after_stays_within_its_capacity_and_counts_what_it_drops(self):
        run = Run(self, "after")
        self.assertEqual(run.result.status, 0, run.result.out + run.result.err)
        report = run.report
        self.assertEqual(report["verdict"], "pass")
        heap = report["series"]["heap"]
        self.assertEqual(heap["verdict"], "bounded")
        empty = run.samples("heap", "settle")[-1][1]
        queue_bytes = CAPACITY * run.bytes_per_entry()
        self.assertGreater(heap["peak"], queue_bytes * 0.9, "the channel was never full")
        self.assertLess(heap["peak"] - empty, queue_bytes * 1.05)
        ledger = report["ledger"]
        dropped = run.samples("gauge:dropped_total")[-1][1]
        self.assertGreater(dropped, 0)
        self.assertEqual(ledger["dropped"], dropped)
        self.assertEqual(ledger["accepted"], ledger["delivered"] + ledger["dropped"])
        self.assertEqual(ledger["unaccounted"], 0)


if __name__ == "__main__":
    main()
