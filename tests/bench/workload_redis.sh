# workload_redis.sh - a server under load until it has done a fixed amount of work. The tool that is
# measured is in the environment or in front of this script; the client runs without it.
#     workload_redis.sh REQUESTS PIPELINED
set -eu
unset_tool="env -u LD_PRELOAD -u MALLOC_CONF -u HEAPPROFILE"
redis-server --port 0 --unixsocket "$PWD/redis.sock" --save "" >/dev/null 2>&1 &
server=$!
until $unset_tool redis-cli -s redis.sock ping >/dev/null 2>&1; do kill -0 $server; done
$unset_tool redis-benchmark -s redis.sock -n "$1" -r 100000 -P "$2" -q -t set >/dev/null
$unset_tool redis-cli -s redis.sock shutdown nosave >/dev/null 2>&1 || true
wait $server
