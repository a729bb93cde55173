"""Units that the program itself counts as delivered, where nothing outside of it can."""
from spillmark import Case, main, spillmark

SCENARIO = """
return scenario {
  title  = "A program that is believed",
  target = program {
    "${bin}/log-batcher", "--socket", "${run}/rpc.sock", "--db", "${data}/logs.db",
    ready  = http { unix = "${run}/rpc.sock", path = "/health" },
    gauges = { http { unix = "${run}/rpc.sock", path = "/stats" } },
  },
  load = http_load {
    unix = "${run}/rpc.sock", method = "POST", path = "/rpc", rate = "200/s",
    body = json { method = "logs.insert", params = text(142) },
  },
  phases = { phase { "load", "2s" }, phase { "settle", "1s", load = off } },
  delivered = gauge { "flushed_total" },
  budget = { unaccounted = 0 },
}
"""


class OwnWord(Case):
    def test_its_gauge_is_the_ledgers_count(self):
        scenario = self.write("s.lua", SCENARIO)
        result = spillmark("run", scenario, "-o", self.path("run"))
        report = self.report(self.path("run"))
        ledger = report["ledger"]
        self.assertGreater(ledger["accepted"], 0, result.err)
        self.assertEqual(ledger["delivered"], ledger["accepted"], result.out)
        names = set(report["series"])
        self.assertIn("delivered", names)
        self.assertIn("gauge:flushed_total", names)


if __name__ == "__main__":
    main()
