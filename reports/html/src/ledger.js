// What became of every unit, as flows: their widths are their numbers.
import { h, section, svg } from "./dom.js";
import { count, known, quantity, seconds } from "./format.js";

const PARTS = {
    accepted: ["accepted", "--c6"], refused: ["refused", "--c2"], unanswered: ["unanswered", "--c5"],
    delivered: ["delivered", "--c3"], dropped: ["dropped, and reported", "--c4"], in_flight: ["in flight", "--c1"], unaccounted: ["unaccounted for", "--bad"],
};
const HEIGHT = 210, BAR = 16, GAP = 16, LEAST = 3;

// Boxes one below the other; small ones stay visible.
function stacked(parts, total) {
    const shown = parts.filter((p) => p.value > 0), room = HEIGHT - GAP * Math.max(0, shown.length - 1);
    let y = 0;
    return shown.map((p) => {
        const height = Math.max(LEAST, (room * p.value) / total), box = { ...p, y, height };
        y += height + GAP;
        return box;
    });
}

function flow(x0, y0, h0, x1, y1, h1, colour) {
    const middle = (x0 + x1) / 2;
    return svg("path", { d: `M${x0},${y0}C${middle},${y0} ${middle},${y1} ${x1},${y1}V${y1 + h1}C${middle},${y1 + h1} ${middle},${y0 + h0} ${x0},${y0 + h0}Z`,
        style: { fill: `var(${colour})`, opacity: "0.28" } });
}

function column(x, boxes, from, scaleFrom) {
    const nodes = [];
    let y0 = from?.y ?? 0;
    for (const box of boxes) {
        if (from) {
            const h0 = from.height * (box.value / scaleFrom);
            nodes.push(flow(from.x + BAR, y0, h0, x, box.y, box.height, box.colour));
            y0 += h0;
        }
        nodes.push(svg("rect", { x, y: box.y, width: BAR, height: box.height, rx: 2, style: { fill: `var(${box.colour})` } }),
            svg("text", { x: x + BAR + 8, y: box.y + box.height / 2, "dominant-baseline": "middle" },
                svg("tspan", { class: "strong" }, count(box.value)), ` ${box.name}`));
    }
    return nodes;
}

function picture(ledger) {
    const part = (name) => ({ id: name, name: PARTS[name][0], colour: PARTS[name][1], value: Math.max(0, ledger[name] ?? 0) });
    const total = ledger.offered;
    const second = stacked(["accepted", "refused", "unanswered"].map(part), total);
    const accepted = second.find((b) => b.id === "accepted");
    const third = accepted ? stacked(["delivered", "dropped", "in_flight", "unaccounted"].map(part), accepted.value) : [];
    const offered = { x: 0, y: 0, height: HEIGHT, value: total };
    const bottom = Math.max(HEIGHT, ...[...second, ...third].map((b) => b.y + b.height));
    return svg("svg", { viewBox: `0 -12 640 ${bottom + 24}`, class: "flows", role: "img", "aria-label": ledgerWords(ledger) },
        column(offered.x, [{ ...offered, name: "offered", colour: "--dim" }], null, 0),
        column(200, second, { ...offered, y: 0 }, total),
        accepted ? column(410, third, { x: 200, y: accepted.y, height: accepted.height }, Math.max(accepted.value, third.reduce((sum, b) => sum + b.value, 0))) : []);
}

const value = (v) => (known(v) ? count(v) : "unknown");

const ledgerWords = (l) => `${value(l.offered)} offered = ${value(l.accepted)} accepted + ${value(l.refused)} refused + ${value(l.unanswered)} unanswered; ${value(l.accepted)} accepted = ${value(l.delivered)} delivered + ${value(l.dropped)} dropped + ${value(l.in_flight)} in flight + ${value(l.unaccounted)} unaccounted`;

function equation(ledger) {
    const term = (v, name, className) => [h("b", { class: className }, value(v)), ` ${name}`];
    const state = !known(ledger.unaccounted) ? "doubt-text" : ledger.unaccounted === 0 ? "good-text" : "bad-text";
    return h("div", { class: "equation" },
        h("p", {}, term(ledger.offered, "offered"), " = ", term(ledger.accepted, "accepted"), " + ", term(ledger.refused, "refused"), " + ", term(ledger.unanswered, "unanswered")),
        h("p", {}, term(ledger.accepted, "accepted"), " = ", term(ledger.delivered, "delivered"), " + ", term(ledger.dropped, "dropped"), " + ", term(ledger.in_flight, "in flight"), " + ", term(ledger.unaccounted, "unaccounted", state)));
}

export function ledgerOf(run) {
    const { ledger, load } = run.report;
    if (!known(ledger.offered) || ledger.offered === 0) return null;
    const outcomes = Object.entries(load.outcomes);
    const facts = [
        known(ledger.unit_bytes) ? `${quantity("bytes", ledger.unit_bytes)} a unit` : null,
        known(load.worst_latency_p99_s) ? `latency p99 ${seconds(load.worst_latency_p99_s)} in the worst interval` : null,
        known(load.worst_slip_p99_s) ? `requests left their schedule by ${seconds(load.worst_slip_p99_s)} at p99` : null,
    ].filter(Boolean).join(" \u00b7 ");
    const late = load.by_load.filter((one) => one.is_driver_late).map((one) => one.load);
    return section("ledger", "Ledger", h("p", { class: "hint" }, "What became of every unit."), h("div", { class: "picture" }, picture(ledger)), equation(ledger),
        ledger.note ? h("p", { class: "doubt-text" }, ledger.note) : null,
        run.in_flight_note ? h("p", { class: "hint" }, `In flight at most: ${run.in_flight_note}`) : null,
        facts ? h("p", { class: "hint" }, facts) : null,
        late.length ? h("p", { class: "doubt-text" }, `${late.join(", ")} could not keep up with its own schedule: rates, latencies and unanswered units say more of the load than of the target.`) : null,
        outcomes.length ? h("p", { class: "hint" }, "Replies: ", outcomes.map(([name, n], i) => `${i ? ", " : ""}${count(n)} ${name}`)) : null);
}
