// The verdict, its reason, and the few figures to remember.
import { h, shorten } from "./dom.js";
import { bytes, count, known, perSecond, quantity, seconds, words } from "./format.js";

export const VERDICTS = { pass: ["PASS", "\u2713"], fail: ["FAIL", "\u2717"], inconclusive: ["INCONCLUSIVE", "?"] };

export function badge(verdict) {
    const [name, sign] = VERDICTS[verdict] || ["UNKNOWN", "?"];
    return h("span", { class: `badge ${verdict}` }, h("span", { "aria-hidden": "true" }, sign), ` ${name}`);
}

const figure = (name, value, note, state) =>
    h("div", { class: `figure ${state || ""}` }, h("dt", {}, name), h("dd", {}, value), note ? h("dd", { class: "note" }, note) : null);

function growth(report) {
    // What the program maps beside its heap shows in resident memory alone.
    const isBeside = report.causes.some((c) => c.kind === "mapping_growth");
    const name = report.series.heap && !isBeside ? "heap" : "rss", series = report.series[name];
    if (!series) return null;
    const unit = perSecond("bytes"), rate = series.rate_per_s;
    const title = name === "heap" ? "Live heap" : "Resident memory";
    if (series.verdict === "growing")
        return figure(`${title} grows by`, known(rate.value) ? quantity(unit, rate.value) : "unknown",
            known(rate.low) ? `99 % sure of ${quantity(unit, rate.low)} to ${quantity(unit, rate.high)}` : null, "bad");
    if (series.verdict === "bounded")
        return figure(title, "bounded", known(series.bound) ? `by ${bytes(series.bound)}` : null, "good");
    return figure(title, "undecided", series.needs ? shorten(series.needs, 90) : null, "doubt");
}

function peak(report) {
    const series = report.series.heap || report.series.rss;
    if (!series || !known(series.peak)) return null;
    const rss = report.series.rss;
    return figure(report.series.heap ? "Heap at its peak" : "RSS at its peak", bytes(series.peak),
        report.series.heap && rss && known(rss.peak) ? `resident ${bytes(rss.peak)}, at the end ${bytes(rss.end)}` : `at the end ${bytes(series.end)}`);
}

function units(report) {
    const ledger = report.ledger;
    if (!known(ledger.offered) || ledger.offered === 0) return null;
    if (known(ledger.unaccounted) && ledger.unaccounted !== 0)
        return figure("Unaccounted for", `${count(ledger.unaccounted)} units`, `of ${count(ledger.accepted)} accepted`, ledger.unaccounted > 0 ? "bad" : "doubt");
    if (!known(ledger.unaccounted)) return figure("Units accepted", count(ledger.accepted), `of ${count(ledger.offered)} offered; deliveries not counted`);
    return figure("Units", `${count(ledger.delivered)} delivered`, ledger.dropped ? `${count(ledger.dropped)} dropped and reported, none lost` : "every accepted unit is accounted for", "good");
}

function budget(report) {
    const lines = report.budget;
    if (!lines.length) return null;
    const broken = lines.filter((l) => l.holds === false), open = lines.filter((l) => l.holds === null);
    const kept = lines.length - broken.length - open.length;
    const note = [broken.length && `broken: ${broken.map((l) => words(l.name)).join(", ")}`, open.length && `open: ${open.map((l) => words(l.name)).join(", ")}`].filter(Boolean).join("; ");
    return figure("Budget", `${kept} of ${lines.length} kept`, note || "nothing is over its limit", broken.length ? "bad" : open.length ? "doubt" : "good");
}

// The paragraph with its figures set off, so that the eye finds them.
function withFigures(text) {
    const pattern = /(?<![^\s(])(\d[\d.,]*(?: (?:million|billion))? ?(?:[KMGT]?B|%|ms|s|\u00b5s|min)?(?:\/s)?(?![\w]))/g;
    return text.split(pattern).map((part, i) => (i % 2 ? h("b", {}, part) : part));
}

function when(run) {
    const started = Number(run.started);
    return started > 0 ? new Date(started * 1000).toISOString().replace("T", " ").slice(0, 16) + " UTC" : null;
}

export function heroOf(run) {
    const report = run.report;
    const params = Object.entries(report.params).filter(([, value]) => value !== "");
    return h("header", { class: `hero ${report.verdict}`, id: "verdict" },
        h("p", { class: "verdict" }, badge(report.verdict),
            !report.complete ? h("span", { class: "badge doubt" }, "record cut short") : null,
            report.ended_by && report.ended_by !== "schedule" ? h("span", { class: "chip" }, `ended by ${report.ended_by}`) : null),
        h("h1", {}, shorten(report.title || report.scenario, 200)),
        h("p", { class: "meta" }, h("span", {}, shorten(report.scenario, 200)), h("span", {}, seconds(report.duration_s)), when(run) ? h("span", {}, when(run)) : null,
            params.map(([name, value]) => h("span", { class: "chip", title: String(value).slice(0, 2000) }, `${shorten(name, 60)} = ${shorten(value, 60)}`))),
        h("p", { class: "why" }, withFigures(report.why)),
        report.ended_why ? h("p", { class: "hint" }, `Ended early: ${report.ended_why}`) : null,
        h("dl", { class: "figures" }, growth(report), peak(report), units(report), budget(report)));
}
