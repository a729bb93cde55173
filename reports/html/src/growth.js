// Growth by site: a flame graph and a table over the same sites, searched together.
import { clean, h, section, shorten } from "./dom.js";
import { known, moment, quantity, seconds } from "./format.js";
import { Flame } from "./flame.js";
import { pathOf } from "./flame_layout.js";
import { FD, HEAP, KINDS, MAP, MEASURES, kindsOf, place, searched, sitesOf, valueOf } from "./sites.js";
import { siteTable } from "./site_table.js";

const unitOf = (measure, kind) => measure.unit[kind === FD ? 1 : 0];
const nameOf = (measure, kind) => (kind === FD && measure.fdName) || measure.name;

function itemOf(sites, measure, site) {
    const residence = site.get("residence_now_s");
    return { path: site.stack.map(sites.functionOf).reverse(), value: valueOf(measure, site), site,
        tone: residence > 0 ? Math.log10(residence) : -3 };
}

function describe(state, node) {
    const { sites, measure } = state, unit = unitOf(measure, state.kind), root = state.flame.root;
    const share = root.width > 0 ? ` \u00b7 ${quantity("percent", (100 * node.width) / root.width)}` : "";
    const texts = [state.label(node.key), `${nameOf(measure, state.kind).toLowerCase()} ${quantity(unit, measure.colour === "change" ? node.value : node.width)}${share}`];
    if (node.key !== null) texts.splice(1, 0, [shorten(sites.fileOf(node.key), 120), shorten(sites.moduleOf(node.key), 120)].filter(Boolean).join(" \u00b7 "));
    if (measure.colour === "residence") texts.push(`usual stay ${seconds(10 ** (node.tone / node.width))}`);
    return texts.filter(Boolean);
}

function crumbs(state, node) {
    const parts = [];
    for (let at = node; at; at = at.parent) {
        const here = at;
        parts.unshift(h("button", { type: "button", class: "link", onclick: () => state.flame.zoom(here) }, shorten(state.label(here.key), 40)));
    }
    const figures = describe(state, node);
    state.path.replaceChildren(...(node.parent ? [h("span", { class: "dim" }, "In: "), ...parts.flatMap((p, i) => (i ? [" \u203a ", p] : [p])), h("span", { class: "dim" }, ` \u2014 ${figures[figures.length - 1]}`)] : []));
}

function choices(name, options, chosen, choose) {
    const buttons = options.map(([id, text, title]) => h("button", { type: "button", title, "data-choice": id, "aria-pressed": String(id === chosen), onclick: () => {
        for (const b of buttons) b.setAttribute("aria-pressed", String(b.dataset.choice === id));
        choose(id);
    } }, text));
    return h("div", { class: "choices", role: "group", "aria-label": name }, buttons);
}

function measuresOf(list) {
    return MEASURES.filter((m) => list.some((s) => valueOf(m, s) !== 0));
}

function pathMatches(site, sites, path) {
    if (path.length === 0) return true;
    const n = site.stack.length;
    return path.length <= n && path.every((f, i) => sites.functionOf(site.stack[n - 1 - i]) === f);
}

function controls(state, refresh, list) {
    const found = h("output", { class: "found" });
    const input = h("input", { type: "search", placeholder: "Search functions, files, modules", "aria-label": "Search sites", id: "site-search", autocomplete: "off", spellcheck: "false" });
    state.input = input;
    input.addEventListener("input", () => {
        state.words = clean(input.value).trim().toLowerCase();
        state.flame.search(state.words);
        const share = state.flame.matched();
        found.textContent = share === null ? "" : `${quantity("percent", 100 * share)} on matching calls`;
        list();
    });
    const pick = h("div", { class: "pick" });
    const fill = () => pick.replaceChildren(choices("Measure", measuresOf(state.shown).map((m) => [m.id, nameOf(m, state.kind), m.note]), state.measure.id, (id) => {
        state.measure = MEASURES.find((m) => m.id === id);
        refresh();
    }));
    fill();
    const kinds = state.kinds.length > 1 ? choices("Kind", state.kinds.map((kind) => [KINDS[kind].id, KINDS[kind].name]), KINDS[state.kind].id, (id) => {
        state.choose(KINDS.findIndex((kind) => kind.id === id));
        fill();
        refresh();
    }) : null;
    return h("div", { class: "controls" }, kinds, pick, h("label", { class: "search" }, input), found);
}

function stateOf(run, sites) {
    const state = { sites, words: "", path: h("p", { class: "crumbs" }), note: h("p", { class: "hint" }) };
    state.kinds = kindsOf(sites.list);
    state.choose = (kind) => {
        state.kind = kind;
        state.shown = sites.list.filter((s) => s.kind === kind);
        const possible = measuresOf(state.shown);
        if (!possible.includes(state.measure)) state.measure = possible[0] || MEASURES[0];
    };
    state.label = (key) => (key === null ? KINDS[state.kind].all : sites.nameOf(key));
    const cache = new Map();
    const textOf = (f) => cache.get(f) ?? (cache.set(f, searched(sites, f)), cache.get(f));
    state.searched = textOf;
    state.isFound = (site) => !state.words || site.stack.some((frame) => textOf(sites.functionOf(frame)).includes(state.words)) || place(sites.culpritOf(site)).toLowerCase().includes(state.words);
    return state;
}

// What was chosen, by names: numbers of functions differ from look to look.
const chosenOf = (state) => ({ measure: state.measure, kind: state.kind, words: state.input.value, path: pathOf(state.flame.focus).map((f) => state.sites.nameOf(f)) });

function chooseAgain(state, chosen) {
    if (!chosen) return;
    if (state.kinds.includes(chosen.kind)) state.choose(chosen.kind);
    if (measuresOf(state.shown).includes(chosen.measure)) state.measure = chosen.measure;
    state.words = clean(chosen.words).trim().toLowerCase();
}

// Goes down the tree as far as the names are there.
function enterAgain(state, chosen) {
    if (!chosen) return;
    state.input.value = chosen.words;
    state.flame.search(state.words);
    let node = state.flame.root;
    for (const name of chosen.path) node = node.order.find((n) => state.sites.nameOf(n.key) === name) || node;
    if (node !== state.flame.root) state.flame.zoom(node);
}

// Mappings where they are what grows; else memory.
function firstKind(run, kinds) {
    const isMapped = run.report.causes.length > 0 && run.report.causes[0].kind === "mapping_growth";
    return isMapped && kinds.includes(MAP) ? MAP : kinds.includes(HEAP) ? HEAP : kinds[0];
}

// `chosen` is what chosen() of an earlier look gave.
export function growthOf(run, chosen = null) {
    const sites = sitesOf(run);
    if (sites.list.length === 0) return null;
    const state = stateOf(run, sites);
    state.choose(firstKind(run, state.kinds));
    chooseAgain(state, chosen);
    state.flame = new Flame({
        label: state.label, groupOf: (key) => sites.moduleOf(key), searched: state.searched,
        describe: (node) => describe(state, node),
        onpick: (node) => {
            crumbs(state, node);
            list();
        },
    });
    const table = siteTable(run, sites);
    const list = () => table.show(rows(), state.kind);
    const rows = () => state.shown.filter((s) => state.isFound(s) && pathMatches(s, sites, pathOf(state.flame.focus)));
    const refresh = () => {
        state.flame.show(state.shown.map((s) => itemOf(sites, state.measure, s)), state.measure.colour);
        state.note.textContent = state.measure.note;
        crumbs(state, state.flame.focus);
        list();
    };
    const window = run.window && known(run.window.to_s) ? `Growth is what was gained in \u201c${shorten(run.window.name, 60)}\u201d, from ${moment(run.window.from_s)} to ${moment(run.window.to_s)}. ` : "";
    const element = section("sites", "Growth by site",
        h("p", { class: "hint" }, `${window}${sites.list.length} call stacks that ${state.kinds.map((kind) => KINDS[kind].verb).join(" or ")}${sites.leftOut ? `; ${sites.leftOut} smaller ones are left out` : ""}. Figures of a site of memory are estimates from sampled stacks, with their intervals; the totals above are exact.${state.kinds.includes(MAP) ? " What is mapped counts whether it was touched or not." : ""}`),
        controls(state, refresh, list), state.note, state.flame.element, state.path, table.element);
    const start = () => {
        refresh();
        enterAgain(state, chosen);
    };
    return { element, start, chosen: () => chosenOf(state) };
}
