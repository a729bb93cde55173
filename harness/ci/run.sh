#!/bin/sh
# One memory check of a CI job: runs a scenario or a command, gates it, leaves the reports. What it
# does is told by variables, so that one script serves every CI system:
#
#   SPILLMARK_SCENARIO   a scenario, with SPILLMARK_PARAMS="build=after rate=2000"; or
#   SPILLMARK_COMMAND    any command, for a shell
#   SPILLMARK_LIMITS     "heap_peak=64MB fds_peak=100"      SPILLMARK_BUDGET    a file of limits
#   SPILLMARK_BASELINE   a file of spillmark gate --save-baseline
#   SPILLMARK_OUTPUT     where run and reports are left: spillmark-ci unless given
#   SPILLMARK_ALLOW_INCONCLUSIVE=true    lets pass what could not be settled
#
# Ends with the status of the gate: 0 all hold, 1 a limit broken or growth, 4 inconclusive.
set -eu
out=${SPILLMARK_OUTPUT:-spillmark-ci}
rm -rf "$out"
mkdir -p "$out"
status=0
if [ -n "${SPILLMARK_SCENARIO:-}" ]; then
    set --
    for param in ${SPILLMARK_PARAMS:-}; do
        set -- "$@" -p "$param"
    done
    spillmark run "$SPILLMARK_SCENARIO" "$@" -o "$out/run" || status=$?
elif [ -n "${SPILLMARK_COMMAND:-}" ]; then
    spillmark probe -o "$out/run" -- sh -c "$SPILLMARK_COMMAND" || status=$?
else
    echo "set SPILLMARK_SCENARIO or SPILLMARK_COMMAND" >&2
    exit 2
fi
[ -e "$out/run/run.db" ] || exit "$status"

set --
[ -z "${SPILLMARK_BUDGET:-}" ] || set -- "$@" --budget "$SPILLMARK_BUDGET"
for limit in ${SPILLMARK_LIMITS:-}; do
    set -- "$@" --limit "$limit"
done
[ -z "${SPILLMARK_BASELINE:-}" ] || set -- "$@" --baseline "$SPILLMARK_BASELINE"
status=0
spillmark gate "$out/run" "$@" || status=$?
[ "$status" != 2 ] || exit 2

# The reports have the status of the gate as well; only whether they were written matters here.
write() { spillmark gate "$out/run" "$@" || [ $? != 2 ]; }
write "$@" --format junit -o "$out/junit.xml"
write "$@" --format sarif -o "$out/memory.sarif"
write "$@" --format html -o "$out/report.html"
write "$@" --format markdown -o "$out/summary.md"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    cat "$out/summary.md" >>"$GITHUB_STEP_SUMMARY"
    write "$@" --format github
fi
if [ "$status" = 4 ] && [ "${SPILLMARK_ALLOW_INCONCLUSIVE:-false}" = true ]; then
    exit 0
fi
exit "$status"
