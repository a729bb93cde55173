// From what the program packed to what the charts take.

export async function unpack(base64) {
    const text = atob(base64.trim());
    const packed = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
}

const numbers = (array) => Float64Array.from(array, (v) => (v === null ? NaN : v));

// {name: {name, unit, t, value, low, high}}, t in seconds since the run began.
export function seriesOf(run) {
    const byName = new Map();
    for (const series of run.series) {
        const t = new Float64Array(series.t.length);
        let at = 0;
        for (let i = 0; i < t.length; i++) t[i] = (at += series.t[i]) / 1000;
        byName.set(series.name, {
            name: series.name, unit: series.unit, t, value: numbers(series.value),
            low: series.low ? numbers(series.low) : null,
            high: series.high ? numbers(series.high) : null,
        });
    }
    return byName;
}

// What a counter rose by in each span of at least `least_s`, per second.
export function rateOf(series, least_s) {
    const t = [], value = [];
    let from = 0;
    for (let i = 1; i < series.t.length; i++) {
        const span = series.t[i] - series.t[from];
        if (span < least_s) continue;
        t.push(series.t[i]);
        value.push(Math.max(0, series.value[i] - series.value[from]) / span);
        from = i;
    }
    return { name: series.name, t, value, low: null, high: null };
}

export const endOf = (run) => {
    let end = run.report.duration_s || 0;
    for (const phase of run.report.phases) end = Math.max(end, phase.to_s ?? phase.from_s ?? 0);
    for (const series of run.series) end = Math.max(end, series.t.reduce((a, b) => a + b, 0) / 1000);
    return end;
};
