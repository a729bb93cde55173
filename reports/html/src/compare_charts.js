// One chart for each series that the runs share, with a line for each run.
import { rateOf, seriesOf } from "./data.js";

const RATE_SPAN_S = 0.5;

const level = (name) => (all) => all.get(name);
const rate = (name) => (all) => (all.get(name)?.t.length > 1 ? rateOf(all.get(name), RATE_SPAN_S) : null);

function p99(all, run) {
    const load = run.loads[0];
    if (!load) return null;
    const value = load.p99.map((v, i) => (load.accepted[i] + load.refused[i] > 0 && v > 0 ? v : NaN));
    return value.some((v) => v > 0) ? { t: load.to_s, value } : null;
}

const CHARTS = [
    ["heap", "Live heap", "bytes", level("heap"), true], ["rss", "Resident memory", "bytes", level("rss"), true],
    ["delivered", "Delivered units per second", "count/s", rate("delivered"), true], ["slack", "Allocator slack", "bytes", level("slack"), true],
    ["in-flight", "Declared in flight", "bytes", level("in_flight:declared"), true], ["latency", "Latency p99", "seconds", p99, true],
    ["fds", "Open descriptors", "count", level("fds"), true],
    ["offered", "Offered units per second", "count/s", rate("offered")], ["dropped", "Dropped units per second", "count/s", rate("dropped")],
    ["refused", "Refused units per second", "count/s", rate("refused")], ["driver", "Requests not answered", "count", level("in_flight:driver")],
    ["count", "Live allocations", "count", level("heap_count")], ["cpu", "Processors busy", "none", (all) => (all.get("cpu")?.t.length > 1 ? rateOf(all.get("cpu"), 1) : null)],
];

export function comparedCharts(runs, labels, colours) {
    const all = runs.map(seriesOf);
    return CHARTS.map(([id, title, unit, of, main]) => ({
        id, title, unit, main: !!main, log: id === "latency", marks: [],
        lines: runs.map((run, i) => ({ label: labels[i], series: of(all[i], run), colour: colours[i % colours.length], width: 1.8 })).filter((l) => l.series && l.series.t.length),
    })).filter((chart) => chart.lines.length);
}
