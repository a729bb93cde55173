"""The WebSocket client, against a server that nobody here wrote (Debian's python3-websockets)."""
import os

from spillmark import Case, main, spillmark

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "websocket_server.py")
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's packages


class Websocket(Case):
    def test_units_end_as_the_server_says(self):
        paths = {"echo": 'count = 2000, pipeline = 16, connections = 4',
                 "twice": 'count = 500, replies = 2',
                 "close": 'count = 10', "deny": 'count = 10, connections = 1',
                 "silent": 'count = 4, timeout = "1500ms"',
                 "push": 'count = 1, replies = 0',
                 # Longer than what is put at once, and more than there is room for at once.
                 "echo?long": 'count = 3, connections = 1, body = noise "6MB", kind = "binary"',
                 "echo?many": 'count = 40, pipeline = 40, connections = 1, body = text(60000)'}
        loads = ",\n".join(
            f"""websocket_load {{ url = "ws://127.0.0.1:${{port:ws}}/{path}",
                  kind = "text", body = text(100), {keys} }}""" for path, keys in paths.items())
        scenario = self.write("websocket.lua", f"""return scenario {{ title = "a client",
  target = program {{ "{PYTHON}", "{SERVER}", "${{port:ws}}", ready = log {{ "listening" }},
                     stop_timeout = "5s" }},
  load = {{ {loads} }},
  phases = {{ phase {{ "send", "3s" }} }} }}""")
        result = spillmark("run", scenario, "-o", self.path("run"))
        self.assertIn(result.status, (0, 1, 4), result.err)
        report = self.report(self.path("run"))
        by_load = {row["load"]: row for row in report["load"]["by_load"]}
        outcomes = {path: by_load[f"websocket_load[{i + 1}]"]["outcomes"]
                    for i, path in enumerate(paths)}
        self.assertEqual(outcomes["echo"], {"answered": 2000})
        self.assertEqual(outcomes["twice"], {"answered": 500})
        self.assertEqual(outcomes["close"], {"closed by the server: 1011 out of paper": 10})
        self.assertEqual(outcomes["deny"], {"no handshake: HTTP 403 in place of a WebSocket": 10})
        silent = outcomes["silent"]
        self.assertEqual(silent["time-out"], 4)
        self.assertEqual(outcomes["push"], {"sent": 1, "messages that no unit asked for": 1000})
        self.assertEqual(outcomes["echo?long"], {"answered": 3})
        self.assertEqual(outcomes["echo?many"], {"answered": 40})
        ledger = report["ledger"]
        self.assertEqual(ledger["offered"], 2000 + 500 + 10 + 10 + 4 + 1 + 3 + 40)
        self.assertEqual(ledger["accepted"], 2000 + 500 + 1 + 3 + 40)


if __name__ == "__main__":
    main()
