// One run, from its verdict to its machine.
import { causesOf } from "./causes.js";
import { h } from "./dom.js";
import { growthOf } from "./growth.js";
import { heroOf } from "./hero.js";
import { ledgerOf } from "./ledger.js";
import { memoryOf } from "./memory.js";
import { budgetOf, faultsOf, machineOf, processesOf, seriesTable } from "./tables.js";
import { themeButton } from "./theme.js";
import { timelineOf } from "./timeline.js";

export function frame(page, hero, sections, madeBy) {
    const links = sections.map((s) => h("a", { href: `#${s.id}` }, s.querySelector("h2").textContent));
    page.replaceChildren(h("a", { class: "skip", href: "#timeline" }, "Skip to the charts"),
        h("nav", { class: "bar", "aria-label": "Sections" }, h("a", { href: "#verdict", class: "brand" }, "spillmark"), h("div", { class: "links" }, links), themeButton()),
        h("main", {}, hero, sections),
        h("footer", {}, `Made by spillmark ${madeBy || ""}`.trim(), ". Charts by uPlot."));
}

// The sections of a run and what draws them. `before`, the parts of an earlier look at the same run,
// lends its charts and what was chosen in them.
export function partsOf(run, before = null) {
    const timeline = before ? before.timeline : timelineOf(run), growth = growthOf(run, before?.growth?.chosen());
    const sections = [timeline.element, causesOf(run), growth?.element, ledgerOf(run), memoryOf(run), budgetOf(run), faultsOf(run), seriesTable(run), processesOf(run), machineOf(run)].filter(Boolean);
    const start = () => {
        if (before) timeline.update(run);
        else timeline.start();
        growth?.start();
    };
    return { timeline, growth, sections, start };
}

export function showReport(page, run, before = null) {
    const parts = partsOf(run, before);
    frame(page, heroOf(run), parts.sections, run.report.made_by);
    parts.start();
}
