#!/bin/sh
# tests/bench/load.sh [ROUNDS [SECONDS [CASE...]]] - the load drivers beside wrk and h2load against one
# nginx, and uploads beside iperf3. A CASE is a pair as "get:us"; without one all are run.
#
# The clients take turns on one core, the server has the other; each figure is the median of the
# rounds. Absolute figures drift with the machine, so read the ratios to the first client of the case.
# Requests per second (uploads: MB/s) depend on how much of its core the server got; the client's own
# CPU per request (per upload) does not: what it could drive with a core of its own is one over that.
set -eu
rounds=${1:-5} seconds=${2:-3}
[ $# -le 2 ] || { shift 2; chosen=$*; }
build=${SPILLMARK_BUILD:-build}
bench=$build/tests/bench-load
[ -x "$bench" ] || { echo "load.sh: no $bench; build it or set SPILLMARK_BUILD" >&2; exit 2; }
work=$(mktemp -d)
nginx_pid='' sink_pid='' sink2_pid=''
trap 'kill $nginx_pid $sink_pid $sink2_pid 2>/dev/null || :; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}
port=$(free_port) iperf_port=$(free_port) h2_port=$(free_port)
{
    echo "daemon off; worker_processes 1; pid $work/pid; error_log $work/error.log;"
    echo "events { worker_connections 4096; }"
    echo "http { access_log off; keepalive_requests 1000000000; client_max_body_size 0;"
    for kind in client_body proxy fastcgi uwsgi scgi; do
        echo "${kind}_temp_path $work/$kind;"
    done
    echo "server { listen 127.0.0.1:$port; listen unix:$work/s;"
    echo "listen 127.0.0.1:$h2_port http2; return 200 'ok'; } }"
} >"$work/nginx.conf"
taskset -c 1 nginx -e "$work/error.log" -c "$work/nginx.conf" &
nginx_pid=$!
for _ in $(seq 100); do
    curl -s -o /dev/null "http://127.0.0.1:$port/" && break
    sleep 0.05
done
url=http://127.0.0.1:$port/ h2_url=http://127.0.0.1:$h2_port/
head -c 1024 /dev/zero | tr '\0' x >"$work/1k"
cat >"$work/post.lua" <<LUA
wrk.method = "POST"
wrk.body = string.rep("x", 1024)
LUA

# Each client prints "requests-per-second cpu-us-per-request".
timed() { # COMMAND...: its output, then "user sys" in seconds
    env -i PATH="$PATH" /usr/bin/env python3 - "$@" <<'PYTHON'
import resource, subprocess, sys
print(subprocess.run(sys.argv[1:], capture_output=True, text=True).stdout)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("cpu", used.ru_utime + used.ru_stime)
PYTHON
}
with_wrk() {
    timed taskset -c 0 wrk -t1 -d"$seconds" "$@" |
        awk '/requests in/ { n = $1 } /^Requests\/sec/ { r = $2 } /^cpu/ { c = $2 }
             END { printf "%.0f %.2f\n", r, c / n * 1e6 }'
}
with_h2load() {
    timed taskset -c 0 h2load -t1 -D"$seconds" "$@" |
        awk '/^finished/ { r = $4 } /^requests:/ { n = $2 } /^cpu/ { c = $2 }
             END { printf "%.0f %.2f\n", r, c / n * 1e6 }'
}
with_us() {
    taskset -c 0 "$bench" "$seconds" "$@" | awk '{ printf "%.0f %.2f %s\n", $1, $2, $1 }'
}
upload() { # DRIVER KEY=VALUE...: MB/s and CPU per upload
    with_us "$@" concurrency=1 body="noise '150MB'" | awk '{ printf "%.0f %.0f\n", $3 * 150, $2 }'
}
# nginx answers before it has read a body that it does not want, so uploads go to a sink.
taskset -c 1 python3 "$(dirname "$0")/../load/http1_sink.py" >"$work/sink.port" &
sink_pid=$!
taskset -c 1 "$build/tests/bench-http2-sink" >"$work/sink2.port" &
sink2_pid=$!
with_iperf3() { # one stream; a server for one test
    taskset -c 1 iperf3 -s -1 -B 127.0.0.1 -p "$iperf_port" >/dev/null &
    server=$!
    for _ in $(seq 100); do
        kill -0 $server && ss -ltn | grep -q ":$iperf_port " && break
        sleep 0.05
    done
    taskset -c 0 iperf3 -c 127.0.0.1 -p "$iperf_port" -l1M -t"$seconds" -J |
        python3 -c 'import json, sys; end = json.load(sys.stdin)["end"]
mb_per_s = end["sum_received"]["bits_per_second"] / 8e6
print(round(mb_per_s), round(end["cpu_utilization_percent"]["host_total"] * 150e4 / mb_per_s))'
    wait $server || :
}

one() { # CASE CLIENT
    case $1:$2 in
    get:wrk) with_wrk -c64 "$url" ;;
    get:h2load) with_h2load --h1 -c64 "$url" ;;
    get:us) with_us url="$url" concurrency=64 ;;
    post-1k:wrk) with_wrk -c64 -s "$work/post.lua" "$url" ;;
    post-1k:h2load) with_h2load --h1 -c64 -d"$work/1k" "$url" ;;
    post-1k:us) with_us url="$url" concurrency=64 body='text(1024)' ;;
    unix:h2load) with_h2load --h1 -c64 --base-uri="unix:$work/s" http://localhost/ ;;
    unix:us) with_us unix="$work/s" concurrency=64 ;;
    get-1000:wrk) with_wrk -c1000 "$url" ;;
    get-1000:h2load) with_h2load --h1 -c1000 "$url" ;;
    get-1000:us) with_us url="$url" concurrency=1000 ;;
    upload-150M:iperf3) with_iperf3 ;;
    upload-150M:us) upload http_load url="http://127.0.0.1:$(cat "$work/sink.port")/" ;;
    upload-150M:us-h2) upload http2_load url="http://127.0.0.1:$(cat "$work/sink2.port")/" ;;
    upload-150M:us-grpc)
        upload grpc_load url="http://127.0.0.1:$(cat "$work/sink2.port")/" method=/bench.Sink/Take
        ;;
    h2-get:h2load) with_h2load -c64 "$h2_url" ;;
    h2-get:us) with_us http2_load url="$h2_url" concurrency=64 connections=64 streams=1 ;;
    h2-post-1k:h2load) with_h2load -c64 -d"$work/1k" "$h2_url" ;;
    h2-post-1k:us)
        with_us http2_load url="$h2_url" concurrency=64 connections=64 streams=1 body='text(1024)'
        ;;
    h2-one:h2load) with_h2load -c1 -m64 "$h2_url" ;;
    h2-one:us) with_us http2_load url="$h2_url" concurrency=64 connections=1 ;;
    esac
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

cases="get:wrk get:h2load get:us post-1k:wrk post-1k:h2load post-1k:us unix:h2load unix:us
get-1000:wrk get-1000:h2load get-1000:us h2-get:h2load h2-get:us h2-post-1k:h2load h2-post-1k:us
h2-one:h2load h2-one:us upload-150M:iperf3 upload-150M:us upload-150M:us-h2 upload-150M:us-grpc"
cases=${chosen:-$cases}
spins="0us 100us"
for _ in $(seq "$rounds"); do
    for pair in $cases; do
        one "${pair%%:*}" "${pair#*:}" >>"$work/$pair"
    done
    for spin in $spins; do
        taskset -c 0 "$bench" "$seconds" url="$url" rate=10000/s spin=$spin >>"$work/open-$spin"
    done
done
# What a client could drive at the most, beside the first of the case (of uploads what it did drive).
goal() { # CASE CLIENT
    case $1:$2 in
    get:us | post-1k:us) echo 1.0 ;;
    unix:us) echo 1.3 ;;
    h2-*:us) echo 1.2 ;;
    upload-*:us*) echo 0.85 ;;
    *) echo - ;;
    esac
}
printf '%-12s %-8s %10s %12s %12s %10s %6s\n' \
    case client requests/s "CPU us/req" "rate, ratio" "per core" goal
first='' first_rate='' first_cpu=''
for pair in $cases; do
    rate=$(awk '{ print $1 }' "$work/$pair" | median) cpu=$(awk '{ print $2 }' "$work/$pair" | median)
    if [ "${pair%%:*}" != "$first" ]; then
        first=${pair%%:*} first_rate=$rate first_cpu=$cpu
    fi
    printf '%-12s %-8s %10s %12s %12s %10s %6s\n' "$first" "${pair#*:}" "$rate" "$cpu" \
        "$(awk "BEGIN { printf \"%.2f\", $rate / $first_rate }")" \
        "$(awk "BEGIN { printf \"%.2f\", $first_cpu / $cpu }")" "$(goal "$first" "${pair#*:}")"
done
for spin in $spins; do
    echo "open loop at 10000/s, spin $spin: slip p50 $(awk '{ print $5 }' "$work/open-$spin" | median)" \
        "us, p99 $(awk '{ print $6 }' "$work/open-$spin" | median) us," \
        "peak RSS $(awk '{ print $7 }' "$work/open-$spin" | median) MB"
done
