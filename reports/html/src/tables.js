// Budget, faults and their receipts, series, processes, the machine: tables.
import { h, section, shorten } from "./dom.js";
import { bytes, count, known, moment, quantity, seconds, words } from "./format.js";

const table = (name, head, rows) => h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name },
    h("table", {}, h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows)));

const td = (text, className) => h("td", { class: className }, shorten(text, 500));

const HOLDS = { true: ["kept", "good"], false: ["broken", "bad"], null: ["open", "doubt"] };

function usage(line) {
    if (!known(line.limit_value) || line.limit_value <= 0 || !known(line.actual)) return null;
    const share = line.actual / line.limit_value;
    return h("div", { class: "usage", role: "img", "aria-label": `${quantity("percent", 100 * share)} of the limit` },
        h("span", { class: share > 1 ? "over" : "", style: { width: `${Math.min(100, 100 * share)}%` } }));
}

export function budgetOf(run) {
    const { budget } = run.report;
    if (budget.length === 0) return null;
    const units = new Map(run.series.map((s) => [s.name, s.unit]));
    const unit = (line) => units.get(line.name) ?? (/^latency/.test(line.name) ? "seconds" : /^(heap|rss|slack)/.test(line.name) ? "bytes" : "count");
    const gravity = (l) => (l.holds === false ? 0 : l.holds === null ? 1 : 2);
    return section("budget", "Budget", table("Budget", ["", "Limit", "Asked", "Was", "Why"], [...budget].sort((a, b) => gravity(a) - gravity(b)).map((line) => {
        const [name, state] = HOLDS[line.holds];
        return h("tr", {}, h("td", {}, h("span", { class: `badge small ${state}` }, name)), h("th", { scope: "row" }, words(line.name)), td(line.limit),
            h("td", { class: "number" }, known(line.actual) ? quantity(unit(line), line.actual) : "\u2013", usage(line)), td(line.holds === null && run.isGoingOn ? "it is judged at the end" : line.why, "wide"));
    })));
}

function asked(values) {
    return Object.entries(values).filter(([name]) => name !== "way").map(([name, value]) => h("span", { class: "chip", title: String(value).slice(0, 2000) }, `${shorten(name, 40)} = ${shorten(typeof value === "object" ? JSON.stringify(value) : value, 60)}`));
}

export function faultsOf(run) {
    const { faults } = run.report;
    if (faults.length === 0) return null;
    return section("faults", "Faults and their receipts", h("p", { class: "hint" }, "What each fault was asked to do, and what it really did."),
        table("Faults", ["Fault", "From", "To", "Asked", "Calls", "Bytes", "Delay", ""], faults.map((f) => h("tr", {},
            h("th", { scope: "row" }, words(f.kind)), td(moment(f.from_s ?? 0)), td(known(f.to_s) ? moment(f.to_s) : "the end"), h("td", { class: "chips" }, asked(f.asked)),
            td(count(f.receipt.calls), "number"), td(bytes(f.receipt.bytes), "number"), td(seconds(f.receipt.delay_s), "number"), td(f.receipt.note, "wide dim")))));
}

const STATES = { growing: "bad", bounded: "good", inconclusive: "doubt" };

export function seriesTable(run) {
    const units = new Map(run.series.map((s) => [s.name, s.unit]));
    const rows = Object.entries(run.report.series).map(([name, s]) => ({ name, ...s, unit: units.get(name) ?? "none" }));
    rows.sort((a, b) => (b.verdict ? 1 : 0) - (a.verdict ? 1 : 0));
    if (rows.length === 0) return null;
    return section("series", "Every series", h("details", {}, h("summary", {}, `${rows.length} series with their verdicts`),
        table("Series", ["Series", "Start", "Peak", "End", "Verdict", "Why"], rows.map((s) => h("tr", {}, h("th", { scope: "row" }, shorten(s.name, 80)),
            td(quantity(s.unit, s.start), "number"), td(quantity(s.unit, s.peak), "number"), td(quantity(s.unit, s.end), "number"),
            h("td", {}, s.verdict ? h("span", { class: `badge small ${STATES[s.verdict]}` }, s.verdict) : null), td(s.why || s.needs || "", "wide"))))));
}

export function processesOf(run) {
    const { processes } = run.report;
    if (processes.length === 0) return null;
    const most = 40;
    const row = (p) => h("tr", {}, td(p.pid, "number"), h("td", { class: "wide mono", title: String(p.command).slice(0, 2000) }, shorten(p.command, 300)), td(moment(p.from_s ?? 0)), td(known(p.to_s) ? moment(p.to_s) : "the end"),
        td(p.exit || "\u2013"), h("td", {}, shorten(p.probe, 120), p.probe_drops ? ` (${count(p.probe_drops)} drops)` : ""), td(known(p.series.heap?.peak) ? bytes(p.series.heap.peak) : "\u2013", "number"), td(known(p.series.rss?.peak) ? bytes(p.series.rss.peak) : "\u2013", "number"));
    const rows = processes.map(row), head = ["Pid", "Command", "From", "To", "End", "Probe", "Heap, peak", "RSS, peak"];
    return section("processes", "Processes", table("Processes", head, rows.slice(0, most)),
        rows.length > most ? h("details", {}, h("summary", {}, `${rows.length - most} more processes`), table("More processes", head, rows.slice(most))) : null);
}

function flatten(name, value, to) {
    if (value === null || value === "" || value === undefined) return to;
    if (typeof value === "object" && !Array.isArray(value)) for (const [key, v] of Object.entries(value)) flatten(name ? `${name} ${key}` : key, v, to);
    else to.push([words(name), /bytes$/.test(name) && known(value) ? bytes(value) : /_s$/.test(name) && known(value) ? seconds(value) : Array.isArray(value) ? JSON.stringify(value) : String(value)]);
    return to;
}

const facts = (title, entries) => (entries.length ? h("div", { class: "facts" }, h("h3", {}, title), h("dl", {}, entries.map(([name, value]) => h("div", {}, h("dt", {}, shorten(name, 60)), h("dd", { title: String(value).slice(0, 2000) }, shorten(value, 300)))))) : null);

export function machineOf(run) {
    const { report } = run;
    const made = [["spillmark", report.made_by], ["allocator", report.allocator], ["ended by", report.ended_by]].filter(([, v]) => v);
    const eventRows = run.events.map((e) => h("tr", {}, td(known(e.t_s) ? moment(e.t_s) : ""), td(e.kind), td(e.text, "wide")));
    return section("machine", "Machine and versions",
        h("div", { class: "fact-columns" }, facts("Machine", flatten("", report.environment, [])), facts("Probe", flatten("", report.probe, [])), facts("Made by", made),
            facts("Environment of the target", Object.entries(report.variables || {}).map(([name, value]) => [name, value ?? "value left out"])), facts("Limit on memory", flatten("", report.limit, [])), facts("What the probe itself cost", flatten("", report.own_cost, [])), facts("Parameters", flatten("", report.params, []))),
        eventRows.length ? h("details", {}, h("summary", {}, `${eventRows.length} events`), table("Events", ["At", "Kind", ""], eventRows)) : null);
}
