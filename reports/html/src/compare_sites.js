// The sites of two runs in one flame graph: as wide as the larger of the two, red where the second
// holds more, blue where it holds less. Functions are the same when their names and modules are.
import { clean, h, section, shorten } from "./dom.js";
import { quantity } from "./format.js";
import { Flame } from "./flame.js";
import { FD, MEASURES, kindsOf, sitesOf, valueOf } from "./sites.js";

const last = (path) => path.slice(path.lastIndexOf("/") + 1);
const CUT = "\u0000", ROWS = 25;

const keyOf = (sites, f) => `${sites.nameOf(f)}${CUT}${last(sites.moduleOf(f))}`;
const nameOf = (key) => key.split(CUT)[0];
const moduleOf = (key) => key.split(CUT)[1];

// Sums by path of the one run and of the other.
function pathsOf(runs, measure, kind) {
    const paths = new Map();
    runs.forEach((sites, side) => {
        for (const site of sites.list) {
            const value = Math.max(0, valueOf(measure, site));
            if (site.kind !== kind || value === 0) continue;
            const path = site.stack.map((frame) => keyOf(sites, sites.functionOf(frame))).reverse(), id = path.join("\u0001");
            if (!paths.has(id)) paths.set(id, { path, values: [0, 0], culprit: keyOf(sites, sites.functionOf(site.stack[site.culprit])) });
            paths.get(id).values[side] += value;
        }
    });
    return [...paths.values()];
}

const itemOf = ({ path, values: [a, b] }) => ({ path, width: Math.max(a, b), value: b - a, other: a });

function select(name, labels, chosen, choose) {
    const element = h("select", { "aria-label": name }, labels.map((label, i) => h("option", { value: i, selected: i === chosen }, shorten(label, 60))));
    element.addEventListener("change", () => choose(Number(element.value)));
    return element;
}

function difference([a, b], text) {
    if (a === b) return h("td", { class: "number dim" }, "the same");
    return h("td", { class: `number ${b > a ? "bad-text" : "good-text"}` }, `${b > a ? "+" : "\u2212"}${text(Math.abs(b - a))}`);
}

function tableOf(state, paths) {
    const rows = [...paths].sort((x, y) => Math.abs(y.values[1] - y.values[0]) - Math.abs(x.values[1] - x.values[0])).slice(0, ROWS);
    const text = (v) => quantity(state.unit(), v);
    return h("table", { class: "sites" }, h("thead", {}, h("tr", {}, ["Site", state.labels[state.pair[0]], state.labels[state.pair[1]], "Change"].map((t, i) => h("th", { scope: "col", class: i ? "number" : null }, shorten(t, 50))))),
        h("tbody", {}, rows.map((row) => h("tr", {}, h("th", { scope: "row" }, h("span", { class: "name" }, shorten(nameOf(row.culprit), 90)), h("span", { class: "place" }, shorten(moduleOf(row.culprit), 60))),
            h("td", { class: "number" }, text(row.values[0])), h("td", { class: "number" }, text(row.values[1])),
            difference(row.values, text)))));
}

function describe(state, node) {
    const a = node.other, b = node.value + node.other, text = (v) => quantity(state.unit(), v);
    return [state.label(node.key), node.key === null ? "" : moduleOf(node.key), `${state.labels[state.pair[0]]}: ${text(a)}`, `${state.labels[state.pair[1]]}: ${text(b)}`,
        `${node.value >= 0 ? "+" : "\u2212"}${text(Math.abs(node.value))}`].filter(Boolean);
}

export function differenceOf(runs, labels) {
    const all = runs.map(sitesOf), measures = MEASURES.filter((m) => m.colour !== "residence");
    if (all.every((s) => s.list.length === 0)) return null;
    const state = { labels, pair: [0, 1], measure: measures[0], kind: kindsOf(all.flatMap((s) => s.list))[0], label: (key) => (key === null ? "both runs" : nameOf(key)) };
    state.unit = () => state.measure.unit[state.kind === FD ? 1 : 0];
    const crumbs = h("p", { class: "crumbs" }), place = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sites that differ most" }), found = h("output", { class: "found" });
    const flame = new Flame({
        label: state.label, groupOf: moduleOf, searched: (key) => clean(key).toLowerCase(), describe: (node) => describe(state, node),
        onpick: (node) => { crumbs.textContent = node.parent ? describe(state, node).map((t) => shorten(t, 80)).join(" \u00b7 ") : ""; },
    });
    const refresh = () => {
        const paths = pathsOf(state.pair.map((i) => all[i]), state.measure, state.kind);
        flame.show(paths.map(itemOf), "change");
        place.replaceChildren(tableOf(state, paths));
    };
    const input = h("input", { type: "search", id: "site-search", placeholder: "Search functions and modules", "aria-label": "Search sites", spellcheck: "false" });
    input.addEventListener("input", () => {
        flame.search(input.value);
        const share = flame.matched();
        found.textContent = share === null ? "" : `${quantity("percent", 100 * share)} on matching calls`;
    });
    const buttons = measures.map((m) => h("button", { type: "button", "aria-pressed": String(m === state.measure), title: m.note, onclick: () => {
        state.measure = m;
        for (const [i, b] of buttons.entries()) b.setAttribute("aria-pressed", String(measures[i] === m));
        refresh();
    } }, m.name));
    const pick = (side) => select(side ? "Second run" : "First run", labels, state.pair[side], (i) => {
        state.pair[side] = i;
        refresh();
    });
    const element = section("sites", "What differs by site",
        h("p", { class: "hint" }, "As wide as the larger of the two runs. Red: the second holds more; blue: the first does."),
        h("div", { class: "controls" }, runs.length > 2 ? [pick(0), pick(1)] : null, h("div", { class: "choices", role: "group", "aria-label": "Measure" }, buttons), h("label", { class: "search" }, input), found),
        flame.element, crumbs, place);
    return { element, start: refresh };
}
