// The sites of a run, read from their columns.
import { clean } from "./dom.js";

export const HEAP = 0, FD = 1, MAP = 2;

// By kind: what to choose it by, what all of it is called, and what is said of its stacks.
export const KINDS = [
    { id: "heap", name: "Memory", all: "all memory", verb: "allocate", madeAt: "allocated at", goneBy: "freed by", kept: "Not freed", gone: "Freed", ever: "allocated" },
    { id: "fd", name: "Descriptors", all: "all descriptors", verb: "open", madeAt: "opened at", goneBy: "closed by", kept: "Not closed", gone: "Closed", ever: "opened" },
    { id: "map", name: "Mappings", all: "all mappings", verb: "map", madeAt: "mapped at", goneBy: "unmapped by", kept: "Not unmapped", gone: "Unmapped", ever: "mapped" },
];
export const kindsOf = (list) => KINDS.map((_, kind) => kind).filter((kind) => list.some((site) => site.kind === kind));

const last = (path) => path.slice(path.lastIndexOf("/") + 1);

export function sitesOf(run) {
    const { columns, functions, frames } = run.sites;
    const functionOf = (frame) => frames.function[frame];
    const figure = (name, i) => columns[name]?.[i] ?? NaN;
    const count = run.sites.count;
    const list = [];
    for (let i = 0; i < count; i++)
        list.push({
            index: i, kind: columns.kind[i], stack: columns.stack[i], freedBy: columns.freed_by[i],
            culprit: columns.culprit[i], verdict: columns.verdict[i], why: columns.why[i], growing: columns.growing[i] === 1,
            get: (name) => figure(name, i),
        });
    const frameOf = (frame) => {
        const f = functionOf(frame);
        return { function: functions.name[f], file: functions.file[f], module: functions.module[f], line: frames.line[frame] };
    };
    return {
        list, frameOf, functionOf, leftOut: run.sites.left_out,
        nameOf: (f) => functions.name[f], moduleOf: (f) => functions.module[f], fileOf: (f) => functions.file[f],
        culpritOf: (site) => frameOf(site.stack[site.culprit]),
    };
}

export function place(frame) {
    if (frame.file) return frame.line > 0 ? `${last(frame.file)}:${frame.line}` : last(frame.file);
    return frame.module ? last(frame.module) : "";
}

// What search looks at, once for each function.
export const searched = (sites, f) => clean(`${sites.nameOf(f)} ${last(sites.fileOf(f))} ${last(sites.moduleOf(f))}`).toLowerCase();

// What the picture can be drawn by: how wide a site is, and what tells its colour.
export const MEASURES = [
    { id: "growth", name: "Growth", unit: ["bytes", "count"], by: ["growth_bytes", "growth_count"], colour: "change",
      note: "Gained where memory rose the most. Red grew, blue shrank." },
    { id: "unit", name: "Growth per unit", unit: ["bytes", "none"], by: ["rate_per_unit", "rate_per_unit"], colour: "change",
      note: "Growth for each unit that was offered. Red grew, blue shrank." },
    { id: "now", name: "Bytes now", fdName: "Open now", unit: ["bytes", "count"], by: ["held_bytes", "held_count"], colour: "module",
      note: "What is left at the end of the run. One colour for each module." },
    { id: "peak", name: "At its peak", unit: ["bytes", "count"], by: ["peak_bytes", "peak_count"], colour: "module",
      note: "What each site held when it held most. One colour for each module." },
    { id: "residence", name: "Residence", unit: ["bytes", "count"], by: ["live_bytes", "live_count"], colour: "residence",
      note: "As wide as what was live where memory rose the most; the darker, the longer it stays." },
];

export const valueOf = (measure, site) => {
    const value = site.get(measure.by[site.kind === FD ? 1 : 0]);
    return Number.isFinite(value) ? value : 0;
};
