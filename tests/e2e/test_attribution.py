"""Who it is that grows: a leak beside a cache that fills up, and one worker among several."""
import os

from spillmark import Case, main, spillmark

BOTH = """
return scenario {
  title  = "a cache and a leak",
  target = program { "%s", "${run}/s", ready = unix { "${run}/s" } },
  load   = http_load { unix = "${run}/s", method = "POST", path = "/", rate = "200/s",
                       connections = 4, body = json { name = text(100) } },
  phases = { doses { "1500ms", "800ms" } },
  budget = { heap = bounded },
}
"""
ONE = """
return scenario {
  title  = "one worker of four",
  target = program { "python3", "-c", [[%s]], ready = log { "ready" } },
  load   = null_load { rate = "200/s" },
  phases = { phase { "load", "9s" } },
  budget = { heap = bounded },
}
"""
WORKERS = """
import os, time
def work(leaks):
    kept = []
    while True:
        block = bytearray(30000)
        if leaks: kept.append(block)
        time.sleep(.02)
for number in range(4):
    if os.fork() == 0: work(number == 2)
print("ready", flush=True)
while True: time.sleep(1)
"""


class Attribution(Case):
    def run_it(self, scenario, *options):
        result = spillmark("run", self.write("it.lua", scenario), "-o", self.path("run"), *options)
        self.assert_nothing_left(runs=False)
        self.assertEqual(result.status, 1, result.out + result.err)
        return result, self.report(self.path("run"))

    def test_doses_tell_what_a_cache_keeps_from_what_leaks(self):
        _, report = self.run_it(BOTH % os.environ["KEEPING"], "--sample-bytes", "4KB")
        verdicts = {}
        for site in report["sites"]:
            if site["kind"] == "heap":
                verdicts[site["site"][0]["function"]] = site["verdict"]
        self.assertEqual(verdicts["session_open"], "growing", report["sites"])
        self.assertEqual(verdicts["cache_put"], "bounded", report["sites"])
        cause = report["causes"][0]
        self.assertEqual(cause["kind"], "leak_per_request")
        self.assertEqual(cause["site"][0]["function"], "session_open")
        self.assertEqual(len(cause["sites"]), 1, cause["sites"])
        self.assertTrue(4500 < cause["evidence"]["bytes_per_unit"] < 5700, cause["evidence"])

    def test_one_worker_is_named(self):
        result, report = self.run_it(ONE % WORKERS)
        cause = report["causes"][0]
        self.assertIn("process_pid", cause["evidence"], cause)
        growing = {process["pid"] for process in report["processes"]
                   if process["series"].get("heap", {}).get("verdict") == "growing"}
        self.assertEqual(growing, {cause["evidence"]["process_pid"]})
        self.assertGreater(cause["evidence"]["process_share"], 0.8)
        self.assertIn(str(cause["evidence"]["process_pid"]), result.out)


if __name__ == "__main__":
    main()
