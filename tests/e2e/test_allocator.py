"""Pages that the allocator keeps: told by its own account, under each allocator, and given back when
a phase at rest asks for them; and the probe's own cost."""
import os

from spillmark import Case, main, spillmark

PROGRAM = os.environ["SCATTERING"]
SCATTERED = 200000 * 256
SCENARIO = """
return scenario {
  title = "Scattered blocks",
  target = program { "%s", "${run}/http.sock", allocator = %s,
                     ready = http { unix = "${run}/http.sock", path = "/ready" } },
  load = http_load { unix = "${run}/http.sock", path = "/%s", rate = "100/s" },
  phases = {
    phase { "before", "1s", load = off },
    phase { "work", "3s" },
    phase { "rest", "3s", load = off%s },
  },
}
"""


class Allocators(Case):
    def run_it(self, allocator="nil", give_back=True, options=(), path="work"):
        file = self.write("s.lua", SCENARIO % (PROGRAM, allocator, path,
                                               ", give_back = true" if give_back else ""))
        run = self.path("run")
        result = spillmark("run", file, "-o", run, *options)
        report = self.report(run)
        self.assertEqual(result.status, report["exit_status"], result.out + result.err)
        return result, report

    def check_given_back(self, allocator, result, report):
        self.assertEqual(report["allocator"], allocator)
        memory, given = report["memory_at_peak"], report["give_back"]
        self.assertEqual((given["asked"], given["done"]), (1, 1))
        self.assertGreater(given["anonymous_before"] - given["anonymous_after"], SCATTERED / 2)
        self.assertIn(f"{allocator}'s own account", memory["slack_is"])
        self.assertIn("asked to give pages back", result.out)
        self.assertLess(report["memory"]["slack"], SCATTERED / 2)
        retention = [c for c in report["causes"] if c["kind"] == "allocator_retention"]
        self.assertEqual(len(retention), 1, report["causes"])
        evidence = retention[0]["evidence"]
        self.assertGreater(evidence["free_by_the_allocator_bytes"], SCATTERED / 2)
        self.assertGreater(evidence["given_back_bytes"], SCATTERED / 2)

    def test_glibc_keeps_and_gives_back(self):
        result, report = self.run_it()
        self.check_given_back("glibc", result, report)

    def test_tcmalloc_by_the_scenario(self):
        result, report = self.run_it('"tcmalloc"')
        self.check_given_back("tcmalloc", result, report)

    def test_jemalloc_by_the_option_over_the_scenario(self):
        _, report = self.run_it('"tcmalloc"', options=("--allocator", "jemalloc"))
        self.assertEqual(report["allocator"], "jemalloc")
        self.assertEqual(report["give_back"]["done"], 1)
        self.assertIn("jemalloc's own account", report["memory"]["slack_is"])

    def test_unasked_nothing_is_given_back(self):
        _, report = self.run_it(give_back=False)
        self.assertIsNone(report["give_back"])
        memory = report["memory"]
        self.assertGreater(memory["slack"], SCATTERED / 2)
        self.assertLess(abs(memory["rss"] - memory["heap_live"] - memory["slack"] -
                            memory["other_mappings"] - memory["remainder"]), 1)

    def test_the_probes_own_cost(self):
        result, report = self.run_it(options=("--own-cost=2", "--time-scale", "0.3"), path="ready")
        cost = report["own_cost"]
        self.assertEqual((cost["pairs"], cost["note"]), (2, ""))
        for name in ("cpu_ratio", "latency_p50_ratio", "latency_p99_ratio"):
            self.assertGreater(cost[name]["low"], 0)
            self.assertLessEqual(cost[name]["low"], cost[name]["value"])
            self.assertLessEqual(cost[name]["value"], cost[name]["high"])
        self.assertGreater(cost["cpu_per_unit_with_s"], 0)
        self.assertIn("THE PROBE'S OWN COST", result.out)
        self.assertEqual(sorted(os.listdir(self.path("run"))), ["run.db", "target.log"])

    def test_unknown_allocator(self):
        result = spillmark("run", "x", "--allocator", "hoard")
        self.assert_one_line(result, 2, "hoard", "tcmalloc")


if __name__ == "__main__":
    main()
