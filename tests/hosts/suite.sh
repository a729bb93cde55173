#!/bin/sh
# suite.sh OBSERVE PROBE NAME [SOURCES] - the test suite of a real program, twice: what each of its
# tests came to must be the same under the probe as without. Exit status 77 when the program or its
# tests are not installed.
#
#     python         modules of Python's own tests (libpython3.11-testsuite), the quick ones
#     python-long    more of them
#     redis          SOURCES: redis's, unpacked; the installed redis-server runs them
#     sqlite         SOURCES: SQLite's, in which `make testfixture` was done
set -eu
observe=$1 probe=$2 name=$3 sources=${4-}
work=$(mktemp -d /tmp/spillmark-suite-XXXXXX)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C

under() {
    "$observe" "$probe" --foreign --drops --torn --interval 65536 --slots 8000 --patience 1500 \
        -- "$@"
}
# compare FILTER COMMAND...: runs it with and without, and compares what FILTER lets through.
compare() {
    filter=$1
    shift
    "$@" >"$work/plain.log" 2>&1 </dev/null || echo "exit status $?" >>"$work/plain.log"
    under "$@" >"$work/probed.log" 2>&1 </dev/null || echo "exit status $?" >>"$work/probed.log"
    for run in plain probed; do
        sh -c "$filter" <"$work/$run.log" | sort >"$work/$run"
    done
    echo "$name: $(wc -l <"$work/plain") results, $(grep -c . "$work/probed") under the probe"
    test -s "$work/plain"
    diff "$work/plain" "$work/probed"
}
python() {
    /usr/bin/python3 -c 'import test.test_json' 2>/dev/null || exit 77
    cd "$work"
    compare "grep -E '[.][.][.] (ok|FAIL|ERROR|skipped|expected failure)|^exit status'" \
        /usr/bin/python3 -m test -v "$@"
}

case $name in
python)
    python test_list test_mmap test_fork1 test_thread test_struct test_generators ;;
python-long)
    python test_wait3 test_threadsignals test_json test_dict test_re test_zlib test_gc test_weakref test_pickle test_bytes \
        test_posix test_ctypes test_set test_deque test_array test_exceptions test_threading \
        test_subprocess test_signal test_os test_faulthandler test_multiprocessing_fork ;;
redis)
    command -v redis-server >/dev/null && test -x "$sources/runtest" || exit 77
    cp -r "$sources" "$work/redis"
    cd "$work/redis"
    for program in redis-server redis-cli redis-benchmark redis-sentinel redis-check-aof \
        redis-check-rdb; do
        ! command -v $program >/dev/null || ln -sf "$(command -v $program)" "src/$program"
    done
    compare "sed -n 's/\x1b\[[0-9;]*m//g; s/ ([0-9]* ms)//; /^\[\(ok\|err\|exception\)\]/p'" \
        ./runtest --clients 2 --single unit/type/list --single unit/type/hash \
        --single unit/type/set --single unit/type/string --single unit/type/zset \
        --single unit/expire --single unit/scan --single unit/keyspace --single unit/multi \
        --single unit/pubsub --single unit/scripting --single unit/dump --single unit/other \
        --single integration/rdb --single integration/aof ;;
sqlite)
    test -x "$sources/testfixture" || exit 77
    cd "$work"
    compare "grep -E '[.][.][.] (Ok|Omitted)|^!|errors out of|^exit status' | sed 's/Time:.*//'" \
        sh -c "for t in select1 insert index join delete trigger1 subquery savepoint func where \\
            select3 insert2 update vacuum wal pragma tclsqlite thread001 window1 json101 \\
            autovacuum memsubsys1 malloc3; do
'$sources/testfixture' '$sources/test/'\$t.test; done" ;;
*)
    exit 2 ;;
esac
