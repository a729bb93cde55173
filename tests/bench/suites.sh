#!/bin/sh
# suites.sh BUILD SOURCES [NAME...] - whole test suites of real programs, with and without the probe.
#
# SOURCES holds the unpacked source packages (`apt-get source redis sqlite3`); in SQLite's,
# `./configure --with-tcl=/usr/lib/tcl8.6 && make testfixture` must have been run. Suites whose
# sources are missing are left out, and said to be.
set -u
build=$1 sources=$2
shift 2
[ $# -gt 0 ] || set -- python-long redis sqlite
failed=0
for name; do
    case $name in
    redis) of=$(echo "$sources"/redis-*/) ;;
    sqlite) of=$(echo "$sources"/sqlite3-*/) ;;
    *) of= ;;
    esac
    "$(dirname "$0")/../hosts/suite.sh" "$build/tests/probe-observe" \
        "$build/lib/spillmark/libspillmark-probe.so" "$name" "${of%/}"
    case $? in
    0) ;;
    77) echo "$name: left out" ;;
    *) echo "$name: DIFFERENT" && failed=1 ;;
    esac
done
exit $failed
