"""Services: real ones are started where others can find them, waited for, logged and stopped."""
import os
import subprocess

from spillmark import BIN, Case, main, spillmark

# Asks each service once and says what it answered; then waits to be stopped.
TARGET = r"""
redis-cli -p $REDIS set key value
redis-cli -s $REDIS_UNIX get key
psql -h 127.0.0.1 -p $POSTGRES -U postgres -At -c "select 40+2"
psql -h $POSTGRES_UNIX -p $POSTGRES -U postgres -At -c "select 40+3"
curl -s -o /dev/null -w "tcp %{http_code}\n" http://127.0.0.1:$NGINX/
curl -s -o /dev/null -w "unix %{http_code}\n" --unix-socket $NGINX_UNIX http://x/
curl -s http://127.0.0.1:$FILES/ | grep -c html
echo asked; exec sleep 60
"""


class Services(Case):
    def scenario(self, services, target='program { "sleep", "60" }', duration="1s"):
        return self.write("services.lua", f"""return scenario {{ title = "services",
  services = {{ {services} }},
  target = {target},
  phases = {{ phase {{ "run", "{duration}" }} }} }}""")

    def test_real_ones_are_there_for_the_target(self):
        scenario = self.scenario(
            """redis {}, postgres {}, nginx { server = "location / { return 204; }" },
               program { "python3", "-u", "-m", "http.server", "${port}", "--bind", "127.0.0.1",
                         "--directory", "${dir}", name = "files", ready = tcp { "${port}" } }""",
            """program { "sh", "-c", [[""" + TARGET + """]], ready = log "asked", env = {
                 REDIS = "${redis.port}", REDIS_UNIX = "${redis.unix}", NGINX = "${nginx.port}",
                 NGINX_UNIX = "${nginx.unix}", POSTGRES = "${postgres.port}",
                 POSTGRES_UNIX = "${postgres.unix}", FILES = "${files.port}" } }""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assertNotIn(result.status, (2, 3), result.err)
        with open(self.path("run", "target.log")) as log:
            said = log.read().split("\n")
        self.assertEqual(said[:6], ["OK", "value", "42", "43", "tcp 204", "unix 204"])
        self.assertGreater(int(said[6]), 0)
        self.assertEqual(sorted(os.listdir(self.path("run", "services"))),
                         ["files.log", "nginx.log", "postgres.log", "redis.log"])
        for name, words in (("postgres", "database system is shut down"), ("files", "GET / HTTP"),
                            ("redis", "User requested shutdown")):
            with open(self.path("run", "services", f"{name}.log")) as log:
                self.assertIn(words, log.read(), name)
        self.assert_nothing_left(runs=False)

    def test_one_that_cannot_start_is_one_line(self):
        scenario = self.scenario('redis { args = { "--no-such-option", "1" } }')
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assert_one_line(result, 3, "redis", "ended before it was ready", "exit status 1")
        self.assert_nothing_left()

    def test_one_that_is_never_ready_is_one_line(self):
        scenario = self.scenario('program { "sleep", "60", ready = tcp { "${port}" },'
                                 ' ready_timeout = "300ms" }')
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assert_one_line(result, 3, "sleep", "not ready after 0.3 s", "refused")
        self.assert_nothing_left()

    def test_one_that_is_missing_is_a_mistake(self):
        result = spillmark("run", self.scenario('program { "no-such-program" }'), "-o",
                           self.path("run"))
        self.assert_one_line(result, 2, "no-such-program")
        self.assert_nothing_left()

    def test_one_that_fails_ends_the_run(self):
        scenario = self.scenario('program { "sh", "-c", "sleep 0.5; echo gone; exit 7",'
                                 ' name = "frail" }', duration="60s")
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assert_one_line(result, 3, "the service frail failed", "exit status 7", "frail.log")
        self.assertEqual(self.report(self.path("run"))["exit_status"], 3)
        with open(self.path("run", "services", "frail.log")) as log:
            self.assertEqual(log.read(), "gone\n")

    def test_one_that_has_done_its_work_does_not(self):
        scenario = self.scenario('program { "true" }')
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assertNotIn(result.status, (2, 3), result.err)

    def test_two_runs_at_once_do_not_meet(self):
        scenario = self.scenario("redis {}, redis { name = 'second' }", duration="2s")
        runs = [subprocess.Popen([BIN, "run", scenario, "-o", self.path(f"run{i}")],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                for i in range(3)]
        for run in runs:
            _, err = run.communicate(timeout=60)
            self.assertNotIn(run.returncode, (2, 3), err)


if __name__ == "__main__":
    main()
