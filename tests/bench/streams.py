#!/usr/bin/env python3
"""tests/bench/streams.py [ROUNDS [SECONDS [CASE...]]] - raw streams beside iperf3 and redis-benchmark,
the relay's events, and how late units are issued. Cases: bulk redis relay issue; without one all.

Clients take turns; each figure is the median of the rounds. Absolute figures drift with the machine
and with whatever else runs on it, so read the ratios, and where others use the machine those of the
client's own CPU."""
import contextlib
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

BENCH = os.path.join(os.environ.get("SPILLMARK_BUILD", "build"), "tests", "bench-load")
FLOOR = os.path.join(os.path.dirname(BENCH), "bench-floor")


def pinned(core, *command):
    return ["taskset", "-c", str(core), *map(str, command)]


def ahead_of_others():
    """What makes a command run before whatever else this machine does, where that is allowed."""
    before = ["chrt", "-r", "1"]
    return before if subprocess.run([*before, "true"], capture_output=True).returncode == 0 else []


def drive(seconds, *arguments, before=()):
    """The figures that bench-load prints: per second, CPU us each, latencies, slips, RSS, lost."""
    out = subprocess.run([*before, *pinned(0, BENCH, seconds, *arguments)], check=True, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return [float(word) for word in out.split()]


def timed(*command):
    """What a command prints, and the CPU seconds it took; nothing else may be waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(pinned(0, *command), text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Sink:
    """Reads whatever comes, in a process of its own on the other core."""

    CODE = """import os, socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
buffer = bytearray(1 << 20)
while True:
    peer, _ = server.accept()
    while peer.recv_into(buffer): pass
"""

    def __init__(self):
        self.process = subprocess.Popen(pinned(1, sys.executable, "-c", self.CODE),
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def iperf3(seconds):
    """MB/s of one stream with 1 MB writes, and CPU seconds per GB."""
    port = free_port()
    server = subprocess.Popen(pinned(1, "iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port),
                              stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            out, cpu_s = timed("iperf3", "-c", "127.0.0.1", "-p", port, "-l", "1M", "-t", seconds,
                               "-J")
            end = json.loads(out or "{}").get("end", {})
            if "sum_sent" in end:
                return (end["sum_sent"]["bits_per_second"] / 8e6,
                        cpu_s * 1e9 / end["sum_sent"]["bytes"])
            time.sleep(0.05)
        raise SystemExit("iperf3 does not answer")
    finally:
        server.kill()
        server.wait()


def bulk(seconds):
    sink = Sink()
    try:
        mine = drive(seconds, "stream_load", f"to=127.0.0.1:{sink.port}", "concurrency=1",
                     "body=text '1MiB'")
    finally:
        sink.stop()
    rate, cpu_s = iperf3(seconds)
    return {"MB/s": {"iperf3 -l1M": rate, "stream_load": mine[0] * 1.048576},
            "CPU ms per GB": {"iperf3 -l1M": cpu_s * 1e3, "stream_load": mine[1] / 1.048576}}


def redis(seconds):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "r")
        server = subprocess.Popen(pinned(1, "redis-server", "--port", "0", "--unixsocket", path,
                                         "--save", ""), stdout=subprocess.DEVNULL)
        try:
            while subprocess.run(["redis-cli", "-s", path, "ping"],
                                 capture_output=True).returncode != 0:
                time.sleep(0.02)
            count = int(100000 * seconds)
            out, cpu_s = timed("redis-benchmark", "-s", path, "-c", 50, "-n", count, "--csv", "-P",
                               16, "-t", "ping_inline")
            mine = drive(seconds, "stream_load", f"unix={path}", "concurrency=800",
                         "connections=50", "pipeline=16", "body='PING\\r\\n'", "reply_end=\\r\\n")
        finally:
            server.kill()
            server.wait()
    peer = float(out.splitlines()[1].split(",")[1].strip('"'))
    return {"requests/s": {"redis-benchmark -P 16": peer, "stream_load": mine[0]},
            "CPU us per request": {"redis-benchmark -P 16": cpu_s / count * 1e6,
                                   "stream_load": mine[1]}}


def relay_of(seconds, size, *keys):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "relay")
        figures = []
        relay = threading.Thread(target=lambda: figures.extend(drive(
            seconds, "websocket_relay", f"unix={path}", f"body=noise '{size}'", *keys)))
        relay.start()
        while not os.path.exists(path):
            time.sleep(0.005)
        # The WebSocket client reads whatever comes, and answers pings.
        consumer = subprocess.Popen(
            pinned(1, BENCH, seconds + 1, "websocket_load", f"unix={path}", "count=1", "replies=0",
                   "body='x'"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        relay.join()
        consumer.kill()
        consumer.wait()
    return figures


def relay(seconds):
    rows = {"events/s": {}, "CPU us per event": {}, "slip p99, us": {}}
    for size in ("4KB", "20KB"):
        for name, key in (("as read", "concurrency=4000"), ("4000/s", "rate=4000/s"),
                          ("20000/s", "rate=20000/s")):
            figures = relay_of(seconds, size, key)
            rows["events/s"][f"{size} {name}"] = figures[0]
            rows["CPU us per event"][f"{size} {name}"] = figures[1]
            rows["slip p99, us"][f"{size} {name}"] = figures[5]
    return rows


def floor(seconds, spin_us):
    """What the machine itself is late, in turns with the driver: a loop that does nothing else."""
    out = subprocess.run([*ahead_of_others(), *pinned(0, FLOOR, seconds, 10000, spin_us)],
                         check=True, text=True, stdout=subprocess.PIPE).stdout
    return [float(word) for word in out.split()]


@contextlib.contextmanager
def kept_awake():
    """Idle processors wait in a loop meanwhile, as with a load's `awake`."""
    with open("/dev/cpu_dma_latency", "wb", buffering=0) as file:
        file.write(bytes(4))
        yield


def issue(seconds):
    rows = {"slip p50, us": {}, "slip p99, us": {}}
    for awake in ("false", "true"):
        for spin in ("0us", "25us", "50us"):
            setting = f"10000/s, spin {spin}" + (", awake" if awake == "true" else "")
            figures = drive(seconds, "null_load", "rate=10000/s", "arrivals=uniform",
                            f"spin={spin}", f"awake={awake}", before=ahead_of_others())
            with kept_awake() if awake == "true" else contextlib.nullcontext():
                bare = floor(seconds, spin.removesuffix("us"))
            rows["slip p50, us"][setting] = figures[4]
            rows["slip p99, us"][setting] = figures[5]
            rows["slip p50, us"][f"bare loop, {setting}"] = bare[0]
            rows["slip p99, us"][f"bare loop, {setting}"] = bare[1]
    return rows


CASES = {"bulk": bulk, "redis": redis, "relay": relay, "issue": issue}


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    chosen = sys.argv[3:] or list(CASES)
    figures = {}
    for _ in range(rounds):
        for case in chosen:
            for unit, rows in CASES[case](seconds).items():
                for name, value in rows.items():
                    figures.setdefault((case, unit), {}).setdefault(name, []).append(value)
    for (case, unit), rows in figures.items():
        medians = {name: statistics.median(values) for name, values in rows.items()}
        first = next(iter(medians.values()))
        for name, value in medians.items():
            ratio = f"{value / first:6.2f}" if case in ("bulk", "redis") else ""
            print(f"{case:6} {unit:20} {name:44} {value:12.1f} {ratio}")


if __name__ == "__main__":
    main()
