// A flame graph on a canvas: outermost calls on top, as wide as their share. Click, Enter or arrow
// keys go into it; what is searched for stands out.
import { clean, h, shorten } from "./dom.js";
import { css, isDark, onTheme } from "./theme.js";
import { nodeAt, pathOf, rowsOf, treeOf } from "./flame_layout.js";

const ROW = 21, FONT = "12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
const CHARACTER = 7.3; // of the font, at the least

const hsl = (hue, saturation, light) => `hsl(${hue} ${saturation}% ${light}%)`;

function hueOf(text) {
    let hash = 7;
    for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
    return (hash * 47) % 360;
}

const COLOURS = {
    // Red grew, blue shrank; paler where it is little of the whole, or one hides the other.
    change: (node, model, root) => {
        const share = node.width > 0 ? node.value / node.width : 0, dark = isDark();
        const strength = Math.min(1, Math.abs(share)) * (0.2 + 0.8 * (node.width / root.width) ** 0.4);
        if (strength < 0.02) return hsl(40, 6, dark ? 30 : 86);
        return hsl(share > 0 ? 10 : 212, dark ? 22 + 34 * strength : 55 + 30 * strength, dark ? 25 + 13 * strength : 92 - 17 * strength);
    },
    module: (node, model) => {
        const dark = isDark();
        return node.key === null ? hsl(40, 6, dark ? 26 : 88) : hsl(hueOf(model.groupOf(node.key)), dark ? 30 : 48, dark ? 33 : 80);
    },
    // tone: log10 of seconds, from a millisecond to a quarter of an hour.
    residence: (node) => {
        const tone = node.width > 0 ? node.tone / node.width : -3, dark = isDark();
        const share = Math.min(1, Math.max(0, (tone + 3) / 6));
        return hsl(45 - 40 * share, 50 + 35 * share, dark ? 20 + 24 * share : 93 - 30 * share);
    },
};

export class Flame {
    // model: {label(key), groupOf(key), searched(key), describe(node): [text], onpick(node)}.
    constructor(model) {
        this.model = model;
        this.canvas = h("canvas", { "aria-hidden": "true" });
        this.tip = h("div", { class: "tip", hidden: true });
        this.status = h("p", { class: "sr", role: "status", "aria-live": "polite" });
        this.element = h("div", { class: "flame", tabindex: 0, role: "application",
            "aria-label": "Flame graph. Arrow keys move between callers and callees, Enter zooms in, Escape zooms out." },
            this.canvas, this.tip, this.status);
        this.colour = "change";
        this.words = "";
        this.matches = new Map();
        this.root = this.focus = treeOf([]);
        this.cursor = null;
        this.listen();
    }
    // Keeps what is zoomed to, as far as it is still there.
    show(items, colour) {
        const path = pathOf(this.focus);
        this.root = treeOf(items);
        this.colour = colour;
        this.focus = nodeAt(this.root, path);
        this.cursor = null;
        this.draw();
    }
    search(words) {
        this.words = clean(words).trim().toLowerCase();
        this.matches = new Map();
        this.draw();
    }
    isMatch(key) {
        if (!this.matches.has(key)) this.matches.set(key, this.model.searched(key).includes(this.words));
        return this.matches.get(key);
    }
    // The share of the whole that lies on matching calls.
    matched() {
        const sum = (node) => (node.key !== null && this.isMatch(node.key) ? node.width : node.order.reduce((total, c) => total + sum(c), 0));
        return this.words && this.root.width > 0 ? sum(this.root) / this.root.width : null;
    }
    zoom(node) {
        this.focus = node || this.root;
        this.cursor = this.focus;
        this.draw();
        this.model.onpick(this.focus);
    }
    draw() {
        const width = this.element.clientWidth;
        if (!width) return;
        this.rows = rowsOf(this.focus, width);
        const height = Math.max(1, this.rows.length) * ROW + 1, ratio = devicePixelRatio || 1;
        this.canvas.width = Math.round(width * ratio);
        this.canvas.height = Math.round(height * ratio);
        this.canvas.style.width = `${width}px`;
        this.canvas.style.height = `${height}px`;
        const ctx = this.canvas.getContext("2d");
        ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
        ctx.font = FONT;
        ctx.textBaseline = "middle";
        for (const row of this.rows) for (const box of row) this.drawBox(ctx, box);
    }
    drawBox(ctx, { node, x, width, isAbove }) {
        const y = node.depth * ROW, isFound = this.words && node.key !== null && this.isMatch(node.key);
        ctx.globalAlpha = isAbove ? 0.55 : this.words && !isFound ? 0.45 : 1;
        ctx.fillStyle = isFound ? (isDark() ? "#8f3fb5" : "#e3b0f7") : COLOURS[this.colour](node, this.model, this.root);
        const gap = width > 3 ? 1 : 0;
        ctx.fillRect(x, y, Math.max(width - gap, 0.4), ROW - 1);
        if (node === this.cursor) {
            ctx.strokeStyle = css("--ink");
            ctx.lineWidth = 2;
            ctx.strokeRect(x + 1, y + 1, Math.max(width - gap - 2, 1), ROW - 3);
        }
        if (width < 34) return;
        const room = Math.floor((width - 8) / CHARACTER), label = shorten(this.model.label(node.key), 400);
        ctx.fillStyle = css("--ink");
        ctx.fillText(label.length > room ? `${label.slice(0, Math.max(1, room - 1))}\u2026` : label, x + 5, y + ROW / 2 + 0.5);
        ctx.globalAlpha = 1;
    }
    at(event) {
        const box = this.canvas.getBoundingClientRect();
        const row = this.rows?.[Math.floor((event.clientY - box.top) / ROW)], x = event.clientX - box.left;
        return row?.find((b) => b.x <= x && x < b.x + Math.max(b.width, 1))?.node || null;
    }
    hover = (event) => {
        const node = this.at(event);
        this.tip.hidden = !node;
        this.canvas.style.cursor = node ? "pointer" : "";
        if (!node) return;
        this.tip.replaceChildren(...this.model.describe(node).map((text, i) => h(i ? "div" : "b", {}, shorten(text, 300))));
        const host = this.element.getBoundingClientRect();
        this.tip.style.left = `${Math.min(event.clientX - host.left + 14, Math.max(0, host.width - this.tip.offsetWidth - 4))}px`;
        this.tip.style.top = `${event.clientY - host.top + this.element.scrollTop + 16}px`;
    };
    move(node) {
        if (!node) return;
        this.cursor = node;
        if (node.depth <= this.focus.depth) this.focus = node;
        this.draw();
        this.status.textContent = this.model.describe(node).map((t) => shorten(t, 200)).join(", ");
        this.element.scrollTop = Math.max(0, node.depth * ROW - this.element.clientHeight / 2);
    }
    key = (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        const node = this.cursor || this.focus, beside = node.parent?.order || [node], i = beside.indexOf(node);
        const act = { ArrowDown: () => this.move(node.order[0]), ArrowUp: () => this.move(node.parent), ArrowLeft: () => this.move(beside[i - 1]),
            ArrowRight: () => this.move(beside[i + 1]), Enter: () => this.zoom(node), " ": () => this.zoom(node), Escape: () => this.zoom(this.root) }[event.key];
        if (!act) return;
        event.preventDefault();
        act();
    };
    listen() {
        this.element.addEventListener("mousemove", this.hover);
        this.element.addEventListener("mouseleave", () => (this.tip.hidden = true));
        this.canvas.addEventListener("click", (event) => {
            const node = this.at(event);
            if (node) this.zoom(node);
        });
        this.element.addEventListener("keydown", this.key);
        new ResizeObserver(() => this.draw()).observe(this.element);
        onTheme(this.element, () => this.draw());
    }
}
