// A run that goes on: the figures of the progress line as they come, and all of the page anew
// whenever the record has been looked at. What the reader has chosen stays.
import { h, shorten } from "./dom.js";
import { bytes, count, known, quantity, seconds } from "./format.js";
import { frame, partsOf, showReport } from "./report.js";

const figure = (name, value, note) => h("div", { class: "figure" }, h("dt", {}, name), h("dd", {}, value), note ? h("dd", { class: "note" }, note) : null);

// Rates are taken over the last seconds of what came.
const SPAN_S = 2;

class Rates {
    constructor() { this.seen = []; }
    add(figures) {
        this.seen.push(figures);
        while (this.seen.length > 2 && this.seen[0].t_s < figures.t_s - SPAN_S) this.seen.shift();
    }
    of(name) {
        const first = this.seen[0], last = this.seen[this.seen.length - 1];
        return last && last.t_s > first.t_s && known(last[name]) && known(first[name]) ? (last[name] - first[name]) / (last.t_s - first.t_s) : NaN;
    }
}

// What is proven before the end: growth is, a bound is not.
function soFar(report) {
    const growing = Object.entries(report.series).filter(([, s]) => s.verdict === "growing").map(([name]) => name);
    const cause = report.causes.find((c) => !c.note);
    if (cause) return cause.text;
    return growing.length ? `${growing.map((name) => shorten(name, 60)).join(", ")} ${growing.length > 1 ? "are" : "is"} growing.` : "nothing was found growing.";
}

function heroOf(state) {
    const { figures, rates, run } = state;
    const report = run?.report, share = figures && figures.phase_length_s > 0 ? Math.min(1, figures.phase_at_s / figures.phase_length_s) : null;
    const perSecond = (name) => (known(rates.of(name)) ? quantity("count/s", rates.of(name)) : "");
    return [h("p", { class: "verdict" }, h("span", { class: `badge ${state.lost ? "doubt" : "running"}` }, state.lost ? "CONNECTION LOST" : "RUNNING"),
        figures ? h("span", { class: "chip" }, `${shorten(figures.phase, 60)} \u00b7 ${seconds(Math.round(figures.phase_at_s))}${figures.phase_length_s > 0 ? ` of ${seconds(figures.phase_length_s)}` : ""}`) : null),
    h("h1", {}, report ? shorten(report.title || report.scenario, 200) : document.title),
    h("div", { class: "progress", role: "progressbar", "aria-label": "Phase", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": share === null ? null : Math.round(share * 100) },
        h("span", { style: { width: `${100 * (share ?? 0)}%` } })),
    figures ? h("dl", { class: "figures many" }, figure("Live heap", bytes(figures.heap)), figure("Resident", bytes(figures.rss)), figure("Descriptors", count(figures.fds)),
        figures.has_load ? [figure("Offered", count(figures.offered), perSecond("offered")), figure("Accepted", count(figures.accepted), perSecond("accepted"))] : null,
        figures.refused + figures.unanswered > 0 ? figure("Refused, unanswered", `${count(figures.refused)}, ${count(figures.unanswered)}`) : null,
        known(figures.delivered) ? figure("Delivered", count(figures.delivered), perSecond("delivered")) : null) : h("p", { class: "hint" }, "Waiting for the first figures."),
    report ? h("p", { class: "hint" }, `So far: ${soFar(report)}`) : null];
}

// Which folds of a section are open, to open them again.
const folds = (section) => [...section.querySelectorAll("details")].map((d) => d.open);

function replaceSection(before, after) {
    const open = folds(before);
    before.replaceWith(after);
    [...after.querySelectorAll("details")].forEach((d, i) => (d.open = !!open[i]));
}

class Live {
    constructor(page) {
        this.page = page;
        this.state = { figures: null, rates: new Rates(), run: null, lost: false };
        this.hero = h("header", { class: "hero", id: "verdict" });
        this.parts = null;
        this.pending = Promise.resolve();
    }
    drawHero() {
        this.hero.replaceChildren(...heroOf(this.state).flat().filter(Boolean));
    }
    // The server waits for those who were told of the end to ask for the last look by this name.
    async fetch(name = "data") {
        const response = await fetch(name, { cache: "no-store" });
        return response.status === 200 ? response.json() : null;
    }
    async update() {
        if (this.isOver) return;
        const data = await this.fetch();
        if (!data || !data.runs[0].series.length) return;
        const [run] = data.runs;
        this.state.run = run;
        run.isGoingOn = true;
        if (this.parts) this.renew(run);
        else this.build(run);
        this.drawHero();
    }
    build(run) {
        this.parts = partsOf(run);
        frame(this.page, this.hero, this.parts.sections, run.report.made_by);
        this.parts.start();
    }
    // The timeline takes new data in place; the growth by site keeps what was chosen.
    renew(run) {
        const shown = [...this.page.querySelectorAll("main > section")];
        const parts = partsOf(run, this.parts);
        const same = shown.length === parts.sections.length && shown.every((s, i) => s.id === parts.sections[i].id);
        const search = document.activeElement?.id === "site-search";
        if (same) shown.forEach((s, i) => s !== parts.sections[i] && replaceSection(s, parts.sections[i]));
        else frame(this.page, this.hero, parts.sections, run.report.made_by);
        this.parts = parts;
        parts.start();
        if (search) document.getElementById("site-search")?.focus();
    }
    async end() {
        const data = await this.fetch("data?last=1");
        if (!data) return;
        showReport(this.page, data.runs[0], this.parts);
        document.title = `${data.runs[0].report.verdict.toUpperCase()} ${shorten(data.runs[0].report.scenario, 100)}`;
        document.documentElement.dataset.live = "over";
    }
    start() {
        frame(this.page, this.hero, [], "");
        this.drawHero();
        this.events = new EventSource("events");
        this.events.addEventListener("figures", (event) => {
            this.state.figures = JSON.parse(event.data);
            this.state.rates.add(this.state.figures);
            this.state.lost = false;
            this.drawHero();
            document.documentElement.dataset.live = "yes";
        });
        const queue = (act) => (this.pending = this.pending.then(act, act));
        this.events.addEventListener("data", () => queue(() => this.update()));
        this.events.addEventListener("end", () => {
            this.isOver = true;
            this.events.close(); // or it would connect again
            queue(() => this.end());
        });
        this.events.addEventListener("error", () => {
            if (this.isOver) return;
            this.state.lost = true;
            this.drawHero();
        });
    }
}

export const showLive = (page) => new Live(page).start();
