// What resident memory is made of, at its highest and at the end.
import { h, section } from "./dom.js";
import { bytes, known, moment } from "./format.js";

const PARTS = [["heap_live", "live heap", "--c1"], ["slack", "allocator slack", "--c4"], ["other_mappings", "other mappings", "--c3"], ["remainder", "remainder", "--c7"]];

function bar(memory, name, most) {
    const parts = PARTS.map(([key, label, colour]) => ({ label, colour, value: memory[key] }));
    const positive = parts.filter((p) => known(p.value) && p.value > 0), sum = positive.reduce((s, p) => s + p.value, 0);
    const all = known(memory.rss) ? memory.rss : sum;
    const words = `${bytes(memory.rss)} resident = ${parts.map((p) => `${bytes(p.value)} ${p.label}`).join(" + ")}`;
    return h("div", { class: "memory-row" },
        h("div", { class: "memory-name" }, h("b", {}, name), h("span", { class: "dim" }, known(memory.at_s) ? ` at ${moment(memory.at_s)}` : "")),
        h("div", { class: "memory-bar", role: "img", "aria-label": words, style: { width: `${Math.max(2, (100 * Math.max(all, sum)) / most)}%` } },
            positive.map((p) => h("span", { title: `${p.label}: ${bytes(p.value)}`, style: { width: `${(100 * p.value) / Math.max(sum, 1)}%`, background: `var(${p.colour})` } }))),
        h("p", { class: "equation" }, h("b", {}, bytes(memory.rss)), " resident = ", parts.map((p, i) => [i ? (p.value < 0 ? " \u2212 " : " + ") : "", h("b", {}, bytes(p.value < 0 ? -p.value : p.value)), ` ${p.label}`])));
}

function givenBack(report) {
    const back = report.give_back;
    if (!back) return null;
    return h("p", {}, `Allocators were asked to give free pages back at ${moment(back.asked_at_s ?? 0)}: ${back.done} of ${back.asked} did; anonymous memory went from ${bytes(back.anonymous_before)} to ${bytes(back.anonymous_after)}.`);
}

export function memoryOf(run) {
    const { memory, memory_at_peak: peak } = run.report;
    if (!known(memory.rss) && !known(peak.rss)) return null;
    const most = Math.max(memory.rss || 0, peak.rss || 0, 1);
    return section("memory", "Memory", h("p", { class: "hint" }, "What resident memory is made of. Slack is free memory that the allocator keeps; it is not a leak."),
        h("div", { class: "keys" }, PARTS.map(([, label, colour]) => h("span", { class: "key" }, h("i", { style: { "--key": `var(${colour})` } }), label))),
        bar(peak, "Highest", most), bar(memory, "At the end", most),
        h("p", { class: "hint" }, memory.slack_is ? `Slack: ${memory.slack_is}. ` : "", memory.remainder_is ? `Remainder: ${memory.remainder_is}.` : ""),
        givenBack(run.report));
}
