// From stacks to rectangles: a tree of functions, as wide as what lies below them.

class Node {
    constructor(key, parent) {
        this.key = key;
        this.parent = parent;
        this.depth = parent ? parent.depth + 1 : 0;
        this.children = new Map();
        this.width = 0;  // sum of sizes below
        this.value = 0;  // the same with signs
        this.other = 0;  // the same of another run, where two are compared
        this.tone = 0;   // mean of logarithms, weighted by size
        this.sites = [];
        this.from = 0;
        this.order = null;
    }
    child(key) {
        let node = this.children.get(key);
        if (!node) this.children.set(key, (node = new Node(key, this)));
        return node;
    }
}

// items: {path: [keys, outermost first], value, other, tone, site}. The root's key is null.
export function treeOf(items) {
    const root = new Node(null, null);
    for (const item of items) {
        const width = item.width ?? Math.abs(item.value);
        if (!(width > 0)) continue;
        let node = root;
        for (let i = -1; i < item.path.length; i++) {
            if (i >= 0) node = node.child(item.path[i]);
            node.width += width;
            node.value += item.value;
            node.other += item.other || 0;
            node.tone += (item.tone || 0) * width;
        }
        node.sites.push(item.site);
    }
    place(root, 0);
    return root;
}

function place(node, from) {
    node.from = from;
    node.order = [...node.children.values()].sort((a, b) => b.width - a.width);
    for (const child of node.order) {
        place(child, from);
        from += child.width;
    }
}

// The node at the end of the path of keys, or the deepest one of it that there is.
export function nodeAt(root, path) {
    let node = root;
    for (const key of path) {
        const next = node.children.get(key);
        if (!next) break;
        node = next;
    }
    return node;
}

export function pathOf(node) {
    const path = [];
    for (; node.parent; node = node.parent) path.unshift(node.key);
    return path;
}

// What is drawn with `focus` over the whole width: {node, x, width, isAbove} by row, those wide
// enough to see, left to right.
export function rowsOf(focus, pixels) {
    const rows = [];
    for (let node = focus; node; node = node.parent) rows[node.depth] = [{ node, x: 0, width: pixels, isAbove: node !== focus }];
    const scale = focus.width > 0 ? pixels / focus.width : 0;
    const visit = (node) => {
        for (const child of node.order) {
            const width = child.width * scale;
            if (width < 0.4) return; // those after it are no wider
            (rows[child.depth] ||= []).push({ node: child, x: (child.from - focus.from) * scale, width, isAbove: false });
            visit(child);
        }
    };
    visit(focus);
    return rows;
}
