#!/bin/sh
# real_program.sh OBSERVE PROBE NAME - a real program, twice: the result under the probe, recording
# everything, must be the one without. Exit status 77 when the program is not installed.
set -eu
observe=$1 probe=$2 name=$3
work=$(mktemp -d /tmp/spillmark-real-XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"

need() { command -v "$1" >/dev/null 2>&1 || exit 77; }
under() { "$observe" "$probe" --foreign --drops -- "$@"; }
same() { # runs a script of sh with and without
    sh "$1" >plain 2>&1
    under sh "$1" >probed 2>&1
    cmp plain probed
}

case $name in
sqlite)
    need sqlite3
    cat >script <<'END'
rm -f d.db; sqlite3 d.db "create table t(a integer primary key, b text); create index i on t(b);
 with recursive c(x) as (select 1 union all select x+1 from c where x<30000)
 insert into t select x, printf('%d-%d', x*7919%10007, x) from c;
 delete from t where a%3=0; pragma integrity_check; select count(*), sum(length(b)) from t;
 select b from t order by b limit 20;"
END
    same script ;;
python)
    need /usr/bin/python3
    cat >script <<'END'
PYTHONMALLOC=malloc /usr/bin/python3 -c '
import json, pickle, re, threading, subprocess, hashlib, multiprocessing
rows = [{"id": i, "v": list(range(i % 9))} for i in range(4000)]
assert json.loads(json.dumps(rows)) == pickle.loads(pickle.dumps(rows))
out = []
threads = [threading.Thread(target=lambda n=n: out.append(sum(len(str(k)) for k in range(n * 500)))) for n in range(20)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(out), hashlib.sha256(json.dumps(rows).encode()).hexdigest())
print(subprocess.run(["/bin/echo", "child"], capture_output=True).stdout)
with multiprocessing.get_context("fork").Pool(3) as pool: print(pool.map(abs, range(-5, 5)))
'
END
    same script ;;
gcc)
    need gcc
    cat >a.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(void) { for (int i = 0; i < 5; i++) printf("%d\n", i * i); return EXIT_SUCCESS; }
END
    cat >script <<'END'
gcc -O2 -c a.c -o a.o && gcc a.o -o a && ./a && cksum <a.o && gcc -fsyntax-only missing.c; echo $?
END
    same script ;;
node)
    need node
    cat >script <<'END'
node -e '
const { execFileSync } = require("child_process"), zlib = require("zlib");
let a = []; for (let i = 0; i < 200000; i++) a.push({ i, s: "x" + i });
console.log(a.length, JSON.stringify(a).length, zlib.gzipSync(JSON.stringify(a)).length);
console.log(execFileSync("/bin/echo", ["child"]).toString());
const { Worker } = require("worker_threads");
new Worker("require(\"worker_threads\").parentPort.postMessage(42)", { eval: true }).on("message", console.log);'
END
    same script ;;
redis)
    need redis-server
    cat >script <<'END'
redis-server --port 0 --unixsocket "$PWD/r.sock" --save "" --daemonize no >log 2>&1 &
server=$!
until redis-cli -s r.sock ping >/dev/null 2>&1; do kill -0 $server || exit 1; done
redis-benchmark -s r.sock -n 5000 -q -t set,get,lpush >/dev/null
redis-cli -s r.sock eval 'for i=1,2000 do redis.call("set","k"..i,string.rep("v",i%300)) end return redis.call("dbsize")' 0
redis-cli -s r.sock debug jmap >/dev/null 2>&1
redis-cli -s r.sock save
redis-cli -s r.sock shutdown nosave
wait $server; echo $?
END
    same script ;;
nginx)
    need nginx
    need curl
    mkdir -p html
    echo hello >html/index.html
    cat >nginx.conf <<END
daemon off; pid $work/pid; error_log $work/error.log; worker_processes 2;
events {} http { access_log off; server { listen unix:$work/n.sock; root $work/html; } }
END
    cat >script <<'END'
nginx -c "$PWD/nginx.conf" -p "$PWD" >/dev/null 2>&1 &
server=$!
until curl -sf --unix-socket n.sock http://x/ >/dev/null; do kill -0 $server || exit 1; done
for i in 1 2 3 4 5; do curl -s --unix-socket n.sock http://x/index.html; done
curl -s -o /dev/null -w '%{http_code}\n' --unix-socket n.sock http://x/missing
kill -QUIT $server; wait $server; echo $?; rm -f n.sock
END
    chmod -R a+rX "$work"
    same script ;;
*)
    exit 2 ;;
esac
