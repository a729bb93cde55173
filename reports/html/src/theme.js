// Light and dark: the system's choice until the reader makes one.
import { h } from "./dom.js";

const system = matchMedia("(prefers-color-scheme: dark)");
const printing = matchMedia("print");
let chosen = null;
let cache = new Map();

let isPaper = false; // laid out for a sheet

export const isDark = () => !isPaper && !printing.matches && (chosen ? chosen === "dark" : system.matches);

// A colour of the style sheet, for canvases; as #rrggbb.
export function css(name) {
    if (!cache.has(name)) cache.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
    return cache.get(name);
}

// Calls back, while the element is part of the page, when its colours or the sheet have changed.
export function onTheme(element, listener) {
    element.dataset.themed = "";
    element.addEventListener("theme", listener);
}

function apply() {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    cache = new Map();
    for (const element of document.querySelectorAll("[data-themed]")) element.dispatchEvent(new Event("theme"));
}

export function themeButton() {
    const button = h("button", { type: "button", class: "quiet", id: "theme" });
    const label = () => {
        button.textContent = isDark() ? "Light" : "Dark";
        button.setAttribute("aria-label", isDark() ? "Switch to light colours" : "Switch to dark colours");
    };
    button.addEventListener("click", () => {
        chosen = isDark() ? "light" : "dark";
        apply();
    });
    onTheme(button, label);
    label();
    return button;
}

function layOut(forPaper) {
    isPaper = forPaper;
    document.documentElement.classList.toggle("paper", forPaper);
    apply();
}

export function startTheme() {
    addEventListener("beforeprint", () => layOut(true));
    addEventListener("afterprint", () => layOut(false));
    system.addEventListener("change", apply);
    printing.addEventListener("change", apply);
    apply();
}
