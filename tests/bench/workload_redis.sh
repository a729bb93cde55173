# workload_redis.sh - a server under load until it has done a fixed amount of work. The tool that is
# measured is in the environment or in SERVER_FRONT; the client runs without it. Leaves the load's
# time and the server's processor time during it, in seconds, in the file `measured`.
#     workload_redis.sh REQUESTS PIPELINED
set -eu
unset_tool="env -u LD_PRELOAD -u MALLOC_CONF -u HEAPPROFILE"
client="$unset_tool redis-cli -s redis.sock"

tree() { # a process and all below it
    echo "$1"
    for child in $(cat /proc/"$1"/task/*/children); do tree "$child"; done
}

server_cpu() { # in seconds, with what a tool runs beside the server, without the client
    for pid in $(tree $server); do cat /proc/"$pid"/task/*/schedstat; done |
        awk '{ sum += $1 } END { printf "%.9f\n", sum / 1e9 }'
}

last=$(($(nproc) - 1))
taskset -c "$last" ${SERVER_FRONT:-} redis-server --port 0 --unixsocket "$PWD/redis.sock" --save "" >/dev/null 2>&1 &
server=$!
until $client ping >/dev/null 2>&1; do kill -0 $server; done
cpu=$(server_cpu)
start=$(date +%s.%N)
$unset_tool taskset -c "0-$((last > 0 ? last - 1 : 0))" redis-benchmark -s redis.sock -n "$1" -r 100000 -P "$2" -q -t set >/dev/null
end=$(date +%s.%N)
awk -v start="$start" -v end="$end" -v before="$cpu" -v after="$(server_cpu)" \
    'BEGIN { printf "%.6f %.6f\n", end - start, after - before }' >measured
$client shutdown nosave >/dev/null 2>&1 || true
wait $server
