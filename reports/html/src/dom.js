// Elements from data. Foreign text only ever becomes text nodes and attribute values.

const pictures = (code) => String.fromCodePoint(code === 0x7f ? 0x2421 : 0x2400 + code);

// Controls become visible, so that no name can hide, reorder or break what stands beside it.
export function clean(text) {
    return String(text)
        .replace(/[\u0000-\u0009\u000b-\u001f\u007f]/g, (c) => pictures(c.codePointAt(0)))
        .replace(/[\u0080-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
            (c) => `\u27e8U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);
}

// A long name with its middle left out.
export function shorten(text, most = 160) {
    const shown = clean(text);
    if (shown.length <= most) return shown;
    const half = Math.floor((most - 1) / 2);
    return `${shown.slice(0, half)}\u2026${shown.slice(-half)}`;
}

function fill(element, children) {
    for (const child of children.flat(Infinity)) {
        if (child === null || child === undefined || child === false) continue;
        element.append(child instanceof Node ? child : document.createTextNode(clean(child)));
    }
    return element;
}

function set(element, name, value) {
    if (value === null || value === undefined || value === false) return;
    if (name === "style") for (const [key, v] of Object.entries(value)) element.style.setProperty(key, v);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : name === "class" || name === "id" ? value : clean(value));
}

// h("p", {class: "dim", onclick: f}, "text", [more]): children may nest; null leaves nothing.
export function h(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) set(element, name, value);
    return fill(element, children);
}

export function svg(tag, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes || {})) set(element, name, value);
    return fill(element, children);
}

export function section(id, title, ...children) {
    return h("section", { id, "aria-labelledby": `${id}-title` },
        h("h2", { id: `${id}-title` }, title), ...children);
}
