// Quantities as the terminal prints them: three significant digits and the fitting prefix.

export const UNITS = ["none", "bytes", "count", "seconds", "bytes/s", "count/s"];

function significant(value) {
    const size = Math.abs(value);
    if (size >= 100 || size === 0) return value.toFixed(0);
    return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : Math.min(6, 2 - Math.floor(Math.log10(size))));
}

function scaled(value, steps) {
    const size = Math.abs(value);
    for (const [least, name] of steps)
        if (size >= least * 0.9995) return `${significant(value / least)}${name}`;
    const [least, name] = steps[steps.length - 1];
    return `${significant(value / least)}${name}`;
}

const BYTES = [[1e15, " PB"], [1e12, " TB"], [1e9, " GB"], [1e6, " MB"], [1e3, " KB"], [1, " B"]];
const SECONDS = [[1, " s"], [1e-3, " ms"], [1e-6, " \u00b5s"], [1e-9, " ns"]];

export const known = (value) => typeof value === "number" && Number.isFinite(value);

export function bytes(value) {
    return known(value) ? (value === 0 ? "0 B" : scaled(value, BYTES)) : "unknown";
}

export function count(value) {
    if (!known(value)) return "unknown";
    if (Math.abs(value) >= 1e6) return scaled(value, [[1e9, " billion"], [1e6, " million"]]);
    return Number.isInteger(value) || Math.abs(value) >= 1000 ? String(Math.round(value)) : significant(value);
}

export function seconds(value) {
    if (!known(value)) return "unknown";
    if (value === 0) return "0 s";
    if (Math.abs(value) < 600) return scaled(value, SECONDS);
    const minutes = Math.round(value / 60);
    return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// unit: one of UNITS or its number.
export function quantity(unit, value) {
    const name = typeof unit === "number" ? UNITS[unit] : unit;
    if (!known(value)) return "unknown";
    switch (name) {
    case "bytes": return bytes(value);
    case "bytes/s": return `${bytes(value)}/s`;
    case "seconds": return seconds(value);
    case "count/s": return `${count(value)}/s`;
    case "percent": return `${significant(value)} %`;
    default: return count(value);
    }
}

export const perSecond = (unit) => (unit === "bytes" || unit === 1 ? "bytes/s" : "count/s");

// A moment of the run, fine enough for the span that is shown.
export function moment(t_s, span_s = 60) {
    if (span_s < 5) return `${t_s.toFixed(span_s < 0.5 ? 3 : 2)} s`;
    if (t_s < 120 || span_s < 60) return `${t_s.toFixed(1)} s`;
    const whole = Math.round(t_s), two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600);
    return `${hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)}:${two(whole % 60)}`;
}

export const words = (name) => String(name).replace(/_/g, " ");
