// All charts of a run on one axis of time: what is chosen in one is shown in all.
import { chartsOf } from "./charts.js";
import { endOf } from "./data.js";
import { h, section, shorten } from "./dom.js";
import { moment, words } from "./format.js";
import { dataOf, LEFT, plotOf, RIGHT } from "./plot.js";
import { onTheme } from "./theme.js";

const LEAST_SPAN_S = 0.05;
const ALL_MOST = 8; // charts that all show without being asked for

function spansOf(run, end_s) {
    const span = (row, extra) => ({ ...row, ...extra, to_s: row.to_s ?? end_s });
    return [...run.report.phases.map((p, i) => span(p, { odd: i % 2 === 1 })),
        ...run.report.faults.map((f) => span(f, { fault: true }))];
}

// Buttons over the charts, one for each phase and fault, that zoom to it.
function lanes(view) {
    const lane = (label, spans, kind) => {
        const buttons = spans.map((s) => ({ s, element: h("button", { type: "button", class: `span ${kind}`, title: `${shorten(words(s.name || s.kind))}, ${moment(s.from_s)} to ${moment(s.to_s)}`,
            onclick: () => view.zoom(s.from_s, s.to_s) }, shorten(words(s.name || s.kind), 40)) }));
        return { buttons, element: spans.length ? h("div", { class: "lane", role: "group", "aria-label": label }, h("span", { class: "lane-name" }, label), h("div", { class: "lane-spans" }, buttons.map((b) => b.element))) : null };
    };
    const all = [lane("phases", view.spans.filter((s) => !s.fault), "phase"), lane("faults", view.spans.filter((s) => s.fault), "fault")];
    const place = () => {
        const { min, max } = view.range;
        for (const { buttons } of all)
            for (const { s, element } of buttons) {
                const from = Math.max(0, (s.from_s - min) / (max - min)), to = Math.min(1, (s.to_s - min) / (max - min));
                element.hidden = to <= from;
                element.style.left = `${from * 100}%`;
                element.style.width = `${Math.max(0.2, (to - from) * 100)}%`;
            }
    };
    return { element: h("div", { class: "lanes" }, all.map((l) => l.element)), place };
}

class View {
    constructor(run, charts) {
        this.range = null;
        this.charts = charts;
        this.take(run);
        this.plots = [];
        this.sync = "time";
        this.listeners = [];
        this.now = h("output", { class: "now", "aria-live": "off" });
    }
    // A run that has grown shows as a whole if it did before.
    take(run) {
        const wasWhole = !this.range || (this.range.min === this.full.min && this.range.max === this.full.max);
        this.full = { min: 0, max: Math.max(endOf(run), 0.1) };
        if (wasWhole) this.range = { ...this.full };
        this.spans = spansOf(run, this.full.max);
    }
    width() { return Math.max(240, Math.floor(this.holder.clientWidth)); }
    zoom(min, max) {
        const span = Math.min(Math.max(max - min, LEAST_SPAN_S), this.full.max - this.full.min);
        const from = Math.min(Math.max(min, this.full.min), this.full.max - span);
        this.range = { min: from, max: from + span };
        for (const { plot, show } of this.plots) {
            plot.setScale("x", this.range);
            show(plot);
        }
        for (const listener of this.listeners) listener();
    }
    reset = () => this.zoom(this.full.min, this.full.max);
    select = (min, max) => this.zoom(min, max);
    hover = (t) => {
        const at = t === null ? null : this.spans.filter((s) => s.from_s <= t && t < s.to_s);
        this.now.textContent = t === null ? "" : `${moment(t, this.range.max - this.range.min)}${at.length ? ` \u00b7 ${at.map((s) => shorten(words(s.name || s.kind), 40)).join(" \u00b7 ")}` : ""}`;
    };
    by(factor, at = (this.range.min + this.range.max) / 2) {
        this.zoom(at - (at - this.range.min) * factor, at + (this.range.max - at) * factor);
    }
    pan(share) {
        const span = this.range.max - this.range.min;
        this.zoom(this.range.min + span * share, this.range.max + span * share);
    }
    key = (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select")) return;
        const act = { "+": () => this.by(0.5), "=": () => this.by(0.5), "-": () => this.by(2), ArrowLeft: () => this.pan(-0.2),
            ArrowRight: () => this.pan(0.2), 0: this.reset, Escape: this.reset }[event.key];
        if (!act) return;
        event.preventDefault();
        act();
    };
    wheel = (event) => {
        if (!event.ctrlKey && !event.shiftKey) return;
        event.preventDefault();
        const box = this.holder.getBoundingClientRect();
        const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT);
        const step = event.deltaY || event.deltaX;
        if (event.shiftKey) this.pan(step > 0 ? 0.1 : -0.1);
        else this.by(step > 0 ? 1.25 : 0.8, this.range.min + share * (this.range.max - this.range.min));
    };
}

function tools(view) {
    const button = (label, name, act) => h("button", { type: "button", class: "tool", "aria-label": name, title: name, onclick: act }, label);
    return h("div", { class: "tools" },
        button("\u2212", "Zoom out", () => view.by(2)), button("+", "Zoom in", () => view.by(0.5)),
        button("\u2190", "Earlier", () => view.pan(-0.3)), button("\u2192", "Later", () => view.pan(0.3)),
        button("Whole run", "Show the whole run", view.reset), view.now);
}

const shape = (charts) => JSON.stringify(charts.map((c) => [c.id, c.lines.map((l) => [l.label, !!l.series.low])]));

// New data on the charts there are, or new charts where a series has come.
function redraw(view, holder, more, charts) {
    const isSame = shape(charts) === shape(view.charts);
    view.charts = charts;
    if (!isSame) return draw(view, holder, more);
    const shown = charts.filter((c) => c.main || more.open);
    view.plots.forEach(({ plot, show, chart }, i) => {
        Object.assign(chart, { marks: shown[i].marks, decided: shown[i].decided });
        plot.setData(dataOf(shown[i]), true);
        show(plot);
    });
}

function draw(view, holder, more) {
    for (const { plot } of view.plots) plot.destroy();
    const shown = view.charts.filter((c) => c.main || more.open);
    view.plots = shown.map((chart) => plotOf(chart, view));
    holder.replaceChildren(...view.plots.map((p) => p.element));
}

// Watches the place the charts are in; they follow its width and the colours.
function follow(view, holder) {
    let width = 0;
    const fit = () => {
        if (holder.clientWidth === width) return;
        width = holder.clientWidth;
        for (const { plot } of view.plots) plot.setSize({ width: view.width(), height: plot.height });
    };
    new ResizeObserver(fit).observe(holder);
    onTheme(holder, () => {
        fit();
        for (const { plot } of view.plots) plot.redraw();
    });
}

export function timelineOf(run, charts = chartsOf(run)) {
    const view = new View(run, charts);
    const holder = h("div", { class: "charts", onwheel: view.wheel });
    const more = { open: charts.length <= ALL_MOST || !charts.some((c) => c.main) };
    let lane = lanes(view);
    view.holder = holder;
    view.listeners.push(() => lane.place());
    const hidden = charts.filter((c) => !c.main);
    const moreButton = more.open || hidden.length === 0 ? null : h("button", { type: "button", class: "more" });
    const label = () => moreButton && (moreButton.textContent = more.open ? "Show fewer charts" : `Show ${hidden.length} more: ${hidden.map((c) => c.title.toLowerCase()).join(", ")}`);
    moreButton?.addEventListener("click", () => {
        more.open = !more.open;
        draw(view, holder, more);
        label();
    });
    label();
    const element = section("timeline", "Timeline",
        h("p", { class: "hint" }, "Drag across a chart to zoom, double-click for the whole run; a phase or fault zooms to itself. Keys: + \u2212 \u2190 \u2192 0."),
        h("div", { class: "time", tabindex: 0, role: "group", "aria-label": "Charts over time; plus, minus and arrow keys zoom and move", onkeydown: view.key },
            h("div", { class: "time-head" }, tools(view), lane.element), holder), moreButton);
    const start = () => {
        draw(view, holder, more);
        follow(view, holder);
        lane.place();
    };
    // Takes the same run, grown since.
    const update = (grown) => {
        view.take(grown);
        redraw(view, holder, more, chartsOf(grown));
        const before = lane.element;
        lane = lanes(view);
        before.replaceWith(lane.element);
        lane.place();
    };
    return { element, start, update };
}
