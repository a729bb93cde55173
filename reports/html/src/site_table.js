// The sites as a table: sorted by any column, opened for their stacks.
import { h, shorten } from "./dom.js";
import { known, quantity, seconds } from "./format.js";
import { FD, HEAP, KINDS, place } from "./sites.js";
import { stackOf } from "./stack.js";

const AT_FIRST = 10, MORE = 200;

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function columnsOf(kind) {
    const isFd = kind === FD, words = KINDS[kind];
    const sized = (name, title, prefix) => ({ name, title, value: (s) => s.get(isFd ? `${prefix}_count` : `${prefix}_bytes`), text: (v) => quantity(isFd ? "count" : "bytes", v) });
    return [
        { ...sized("Growth", "Gained where memory rose the most", "growth"), isFirst: true },
        { name: "Per second, 99 % sure", title: "The slope, with its interval", value: (s) => s.get("rate_per_s"),
          text: (v, s) => (known(v) && (v !== 0 || s.get("rate_per_s_high") > 0) ? `${quantity(isFd ? "count/s" : "bytes/s", s.get("rate_per_s_low"))} to ${quantity(isFd ? "count/s" : "bytes/s", s.get("rate_per_s_high"))}` : "\u2013") },
        { name: "Per unit", title: "Growth for each unit offered", value: (s) => s.get("rate_per_unit"), text: (v) => (known(v) && v !== 0 ? quantity(isFd ? "none" : "bytes", v) : "\u2013") },
        sized(words.kept, "By the end, by processes that had ended as well", "held"), sized("Peak", "When it held most", "peak"),
        { name: words.gone, title: `Share of what it ever ${words.ever}`,
          value: (s) => (isFd ? 1 - s.get("held_count") / Math.max(1, s.get("alloc_count")) : s.get("freed_share")), text: (v) => quantity("percent", 100 * v) },
        { name: "Stay before", title: "Usual residence before memory rose", value: (s) => s.get("residence_before_s"), text: (v) => (known(v) && v > 0 ? seconds(v) : "\u2013") },
        { name: "Stay now", title: "Usual residence at its end, or the age of what stays", value: (s) => s.get("residence_now_s"), text: (v) => (known(v) && v > 0 ? seconds(v) : "\u2013") },
    ];
}

function details(sites, site, span) {
    const frames = (stack) => stack.map(sites.frameOf);
    return h("tr", { class: "opened" }, h("td", { colspan: span },
        site.why ? h("p", {}, h("b", {}, `${site.verdict}: `), site.why) : null,
        h("div", { class: "stacks" }, h("div", {}, h("h4", {}, KINDS[site.kind].madeAt), stackOf(frames(site.stack))), h("div", {}, h("h4", {}, KINDS[site.kind].goneBy), stackOf(frames(site.freedBy))))));
}

function rowOf(sites, site, columns) {
    const culprit = sites.culpritOf(site);
    const open = h("button", { type: "button", class: "link name", "aria-expanded": "false" }, shorten(culprit.function, 90));
    const row = h("tr", { class: site.growing ? "growing" : null },
        h("th", { scope: "row" }, open, h("span", { class: "place" }, shorten(place(culprit), 60)), site.growing ? h("span", { class: "badge bad small" }, "growing") : null),
        columns.map((c) => h("td", { class: "number", "data-name": c.name }, c.text(c.value(site), site))));
    let opened = null;
    open.addEventListener("click", () => {
        open.setAttribute("aria-expanded", String(!opened));
        if (opened) opened.remove();
        else row.after((opened = details(sites, site, columns.length + 1)));
        if (!opened?.isConnected) opened = null;
    });
    return row;
}

export function siteTable(run, sites) {
    let columns = columnsOf(HEAP), sortBy = 0, isRising = false, rows = [], shown = AT_FIRST, kind = HEAP;
    const head = h("tr"), body = h("tbody"), more = h("button", { type: "button", class: "more" }), counted = h("p", { class: "hint", role: "status" });
    const sorted = () => {
        const sign = isRising ? 1 : -1, { value } = columns[sortBy];
        const key = (s) => (known(value(s)) ? value(s) : -Infinity);
        return [...rows].sort((a, b) => sign * (key(a) - key(b)) || a.index - b.index);
    };
    const fill = () => {
        head.replaceChildren(h("th", { scope: "col" }, capital(KINDS[kind].madeAt)), ...columns.map((c, i) => h("th", { scope: "col", class: "number", title: c.title, "aria-sort": i === sortBy ? (isRising ? "ascending" : "descending") : "none" },
            h("button", { type: "button", class: "sort", onclick: () => {
                isRising = i === sortBy ? !isRising : false;
                sortBy = i;
                fill();
            } }, c.name, h("span", { "aria-hidden": "true" }, i === sortBy ? (isRising ? " \u25b2" : " \u25bc") : "")))));
        body.replaceChildren(...sorted().slice(0, shown).map((s) => rowOf(sites, s, columns)));
        more.hidden = rows.length <= shown;
        more.textContent = `Show ${Math.min(MORE, rows.length - shown)} more`;
        counted.textContent = rows.length > shown ? `${shown} of ${rows.length} sites` : `${rows.length} ${rows.length === 1 ? "site" : "sites"}`;
    };
    more.addEventListener("click", () => {
        shown += MORE;
        fill();
    });
    const element = h("div", {}, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sites" }, h("table", { class: "sites" }, h("thead", {}, head), body)), h("div", { class: "below" }, more, counted));
    return { element, show(list, wanted = kind) {
        if (wanted !== kind) {
            kind = wanted;
            columns = columnsOf(kind);
            sortBy = 0;
        }
        rows = list;
        shown = AT_FIRST;
        fill();
    } };
}
