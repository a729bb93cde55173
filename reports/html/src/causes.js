// Why: one card for each cause, with its evidence and the stacks to look at.
import { h, section } from "./dom.js";
import { known, quantity, seconds, words } from "./format.js";
import { FD, HEAP, KINDS, MAP } from "./sites.js";
import { stackOf } from "./stack.js";

function evidenceOf(items) {
    if (!items.length) return null;
    return h("dl", { class: "evidence" }, items.map((item) => h("div", {}, h("dt", {}, words(item.name.replace(/_(bytes_)?per_s$|_bytes$|_s$/, ""))),
        h("dd", {}, item.flag ? (item.value ? "yes" : "no") : quantity(item.unit, item.value)))));
}

function stay(residence) {
    if (!known(residence.now) || !(residence.now > 0)) return null;
    if (known(residence.freed) && residence.freed < residence.now / 10)
        return h("p", { class: "stay" }, "Those freed stay ", h("b", {}, seconds(residence.freed)), ", the rest is ", h("b", {}, seconds(residence.now)), " old.");
    return h("p", { class: "stay" }, "They stayed ", known(residence.before) && residence.before > 0 ? [h("b", {}, seconds(residence.before)), " before, "] : null, h("b", {}, seconds(residence.now)), " now.");
}

function card(cause, evidence) {
    const { madeAt, goneBy } = KINDS[{ fd_leak: FD, mapping_growth: MAP }[cause.kind] ?? HEAP];
    const hasStacks = cause.site.length > 0;
    return h("article", { class: `card ${cause.note ? "note" : "cause"}` },
        h("h3", {}, h("span", { class: `badge small ${cause.note ? "doubt" : "bad"}` }, cause.note ? "note" : "cause"), ` ${words(cause.kind)}`, cause.series ? h("span", { class: "dim" }, ` in ${cause.series}`) : null),
        h("p", {}, cause.text),
        cause.advice ? h("p", { class: "advice" }, h("span", { "aria-hidden": "true" }, "\u2192 "), cause.advice) : null,
        hasStacks ? h("div", { class: "stacks" },
            h("div", {}, h("h4", {}, madeAt), stackOf(cause.site)),
            h("div", {}, h("h4", {}, goneBy), stackOf(cause.freed_by))) : null,
        stay(cause.residence_s),
        evidence.length ? h("details", {}, h("summary", {}, "Evidence in figures"), evidenceOf(evidence)) : null);
}

export function causesOf(run) {
    const { causes } = run.report;
    if (causes.length === 0) return null;
    const title = causes.some((c) => !c.note) ? "Why" : "Notes";
    return section("causes", title, h("div", { class: "cards" }, causes.map((c, i) => card(c, run.evidence[i] || []))));
}
