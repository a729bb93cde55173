"""Programs of the user's own as the load, loads with phases of their own, and being interrupted."""
import os
import shutil
import signal
import subprocess
import time
import unittest

from spillmark import BIN, Case, main, processes_with, spillmark, wait_for


class Loads(Case):
    def run_scenario(self, load, phases, *, target='"sleep", "60"', arguments=()):
        scenario = self.write("s.lua", f"""return scenario {{ title = "loads",
  target = program {{ {target}, stop_timeout = "5s" }},
  load = {{ {load} }}, phases = {{ {phases} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"), *arguments)
        self.assertIn(result.status, (0, 1, 4), result.err)
        return result, self.report(self.path("run"))

    def test_its_end_ends_the_phase_and_what_it_prints_is_kept(self):
        result, report = self.run_scenario(
            'process_load { "sh", "-c", "echo to $TARGET; exit 3", '
            'env = { TARGET = "${port:target}" } }',
            'phase { "load", "60s" }, phase { "rest", "200ms", load = off }')
        self.assertLess(report["duration_s"], 30)
        self.assertEqual(report["load"]["outcomes"], {"exit status 3 (it printed load-1.log)": 1})
        self.assertIn("exit status 3 (it printed load-1.log)", result.out)
        with open(self.path("run", "load-1.log")) as file:
            self.assertRegex(file.read(), r"^to \d+\n$")
        self.assertIsNone(report["ledger"]["offered"])

    def test_the_phase_outlasts_it_where_asked(self):
        _, report = self.run_scenario('process_load { "true", ends_phase = false }',
                                      'phase { "load", "1500ms" }')
        self.assertGreaterEqual(report["duration_s"], 1.5)
        self.assertEqual(sum(report["load"]["outcomes"].values()), 1)

    def test_it_is_stopped_with_its_phase(self):
        deaf = "trap : TERM; while :; do sleep 0.05; done"
        _, report = self.run_scenario(
            f'process_load {{ "sh", "-c", "{deaf}", stop_timeout = "300ms" }},'
            f'process_load {{ "sh", "-c", "sleep 1000; true", "{self.dir}" }}',
            'phase { "load", "500ms" }, phase { "rest", "1500ms", load = off }')
        self.assertEqual(report["load"]["outcomes"],
                         {"stopped with its phase (it printed load-1.log)": 1,
                          "stopped with its phase (it printed load-2.log)": 1})
        self.assertEqual(processes_with(self.dir), [])

    def test_a_program_that_is_missing_is_told(self):
        scenario = self.write("s.lua", """return scenario { title = "t", target = program { "true" },
  phases = { phase { "one", "1s" } }, load = process_load { "/nowhere/k6", "run" } }""")
        self.assert_one_line(spillmark("run", scenario, "-o", self.path("run")), 2,
                             "/nowhere/k6 is not there")

    @unittest.skipUnless(shutil.which("nginx") and shutil.which("wrk"), "no nginx or no wrk")
    def test_wrk_drives_nginx(self):
        self.write("nginx.conf", f"""daemon off; pid {self.path('pid')}; error_log stderr;
events {{ }} http {{ access_log {self.path('access')};
  server {{ listen 127.0.0.1:PORT; location / {{ return 200 'yes'; }} }} }}""")
        command = f"sed -i s/PORT/$1/ {self.path('nginx.conf')} && exec nginx -e stderr -c $0"
        _, report = self.run_scenario(
            'process_load { "wrk", "-c", "4", "-t", "1", "-d", "1s", '
            '"http://127.0.0.1:${port:web}/" }',
            'phase { "load", "60s" }',
            target=f'"sh", "-c", "{command}", "{self.path("nginx.conf")}", "${{port:web}}", '
                   'ready = tcp { "${port:web}" }')
        with open(self.path("run", "load-1.log")) as file:
            printed = file.read()
        self.assertIn("Requests/sec", printed)
        with open(self.path("access")) as file:
            self.assertGreater(sum(1 for _ in file), 100)
        self.assertLess(report["duration_s"], 30)

    def test_a_stream_over_tls_trusts_whom_it_is_told_to(self):
        key, certificate = self.path("key"), self.path("certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, stderr=subprocess.DEVNULL)
        keys = """to = "127.0.0.1:${port:tls}", tls = true, connections = 1, body = "abc\\n",
                  reply_end = "\\n", count = 5"""
        _, report = self.run_scenario(
            f'stream_load {{ {keys}, ca = "{certificate}", phases = {{ "trust" }} }},'
            f'stream_load {{ {keys}, phases = {{ "distrust" }} }}',
            'phase { "distrust", "1s" }, phase { "trust", "2s" }',
            target=f'"openssl", "s_server", "-accept", "127.0.0.1:${{port:tls}}", "-rev", "-quiet",'
                   f'"-key", "{key}", "-cert", "{certificate}", ready = tcp {{ "${{port:tls}}" }}')
        trusting, distrusting = (row["outcomes"] for row in report["load"]["by_load"])
        self.assertEqual(trusting, {"answered": 5})
        self.assertTrue(all("certificate not trusted" in outcome for outcome in distrusting),
                        distrusting)
        self.assertEqual(sum(distrusting.values()), 5)

    def test_each_load_has_phases_of_its_own(self):
        _, report = self.run_scenario(
            'null_load { rate = "1000/s", arrivals = "uniform", phases = { "one" } },'
            'null_load { rate = "500/s", arrivals = "uniform", phases = { "two", "three" } }',
            'phase { "one", "1s" }, phase { "two", "1s" }, phase { "three", "1s" }')
        first, second = (row["offered"] for row in report["load"]["by_load"])
        one, two, three = (phase["to_s"] - phase["from_s"] for phase in report["phases"])
        self.assertAlmostEqual(first / (1000 * one), 1, delta=0.15)
        self.assertAlmostEqual(second / (500 * (two + three)), 1, delta=0.15)

    def test_a_phase_that_is_not_there_is_a_mistake(self):
        scenario = self.write("s.lua", """return scenario { title = "t",
  target = program { "true" }, phases = { phase { "one", "1s" } },
  load = null_load { rate = "1/s", phases = { "onw" } } }""")
        self.assert_one_line(spillmark("run", scenario, "-o", self.path("run")), 2,
                             'no phase is called "onw"')

    def test_ctrl_c_stops_all_loads_and_reports_what_was_done(self):
        scenario = self.write("s.lua", f"""return scenario {{ title = "interrupted",
  target = program {{ "redis-server", "--port", "0", "--unixsocket", "${{run}}/r", "--save", "",
                     ready = unix {{ "${{run}}/r" }}, stop_timeout = "5s" }},
  load = {{ stream_load {{ unix = "${{run}}/r", rate = "500/s", body = "PING\\r\\n",
                         reply_end = "\\r\\n" }},
           stream_load {{ unix = "${{run}}/r", concurrency = 2, body = "BLPOP none 0\\r\\n",
                         reply_end = "\\r\\n" }},
           process_load {{ "sleep", "1000" }} }},
  phases = {{ phase {{ "{os.path.basename(self.dir)}", "60s" }} }} }}""")
        run = subprocess.Popen([BIN, "run", scenario, "-o", self.path("run")],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: os.path.exists(self.path("run", "run.db")), "a record")
        time.sleep(2)
        asked = time.monotonic()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
        took = time.monotonic() - asked
        report = self.report(self.path("run"))
        self.assertEqual(report["ended_by"], "interrupt")
        self.assertGreater(report["load"]["outcomes"]["answered"], 100)
        self.assertEqual(report["load"]["outcomes"]["stopped before the reply"], 2)
        self.assertIn("interrupted", out + err)
        # All of it: the loads, the target, the analysis and the report.
        self.assertLess(took, 20)


if __name__ == "__main__":
    main()
