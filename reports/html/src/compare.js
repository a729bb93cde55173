// Two or more runs over each other: verdicts, figures, every series, and the growth of sites as a
// differential flame graph.
import { comparedCharts } from "./compare_charts.js";
import { differenceOf } from "./compare_sites.js";
import { h, section, shorten } from "./dom.js";
import { known, quantity, seconds, words } from "./format.js";
import { badge } from "./hero.js";
import { frame } from "./report.js";
import { timelineOf } from "./timeline.js";

export const LETTERS = "ABCDEFGHIJKLMNOP";
export const RUN_COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];

// Parameters in which the runs differ tell them apart; else their order does.
function namesOf(runs) {
    const keys = [...new Set(runs.flatMap((r) => Object.keys(r.report.params)))];
    const differing = keys.filter((k) => new Set(runs.map((r) => r.report.params[k])).size > 1);
    const sameScenario = new Set(runs.map((r) => r.report.scenario)).size === 1;
    return runs.map((run) => [sameScenario ? null : shorten(run.report.scenario, 60),
        ...differing.slice(0, 3).map((k) => `${shorten(k, 30)}=${shorten(run.report.params[k] ?? "", 40)}`)].filter(Boolean).join(" ") || shorten(run.report.title, 60));
}

export const mark = (i) => h("span", { class: "letter", style: { "--run": `var(${RUN_COLOURS[i % RUN_COLOURS.length]})` } }, LETTERS[i] || String(i + 1));

function hero(runs, names) {
    const title = new Set(runs.map((r) => r.report.title)).size === 1 ? shorten(runs[0].report.title, 120) : `${runs.length} runs`;
    return h("header", { class: "hero", id: "verdict" }, h("p", { class: "verdict" }, h("span", { class: "chip" }, `${runs.length} runs compared`)), h("h1", {}, title),
        h("div", { class: "run-cards" }, runs.map((run, i) => h("article", { class: `card run ${run.report.verdict}`, style: { "--run": `var(${RUN_COLOURS[i % RUN_COLOURS.length]})` } },
            h("h3", {}, mark(i), " ", names[i]), h("p", {}, badge(run.report.verdict), h("span", { class: "dim" }, ` ${seconds(run.report.duration_s)}`)),
            h("p", {}, run.report.why)))));
}

const series = (name, field) => (run) => run.report.series[name]?.[field] ?? NaN;

function figures() {
    const heap = (run) => run.report.series.heap;
    const grows = (run) => (heap(run)?.verdict === "growing" ? heap(run).rate_per_s.value : heap(run)?.verdict === "bounded" ? 0 : NaN);
    return [
        ["Live heap grows by", "bytes/s", grows], ["Heap, peak", "bytes", series("heap", "peak")], ["Heap, end", "bytes", series("heap", "end")],
        ["RSS, peak", "bytes", series("rss", "peak")], ["RSS, end", "bytes", series("rss", "end")], ["Slack at the peak", "bytes", (r) => r.report.memory_at_peak.slack ?? NaN],
        ["Descriptors, peak", "count", series("fds", "peak")],
        ["Offered", "count", (r) => r.report.ledger.offered ?? NaN], ["Delivered", "count", (r) => r.report.ledger.delivered ?? NaN],
        ["Refused", "count", (r) => r.report.ledger.refused ?? NaN], ["Dropped and reported", "count", (r) => r.report.ledger.dropped ?? NaN],
        ["Unaccounted for", "count", (r) => r.report.ledger.unaccounted ?? NaN], ["Worst latency p99", "seconds", (r) => r.report.load.worst_latency_p99_s ?? NaN],
        ["Budget lines broken", "count", (r) => r.report.budget.filter((l) => l.holds === false).length],
    ];
}

function change(unit, first, value) {
    if (!known(first) || !known(value) || first === value) return "";
    const ratio = value / first;
    const sign = value > first ? "+" : "\u2212";
    return `${sign}${quantity(unit, Math.abs(value - first))}${first > 0 && value > 0 && (ratio > 1.1 || ratio < 0.9) ? ` (\u00d7${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)})` : ""}`;
}

function figuresTable(runs, names) {
    const rows = figures().map(([name, unit, of]) => ({ name, unit, values: runs.map(of) })).filter((r) => r.values.some(known));
    return section("figures", "Figures", h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Figures" },
        h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }), runs.map((_, i) => h("th", { scope: "col", class: "number" }, mark(i), ` ${shorten(names[i], 40)}`)))),
            h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, row.name), row.values.map((value, i) =>
                h("td", { class: "number" }, known(value) ? quantity(row.unit, value) : "\u2013", i ? h("span", { class: "change" }, change(row.unit, row.values[0], value)) : null))))))));
}

function causesTable(runs) {
    const kinds = [...new Set(runs.flatMap((r) => r.report.causes.map((c) => `${c.kind}\u0000${c.series}`)))];
    if (kinds.length === 0) return null;
    return section("causes", "Causes", h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Causes" },
        h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Cause"), runs.map((_, i) => h("th", { scope: "col" }, mark(i))))),
            h("tbody", {}, kinds.map((key) => {
                const [kind, name] = key.split("\u0000");
                return h("tr", {}, h("th", { scope: "row" }, words(kind), name ? h("span", { class: "dim" }, ` in ${shorten(name, 60)}`) : null), runs.map((run) => {
                    const cause = run.report.causes.find((c) => c.kind === kind && c.series === name);
                    return h("td", { class: "wide" }, cause ? [h("span", { class: `badge small ${cause.note ? "doubt" : "bad"}` }, cause.note ? "note" : "cause"), " ", cause.text] : h("span", { class: "dim" }, "\u2013"));
                }));
            })))));
}

export function showCompare(page, runs) {
    const names = namesOf(runs), labels = names.map((name, i) => `${LETTERS[i] || i + 1} ${name}`);
    const longest = runs.reduce((a, b) => (b.report.duration_s > a.report.duration_s ? b : a));
    const timeline = timelineOf(longest, comparedCharts(runs, labels, RUN_COLOURS));
    timeline.element.querySelector(".hint").append(" Phases and faults are those of the longest run.");
    const difference = differenceOf(runs, labels);
    const sections = [timeline.element, figuresTable(runs, names), causesTable(runs), difference?.element].filter(Boolean);
    frame(page, hero(runs, names), sections, runs[0].report.made_by);
    timeline.start();
    difference?.start();
}
