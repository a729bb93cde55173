// Call stacks in words.
import { h, shorten } from "./dom.js";
import { place } from "./sites.js";

const AT_FIRST = 8;

const isRuntime = (frame) => /(^|\/)(libc[.-]|ld-linux|libpthread|libgcc_s|libstdc\+\+|libtcmalloc|libjemalloc|libmimalloc|libspillmark)/.test(frame.module);

function row(frame) {
    const where = place(frame), name = frame.function || `${frame.module.slice(frame.module.lastIndexOf("/") + 1) || "?"}${frame.address ? `+${frame.address}` : ""}`;
    return h("li", { class: isRuntime(frame) ? "runtime" : null, title: `${frame.file ? `${frame.file}:${frame.line}\n` : ""}${frame.module}`.slice(0, 2000) },
        h("span", { class: "function" }, shorten(name, 240)), h("span", { class: "place" }, shorten(where, 80)));
}

// frames: {function, file, line, module}, innermost first.
export function stackOf(frames, empty = "nobody was seen to") {
    if (!frames || frames.length === 0) return h("p", { class: "dim" }, empty);
    const list = h("ol", { class: "stack" }, frames.slice(0, AT_FIRST).map(row));
    const rest = frames.slice(AT_FIRST);
    if (rest.length === 0) return list;
    const more = h("button", { type: "button", class: "link" }, `${rest.length} more frames`);
    more.addEventListener("click", () => {
        list.append(...rest.map(row));
        more.remove();
    });
    return h("div", {}, list, more);
}
