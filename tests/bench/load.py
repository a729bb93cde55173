#!/usr/bin/env python3
"""tests/bench/load.py [ROUNDS [CASE...]] - the load drivers beside wrk, h2load and iperf3; without a
CASE all of them.

The clients of a case all live on core 0 and take turns of a sixth of a second there, the others being
stopped (SIGSTOP) meanwhile; the server has core 1. All are measured from outside and alike: requests
as the server counts them (uploads: bytes as the loopback device counts them), the client's processor
time as the kernel counts it. Two ratios to the peer come of each round:

  rate      what was driven, which the server has a part in: "busy" is how much of their cores client
            and server used, and a client far below 100 % waited for the server
  per core  the peer's processor time of a request over ours: what a core of the client could drive

Printed are their medians and the 95 % intervals of these. A goal is met when the median reaches it,
and for certain when the whole interval does. Nothing else may run, nor use the loopback device."""
import glob
import http.client
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from streams import BENCH, free_port, pinned

BEGIN_S, TURN_S, REST_S = 0.4, 1 / 6, 0.003
HERE = os.path.dirname(os.path.abspath(__file__))
MB_150 = 150e6


class Servers:
    """nginx, and sinks that read all of an upload before they answer (nginx would not)."""

    def __init__(self, directory):
        self.directory, self.processes = directory, []
        try:
            self.start_all(directory)
        except BaseException:
            self.stop()
            raise

    def start_all(self, directory):
        self.http, self.http2, self.status = free_port(), free_port(), free_port()
        self.tls, self.tls_http2 = free_port(), free_port()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=bench",
                        "-keyout", f"{directory}/key", "-out", f"{directory}/cert"],
                       check=True, stderr=subprocess.DEVNULL)
        self.unix = os.path.join(directory, "s")
        temporary = "".join(f"{kind}_temp_path {directory}/{kind};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = os.path.join(directory, "nginx.conf")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""daemon off; worker_processes 1; pid {directory}/pid;
error_log {directory}/error.log; events {{ worker_connections 16384; }}
http {{
access_log off; keepalive_requests 1000000000; client_max_body_size 0;
{temporary}
server {{ listen 127.0.0.1:{self.http}; listen unix:{self.unix};
listen 127.0.0.1:{self.http2} http2; return 200 'ok'; }}
server {{ listen 127.0.0.1:{self.tls} ssl; listen 127.0.0.1:{self.tls_http2} ssl http2;
ssl_protocols TLSv1.3; ssl_certificate {directory}/cert; ssl_certificate_key {directory}/key;
return 200 'ok'; }}
server {{ listen 127.0.0.1:{self.status}; stub_status; }}
}}
""")
        self.nginx = self.start("nginx", "-e", f"{directory}/error.log", "-c", config)
        self.watch = http.client.HTTPConnection("127.0.0.1", self.status)
        wait_until(self.is_up)
        load = os.path.join(HERE, "..", "load")
        self.sink = self.start_sink(sys.executable, os.path.join(load, "http1_sink.py"))
        self.sink_websocket = self.start_sink(sys.executable,
                                              os.path.join(load, "websocket_sink.py"))
        self.sink_http2 = self.start_sink(os.path.join(os.path.dirname(BENCH), "bench-http2-sink"))

    def start(self, *command, **more):
        self.processes.append(subprocess.Popen(pinned(1, *command), **more))
        return self.processes[-1]

    def start_sink(self, *command):
        return int(self.start(*command, stdout=subprocess.PIPE, text=True).stdout.readline())

    def is_up(self):
        try:
            return self.requests() > 0
        except ConnectionError:
            self.watch.close()
            return False

    def requests(self):
        """How many nginx has had."""
        self.watch.request("GET", "/")
        return int(self.watch.getresponse().read().split()[9])

    def pids(self):
        """Of the servers and of nginx's one worker."""
        with open(f"/proc/{self.nginx.pid}/task/{self.nginx.pid}/children", encoding="ascii") as file:
            return [process.pid for process in self.processes] + file.read().split()

    def stop(self):
        for process in self.processes:
            process.terminate()
            process.wait()


def loopback_bytes():
    with open("/proc/net/dev", encoding="ascii") as file:
        return next(int(line.split(":")[1].split()[0]) for line in file if " lo:" in line)


def cpu_s(pid):
    """What all its threads have used, to the nanosecond."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def wait_until(is_so):
    for _ in range(1000):
        if is_so():
            return
        time.sleep(0.01)
    raise SystemExit(f"never: {is_so}")


class Client:
    """A load on core 0, stopped but in its turns."""

    def __init__(self, count, servers, *command, says_lost=False):
        self.count, self.servers, self.says_lost = count, servers, says_lost
        self.process = subprocess.Popen(pinned(0, *command), text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        began = count()
        wait_until(lambda: count() > began + 100)
        time.sleep(BEGIN_S)
        self.hold()

    def hold(self):
        self.process.send_signal(signal.SIGSTOP)
        if self.process.returncode is not None:
            raise SystemExit(f"{self.process.args} has ended")
        os.waitpid(self.process.pid, os.WUNTRACED)

    def settled(self):
        """The count, once what is on its way has come."""
        before, now = -1, self.count()
        while now > before + 20:
            time.sleep(REST_S)
            before, now = now, self.count()
        return now

    def turn(self):
        """What it did per second, and CPU seconds per second, its own and of the servers."""
        counted, used_s, served_s = self.settled(), cpu_s(self.process.pid), self.served_s()
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGCONT)
        time.sleep(TURN_S)
        self.hold()
        took_s = time.monotonic() - began_s
        return ((self.settled() - counted) / took_s, (cpu_s(self.process.pid) - used_s) / took_s,
                (self.served_s() - served_s) / took_s)

    def served_s(self):
        return sum(cpu_s(pid) for pid in self.servers())

    def close(self):
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)
        said = self.process.communicate()[0]
        if self.says_lost and not (said and float(said.split()[-1]) == 0):
            raise SystemExit(f"{self.process.args}: {said}")


class Iperf3(Client):
    """One stream; a server for one test."""

    def __init__(self):
        port = str(free_port())
        self.server = subprocess.Popen(
            pinned(1, "iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: f":{port} " in subprocess.run(["ss", "-ltn"], text=True, check=True,
                                                         stdout=subprocess.PIPE).stdout)
        super().__init__(loopback_bytes, lambda: [self.server.pid], "iperf3", "-c", "127.0.0.1", "-p", port, "-l1M", "-t3600")

    def close(self):
        self.server.kill()
        self.server.wait()
        super().close()


def make_groups(servers):
    """Cases that share their rounds: {case: [(client, goal, how)]}; the first is the peer."""
    directory = servers.directory
    http, http2 = f"http://127.0.0.1:{servers.http}/", f"http://127.0.0.1:{servers.http2}/"
    tls, tls2 = f"https://127.0.0.1:{servers.tls}/", f"https://127.0.0.1:{servers.tls_http2}/"
    kilobyte, script = os.path.join(directory, "1k"), os.path.join(directory, "post.lua")
    with open(kilobyte, "w", encoding="ascii") as file:
        file.write("x" * 1024)
    with open(script, "w", encoding="ascii") as file:
        file.write('wrk.method = "POST"\nwrk.body = string.rep("x", 1024)\n')

    def wrk(*arguments):
        return lambda: Client(servers.requests, servers.pids, "wrk", "-t1", "-d3600", *arguments)

    def h2load(*arguments):
        return lambda: Client(servers.requests, servers.pids, "h2load", "-t1", "-D3600",
                              *arguments)

    def us(*arguments, count=servers.requests):
        return lambda: Client(count, servers.pids, BENCH, 3600, *arguments, says_lost=True)

    def upload(*arguments, body="noise '150MB'"):
        return us(*arguments, f"body={body}", "concurrency=1", count=loopback_bytes)

    def upload_to(driver, port, *arguments):
        return upload(driver, f"url=http://127.0.0.1:{port}/", *arguments)

    post, many = "body=text(1024)", ("http2_load", f"url={http2}", "concurrency=64")
    apart = ("connections=64", "streams=1")
    return [
        {"get": [("wrk", 0, wrk("-c64", http)),
                 ("us", 1.0, us(f"url={http}", "concurrency=64"))],
         "get-1000": [("wrk", 0, wrk("-c1000", http)),
                      ("us", 1.0, us(f"url={http}", "concurrency=1000"))]},
        {"post-1k": [("wrk", 0, wrk("-c64", "-s", script, http)),
                     ("us", 1.0, us(f"url={http}", "concurrency=64", post))]},
        {"tls-get": [("wrk", 0, wrk("-c64", tls)),
                     ("us", 0, us(f"url={tls}", "concurrency=64", "insecure=true"))]},
        {"tls-h2-get": [("h2load", 0, h2load("-c64", tls2)),
                        ("us", 0, us("http2_load", f"url={tls2}", "concurrency=64", *apart,
                                     "insecure=true"))]},
        {"unix": [("h2load", 0, h2load("--h1", "-c64", f"--base-uri=unix:{servers.unix}",
                                       "http://localhost/")),
                  ("us", 1.3, us(f"unix={servers.unix}", "concurrency=64"))]},
        {"h2-get": [("h2load", 0, h2load("-c64", http2)), ("us", 1.2, us(*many, *apart))]},
        {"h2-post-1k": [("h2load", 0, h2load("-c64", f"-d{kilobyte}", http2)),
                        ("us", 1.2, us(*many, *apart, post))]},
        {"h2-one": [("h2load", 0, h2load("-c1", "-m64", http2)),
                    ("us", 1.2, us(*many, "connections=1"))]},
        {"upload": [("iperf3 -l1M", 0, Iperf3),
                    ("us, HTTP/1.1", 0.85, upload_to("http_load", servers.sink)),
                    ("us, HTTP/2", 0.85, upload_to("http2_load", servers.sink_http2)),
                    ("us, gRPC", 0.85, upload_to("grpc_load", servers.sink_http2,
                                                 "method=/bench.Sink/Take")),
                    ("us, gRPC 64 KB", 0.85,
                     upload("grpc_load", f"url=http://127.0.0.1:{servers.sink_http2}/",
                            "method=/bench.Sink/Take", "stream=client", "messages=2300",
                            body="noise '64KiB'")),
                    ("us, WebSocket", 0,
                     upload("websocket_load", f"url=ws://127.0.0.1:{servers.sink_websocket}/"))]},
    ]


def interval(values):
    """The median's 95 % interval: the order statistics that hold it, whatever the distribution."""
    values, count = sorted(values), len(values)
    outside, below = 0.0, 0
    while below < count // 2 and outside + math.comb(count, below) / 2 ** count <= 0.025:
        outside += math.comb(count, below) / 2 ** count
        below += 1
    below = max(below - 1, 0)
    return statistics.median(values), values[below], values[count - 1 - below]


def shown(values):
    return "{:5.2f} ({:.2f} to {:.2f})".format(*interval(values))


def verdict(goal, values):
    middle, low, _ = interval(values)
    if not goal:
        return ""
    return f"{goal:.2f} " + ("met" if low >= goal else "met by the median" if middle >= goal
                             else "NOT met")


def ratios(ours, peers):
    """Of rates, and of processor time per request, round by round."""
    return ([a[0] / b[0] for a, b in zip(ours, peers)],
            [b[1] / b[0] / (a[1] / a[0]) for a, b in zip(ours, peers)])


def show_case(case, figures, goals):
    is_upload = case == "upload"
    first = next(iter(figures.values()))
    for client, turns in figures.items():
        rate = statistics.median(turn[0] for turn in turns)
        cost_us = statistics.median(turn[1] / turn[0] for turn in turns) * 1e6
        line = (f"{case:10} {client:15} {rate / 1e6:8.0f} MB/s {cost_us * MB_150:9.0f} us/150 MB"
                if is_upload else f"{case:10} {client:15} {rate:8.0f} /s   {cost_us:9.2f} us each   ")
        line += " busy {:3.0f} and {:3.0f} %".format(
            *(statistics.median(turn[i] for turn in turns) * 100 for i in (1, 2)))
        if turns is not first:
            rates, costs = ratios(turns, first)
            line += (f"  rate {shown(rates)} {verdict(goals[client], rates):22}"
                     f"  per core {shown(costs)} {verdict(goals[client], costs)}")
        print(line.rstrip())


def show_kept(few, many):
    """How much of the rate of few connections many keep."""
    for client in few:
        rates, costs = ratios(many[client], few[client])
        goal = 0 if client == "wrk" else 0.8
        print(f"kept       {client:15} with 1 000 connections of what it drives with 64:"
              f"  rate {shown(rates)} {verdict(goal, rates):22}"
              f"  per core {shown(costs)} {verdict(goal, costs)}".rstrip())


def run_group(group, rounds):
    """{case: {client: [turns]}}"""
    clients = []
    try:
        for case, rows in group.items():
            clients += [(case, name, make()) for name, _, make in rows]
        figures = {case: {name: [] for name, _, _ in rows} for case, rows in group.items()}
        for _ in range(rounds):
            for case, name, client in clients:
                figures[case][name].append(client.turn())
        return figures
    finally:
        for _, _, client in clients:
            client.close()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    chosen = sys.argv[2:]
    with tempfile.TemporaryDirectory() as directory:
        servers = Servers(directory)
        try:
            for group in make_groups(servers):
                if chosen and not set(chosen) & set(group):
                    continue
                figures = run_group(group, rounds)
                for case, rows in group.items():
                    show_case(case, figures[case], {name: goal for name, goal, _ in rows})
                if "get-1000" in group:
                    show_kept(figures["get"], figures["get-1000"])
                sys.stdout.flush()
        finally:
            servers.stop()


if __name__ == "__main__":
    main()
