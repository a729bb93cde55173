// Which charts a run has: series by what they measure, on one axis each.
import { rateOf, seriesOf } from "./data.js";
import { words } from "./format.js";

const RATE_SPAN_S = 0.5;
const PALETTE = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];

const line = (label, series, colour, extra = {}) =>
    (series && series.t.length ? { label, series, colour, ...extra } : null);

const coloured = (lines) => lines.filter(Boolean).map((l, i) => ({ ...l, colour: l.colour || PALETTE[i % PALETTE.length] }));

function rate(all, name, least_s) {
    const series = all.get(name);
    return series && series.t.length > 1 ? rateOf(series, least_s) : null;
}

function latencies(run) {
    const lines = [];
    for (const load of run.loads) {
        const prefix = run.loads.length > 1 ? `${load.name} ` : "";
        for (const [name, colour] of [["p50", "--c3"], ["p90", "--c6"], ["p99", "--c2"], ["max", "--c5"]]) {
            const value = load[name].map((v, i) => (load.accepted[i] + load.refused[i] > 0 && v > 0 ? v : NaN));
            if (value.some((v) => v > 0))
                lines.push(line(prefix + name, { t: load.to_s, value }, run.loads.length > 1 ? null : colour));
        }
    }
    return lines;
}

const named = (all, pattern, accept) =>
    [...all.values()].filter((s) => pattern.test(s.name) && accept(s)).map((s) =>
        line(words(s.name.replace(pattern, "")) || s.name, s));

const isBytes = (s) => s.unit === 1 || /bytes/.test(s.name);
const isTotal = (s) => /_total$|_ticks$/.test(s.name);

function marks(run, series, budget) {
    const list = [];
    if (known(run.bounds[series])) list.push({ y: run.bounds[series], label: `declared bound of ${words(series)}` });
    for (const item of run.report.budget)
        if (budget.includes(item.name) && known(item.limit_value)) list.push({ y: item.limit_value, label: `budget ${words(item.name)}` });
    return list;
}

const known = (v) => typeof v === "number";

function memoryCharts(run, all) {
    return [
        { id: "memory", title: "Memory", unit: "bytes", main: true, marks: marks(run, "heap", ["heap_peak", "rss_peak"]),
          decided: run.report.series.heap?.decided_at_s,
          lines: [line("live heap", all.get("heap"), "--c1", { width: 2.2, fill: true }),
                  line("resident (RSS)", all.get("rss"), "--c2"),
                  line("allocator slack", all.get("slack") || all.get("slack_estimate"), "--c4"),
                  line("mapped by the program", all.get("mapped"), "--c6", { hidden: true })] },
        { id: "resident", title: "Resident memory by kind", unit: "bytes", main: true,
          lines: [line("anonymous", all.get("rss_anon"), "--c2"), line("file pages", all.get("rss_file"), "--c3"),
                  line("shared", all.get("rss_shmem"), "--c6"),
                  line("slack, seen from outside", all.get("slack_estimate"), "--c4", { hidden: true })] },
    ];
}

function workCharts(run, all) {
    const counts = (s) => !isBytes(s);
    return [
        { id: "units", title: "Units per second", unit: "count/s", main: true,
          lines: [line("offered", rate(all, "offered", RATE_SPAN_S), "--c1", { width: 2.2 }),
                  line("accepted", rate(all, "accepted", RATE_SPAN_S), "--c6"),
                  line("delivered", rate(all, "delivered", RATE_SPAN_S), "--c3", { width: 2.2 }),
                  line("dropped", rate(all, "dropped", RATE_SPAN_S), "--c4"),
                  line("refused", rate(all, "refused", RATE_SPAN_S), "--c2"),
                  line("unanswered", rate(all, "unanswered", RATE_SPAN_S), "--c5")] },
        { id: "in-flight", title: "In flight, bytes", unit: "bytes", main: true, marks: marks(run, "in_flight:declared", []),
          lines: [line("declared by the program", all.get("in_flight:declared"), "--c1", { width: 2.2, fill: true }),
                  line("read from sockets, not written to files", all.get("in_flight:read-written"), "--c2"),
                  line("in the kernel\u2019s sockets", all.get("in_flight:sockets"), "--c3"),
                  ...named(all, /^mark:/, isBytes).map((l) => l && { ...l, hidden: true })] },
        { id: "latency", title: "Latency, from the intended start", unit: "seconds", log: true, main: true, lines: latencies(run) },
        { id: "waiting", title: "In flight, units", unit: "count",
          lines: [line("requests not answered", all.get("in_flight:driver")),
                  ...named(all, /^mark:/, counts), ...named(all, /^gauge:/, (s) => counts(s) && !isTotal(s) && /queue|flight|pending|backlog|wait/.test(s.name))] },
    ];
}

function systemCharts(run, all) {
    return [
        { id: "fds", title: "Open descriptors", unit: "count", main: true, marks: marks(run, "fds", ["fds_peak"]),
          lines: [line("all", all.get("fds"), "--c1", { width: 2.2 }), ...named(all, /^fds:/, () => true)] },
        { id: "bytes", title: "Bytes read and written per second", unit: "bytes/s",
          lines: [line("read", rate(all, "read", RATE_SPAN_S), "--c1"), line("written", rate(all, "written", RATE_SPAN_S), "--c2")] },
        { id: "cpu", title: "Processors busy", unit: "none", lines: [line("processors", rate(all, "cpu", 1), "--c5")] },
        { id: "objects", title: "Live allocations and threads", unit: "count",
          lines: [line("live allocations", all.get("heap_count"), "--c1"), line("threads", all.get("threads"), "--c5")] },
        { id: "gauge-bytes", title: "The program\u2019s own gauges, bytes", unit: "bytes", lines: named(all, /^gauge:/, isBytes) },
        { id: "gauges", title: "The program\u2019s own gauges", unit: "count",
          lines: named(all, /^gauge:/, (s) => !isBytes(s) && !isTotal(s)) },
        { id: "gauge-rates", title: "The program\u2019s own counters, per second", unit: "count/s",
          lines: [...all.values()].filter((s) => s.name.startsWith("gauge:") && isTotal(s) && s.t.length > 1)
              .map((s) => line(words(s.name.slice(6)), rateOf(s, 1))) },
    ];
}

// The charts of a run that have a line, in order; `main` ones show at first.
export function chartsOf(run) {
    const all = seriesOf(run);
    return [...memoryCharts(run, all), ...workCharts(run, all), ...systemCharts(run, all)]
        .map((chart) => ({ marks: [], ...chart, lines: coloured(chart.lines) }))
        .filter((chart) => chart.lines.length);
}
