"""The relay, against a consumer that nobody here wrote (Debian's python3-websockets)."""
import json
import os

from spillmark import Case, main, spillmark

CONSUMER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay_consumer.py")
# Debian's, which has Debian's packages.
PYTHON = "/usr/bin/python3"


class Relay(Case):
    def run_relay(self, *, load="", options=(), address=True, phases=None,
                  target='ready = log { "connected" }'):
        seen = self.path("seen")
        mark = "N" * 20
        with open(self.path("events"), "w") as file:
            for length in (4000, 100, 20000):
                print(json.dumps({"seq": mark, "text": "x" * length}).replace(f'"{mark}"', mark),
                      file=file)
        where = ('port = "${port:relay}"' if address else 'unix = "${run}/relay"')
        options = [*options, *([] if address else ["unix=${run}/relay"])]
        url = "ws://127.0.0.1:${port:relay}/sub" if address else "ws://localhost/sub"
        scenario = self.write("relay.lua", f"""return scenario {{ title = "a relay",
  target = program {{ "{PYTHON}", "{CONSUMER}", "{url}", "{seen}",
                     {"".join(f'"{o}", ' for o in options)} stop_timeout = "5s", {target} }},
  load = websocket_relay {{ {where}, first = 1000, {load},
                           body = replay {{ "{self.path("events")}", decimal = "{mark}" }} }},
  phases = {{ {phases or 'phase { "push", "1s" }, phase { "rest", "4s", load = off }'} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assertIn(result.status, (0, 1, 4), result.err)
        with open(seen) as file:
            self.seen = [line.split(maxsplit=2) for line in file]
        self.numbers = [int(words[0]) for words in self.seen if words[0].isdigit()]
        report = self.report(self.path("run"))
        self.outcomes = report["load"]["outcomes"]
        return report["ledger"]

    def test_every_event_arrives_once_and_in_order(self):
        for address in (True, False):
            with self.subTest(tcp=address):
                ledger = self.run_relay(load='count = 3000, rate = "4000/s"', address=address)
                self.assertEqual(ledger["offered"], 3000)
                self.assertEqual(ledger["accepted"], 3000)
                self.assertEqual(self.numbers, list(range(1000, 4000)))
                self.assertEqual(self.outcomes["connected"], 1)
                self.assertEqual(self.outcomes["read by the consumer"], 3000)
                os.rename(self.path("run"), self.path(f"run-{address}"))

    def test_what_a_slow_consumer_leaves_is_told_as_such(self):
        ledger = self.run_relay(load='rate = "20000/s"', options=["pause=60"],
                                phases='phase { "push", "2s" }')
        slow = sum(count for outcome, count in self.outcomes.items()
                   if outcome in ("stopped: the consumer was slow", "stopped: pushed, not read yet"))
        self.assertGreater(self.outcomes["stopped: the consumer was slow"], 10000)
        self.assertEqual(ledger["unanswered"], slow)
        self.assertEqual(ledger["offered"], ledger["accepted"] + ledger["unanswered"])

    def test_a_script_does_what_relays_do(self):
        script = """script = { step { "message", every = 350, body = "no JSON at all" },
          step { "close", after = 500, code = 1001, reason = "restart", away = "200ms" },
          step { "reset", after = 1000 }, step { "torn", after = 1500 },
          step { "close", after = 2000, code = 1008, reason = "ConsumerTooSlow",
                 body = "an error frame" },
          step { "bad_frame", after = 2500 } }"""
        ledger = self.run_relay(load=f'count = 3000, rate = "4000/s", cursor = "cursor", {script}',
                                options=["cursor"])
        self.assertEqual(ledger["offered"], 3000)
        self.assertEqual(ledger["accepted"], 3000)
        # Nothing is lost: after each connection it goes on right behind the last one that was read.
        self.assertEqual(self.numbers, list(range(1000, 4000)))
        ends = [" ".join(words[1:]) for words in self.seen if words[0] == "end"]
        self.assertEqual(sum(words[0] == "open" for words in self.seen), 5 + 1)
        self.assertRegex(ends[0], "1001 .*restart")
        self.assertTrue(any("1002" in end for end in ends), ends)
        self.assertTrue(any("1008 (policy violation) ConsumerTooSlow" in end for end in ends), ends)
        garbage = sum(words[0] == "garbage" for words in self.seen)
        # With the error frame; a reset may take one away.
        self.assertIn(garbage, range(1, self.outcomes["script: message"] + 2))
        self.assertEqual(self.outcomes["script: torn"], 1)
        self.assertEqual(self.outcomes["connected again"], 5)

    def test_a_consumer_that_is_too_slow_is_told_so(self):
        script = """script = step { "close", waiting = 5000, code = 1008,
                                   reason = "ConsumerTooSlow", body = "too slow" }"""
        ledger = self.run_relay(load=f'rate = "20000/s", {script}', options=["pause=0.5"])
        ends = [" ".join(words[1:]) for words in self.seen if words[0] == "end"]
        self.assertTrue(any("1008 (policy violation) ConsumerTooSlow" in end for end in ends), ends)
        # What was left behind by one connection does not count against the next.
        self.assertLessEqual(self.outcomes["script: close"], ledger["offered"] / 5000)
        self.assertGreater(self.outcomes["connection lost before it was read"], 0)

    def test_whoever_speaks_something_else_is_told_apart(self):
        rude = self.write("rude.py", """import socket, sys, time
for words in (b"\\x16\\x03\\x01 hello", b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n",
              b"GET / HTTP/1.1\\r\\nUpgrade: websocket\\r\\n"):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(words)
    s.shutdown(socket.SHUT_WR)
    s.recv(1000)
time.sleep(60)
""")
        scenario = self.write("rude.lua", f"""return scenario {{ title = "rude",
  target = program {{ "{PYTHON}", "{rude}", "${{port:relay}}", stop_timeout = "5s" }},
  load = websocket_relay {{ port = "${{port:relay}}", rate = "100/s", body = "x" }},
  phases = {{ phase {{ "push", "1s" }} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assertIn(result.status, (0, 1, 4), result.err)
        outcomes = self.report(self.path("run"))["load"]["outcomes"]
        self.assertEqual(outcomes["no handshake: not HTTP/1.1: TLS"], 1)
        self.assertEqual(outcomes["no handshake: not a WebSocket request"], 1)
        self.assertEqual(outcomes["no handshake: closed by the consumer without a word"], 1)

    def test_events_wait_for_a_consumer(self):
        ledger = self.run_relay(load='rate = "100/s"', target="", options=["unix=/nowhere"],
                                phases='phase { "push", "1s" }')
        self.assertEqual(self.outcomes, {"stopped: nobody was connected": ledger["offered"]})


if __name__ == "__main__":
    main()
