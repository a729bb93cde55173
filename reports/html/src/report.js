// One run, from its verdict to its machine.
import { h } from "./dom.js";
import { heroOf } from "./hero.js";
import { themeButton } from "./theme.js";
import { timelineOf } from "./timeline.js";

function bar(sections, report) {
    return h("nav", { class: "bar", "aria-label": "Sections" },
        h("a", { href: "#verdict", class: "brand" }, "spillmark"),
        h("div", { class: "links" }, sections.map((s) => h("a", { href: `#${s.id}` }, s.querySelector("h2").textContent))), themeButton());
}

export function showReport(page, run) {
    const timeline = timelineOf(run);
    const sections = [timeline.element];
    page.replaceChildren(bar(sections, run.report), h("main", {}, heroOf(run), sections),
        h("footer", {}, `Made by spillmark ${run.report.made_by || ""}`.trim(), ". Charts by uPlot."));
    timeline.start();
}
