// One chart: a uPlot with phases and faults behind it, and a legend of buttons that shows the
// figures under the pointer.
import uPlot from "uplot";
import { clean, h, shorten } from "./dom.js";
import { known, moment, quantity } from "./format.js";
import { css } from "./theme.js";

export const LEFT = 74, RIGHT = 24;
const HEIGHT = 190;
const STEPPED = uPlot.paths.stepped({ align: 1 }), LINEAR = uPlot.paths.linear();

const faded = (colour, alpha) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
    return `rgba(${r},${g},${b},${alpha})`;
};

// One table per line; extremes between samples become a band around it.
function tableOf(line) {
    const { t, value, low, high } = line.series;
    const column = (values) => Array.from(values, (v) => (known(v) ? v : null));
    return low ? [Array.from(t), column(value), column(low), column(high)] : [Array.from(t), column(value)];
}

export function dataOf(chart) {
    return uPlot.join(chart.lines.map(tableOf));
}

function seriesOptions(chart) {
    const series = [{}], bands = [], ofLine = [];
    for (const line of chart.lines) {
        const stroke = () => css(line.colour);
        const isLevel = !chart.unit.endsWith("/s") && chart.unit !== "seconds" && chart.unit !== "none";
        const common = { spanGaps: true, paths: isLevel ? STEPPED : LINEAR, points: { show: false }, show: !line.hidden };
        ofLine.push(series.length);
        series.push({ ...common, stroke, width: line.width || 1.5, dash: line.dash,
            fill: line.fill ? () => faded(css(line.colour), 0.1) : undefined });
        if (!line.series.low) continue;
        series.push({ ...common, width: 0 }, { ...common, width: 0 });
        bands.push({ series: [series.length - 1, series.length - 2], fill: () => faded(css(line.colour), 0.22) });
    }
    return { series, bands, ofLine };
}

function drawBehind(u, spans) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const span of spans) {
        const x = u.valToPos(span.from_s, "x", true), to = u.valToPos(span.to_s, "x", true);
        ctx.fillStyle = faded(css(span.fault ? "--fault" : "--phase"), span.fault ? 0.11 : span.odd ? 0.07 : 0);
        ctx.fillRect(x, bbox.top, to - x, bbox.height);
        ctx.fillStyle = faded(css(span.fault ? "--fault" : "--phase"), span.fault ? 0.5 : 0.35);
        if (span.from_s > 0) ctx.fillRect(x, bbox.top, devicePixelRatio, bbox.height);
    }
    ctx.restore();
}

// Over a rim of the paper's colour, to be read on any line.
function written(ctx, text, x, y) {
    ctx.strokeStyle = css("--paper");
    ctx.lineWidth = 4 * devicePixelRatio;
    ctx.lineJoin = "round";
    ctx.strokeText(text, x, y);
    ctx.fillText(text, x, y);
}

function drawMark(u, mark, colour) {
    const { ctx, bbox } = u;
    const y = u.valToPos(mark.y, "y", true);
    if (!(y >= bbox.top && y <= bbox.top + bbox.height)) return;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css(colour);
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textAlign = "right";
    ctx.setLineDash([]);
    written(ctx, clean(mark.label), bbox.left + bbox.width - 4 * devicePixelRatio, y - 5 * devicePixelRatio);
    ctx.restore();
}

function drawDecided(u, at_s) {
    const { ctx, bbox } = u;
    if (!known(at_s) || at_s < u.scales.x.min || at_s > u.scales.x.max) return;
    const x = u.valToPos(at_s, "x", true);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css("--ink");
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    const isRight = x > bbox.left + bbox.width * 0.75;
    ctx.textAlign = isRight ? "right" : "left";
    written(ctx, "decided here", x + (isRight ? -5 : 5) * devicePixelRatio, bbox.top + 13 * devicePixelRatio);
    ctx.restore();
}

// A mark far above the data would press it flat: it is drawn when it is within reach.
function rangeOf(chart) {
    return (u, low, high) => {
        if (low === null || high === null || !known(high)) return [0, 1];
        if (chart.log) return uPlot.rangeLog(low, Math.max(high, low * 10), 10, false);
        let top = high;
        for (const mark of chart.marks) if (mark.y <= high * 2.5 && mark.y > top) top = mark.y;
        const bottom = low < 0 ? low : 0;
        return [bottom, top > bottom ? top + (top - bottom) * 0.06 : bottom + 1];
    };
}

function axes(chart) {
    const common = { stroke: () => css("--dim"), grid: { stroke: () => css("--grid"), width: 1 }, ticks: { show: false },
        font: "11px system-ui, sans-serif" };
    return [
        { ...common, size: 26, space: 80,
          values: (u, splits) => splits.map((v) => moment(v, u.scales.x.max - u.scales.x.min)) },
        { ...common, size: LEFT, space: 34, gap: 6,
          values: (u, splits) => splits.map((v) => (v === null || (chart.log && !/^1/.test(v.toExponential())) ? "" : quantity(chart.unit, v))) },
    ];
}

function legend(chart, plot, ofLine) {
    const buttons = chart.lines.map((line, i) => {
        const value = h("span", { class: "value" });
        const button = h("button", { type: "button", class: "key", "aria-pressed": String(!line.hidden), title: clean(line.label).slice(0, 2000),
            style: { "--key": `var(${line.colour})` } }, h("i", { class: line.dash ? "dashed" : "" }), h("span", { class: "name" }, shorten(line.label, 60)), value);
        button.addEventListener("click", () => {
            const show = button.getAttribute("aria-pressed") !== "true";
            button.setAttribute("aria-pressed", String(show));
            const count = line.series.low ? 3 : 1;
            for (let k = 0; k < count; k++) plot().setSeries(ofLine[i] + k, { show });
        });
        return { button, value };
    });
    const show = (u) => {
        const at = u.cursor.idx;
        buttons.forEach(({ value }, i) => {
            const column = u.data[ofLine[i]];
            let k = at ?? column.length - 1;
            while (k > 0 && !known(column[k])) k--;
            value.textContent = known(column[k]) ? quantity(chart.unit, column[k]) : "";
        });
    };
    return { element: h("div", { class: "legend" }, buttons.map((b) => b.button)), show };
}

// host: {width(), spans, range: {min, max}, sync, select(min, max), reset(), hover(t)}.
export function plotOf(chart, host) {
    const { series, bands, ofLine } = seriesOptions(chart);
    let plot = null;
    const keys = legend(chart, () => plot, ofLine);
    const place = h("div", { class: "plot", role: "img", "aria-label": `${clean(chart.title)} over time: ${chart.lines.map((l) => clean(l.label)).join(", ")}` });
    const element = h("figure", { class: "chart", "data-chart": chart.id },
        h("figcaption", {}, h("h3", {}, chart.title), keys.element), place);
    plot = new uPlot({
        width: host.width(), height: HEIGHT, series, bands, axes: axes(chart), legend: { show: false },
        padding: [8, RIGHT, 0, 0],
        cursor: { sync: { key: host.sync, setSeries: false }, drag: { x: true, y: false, setScale: false }, y: false,
            points: { size: 6, show: true }, bind: { dblclick: () => host.reset } },
        scales: { x: { time: false, range: () => [host.range.min, host.range.max] },
            y: { distr: chart.log ? 3 : 1, range: rangeOf(chart) } },
        hooks: {
            drawClear: [(u) => drawBehind(u, host.spans)],
            draw: [(u) => {
                for (const mark of chart.marks) drawMark(u, mark, "--mark");
                drawDecided(u, chart.decided);
            }],
            setSelect: [(u) => {
                if (u.select.width < 4) return;
                const from = u.posToVal(u.select.left, "x"), to = u.posToVal(u.select.left + u.select.width, "x");
                u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
                host.select(from, to);
            }],
            setCursor: [(u) => {
                keys.show(u);
                host.hover(u.cursor.idx === null || u.cursor.left < 0 ? null : u.posToVal(u.cursor.left, "x"));
            }],
        },
    }, dataOf(chart), place);
    keys.show(plot);
    return { element, plot, chart, show: keys.show };
}
