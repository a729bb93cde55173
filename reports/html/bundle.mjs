// Bundles the page: script, style and template become one file that fetches nothing. Its policy
// admits this very script and style by their hashes and no other, and no text as markup.
//   node bundle.mjs DIRECTORY-WITH-node_modules PAGE
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [installed, page] = process.argv.slice(2);
const { buildSync } = createRequire(join(installed, "here.js"))("esbuild");

function bundle(entry) {
    const result = buildSync({
        entryPoints: [join(here, entry)],
        bundle: true,
        minify: true,
        write: false,
        format: "iife",
        target: "es2022",
        charset: "ascii",
        legalComments: "none",
        nodePaths: [join(installed, "node_modules")],
    });
    return result.outputFiles[0].text.trim();
}

const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const script = bundle("src/main.js");
const style = bundle("style.css");
for (const text of [script, style])
    if (/<\/(script|style)|<!--/i.test(text)) throw new Error("the bundle would end its own element");

const policy = [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
].join("; ");

const parts = {
    "@POLICY@": policy,
    "@STYLE@": style,
    "@SCRIPT@": script,
    "@LICENCE@": readFileSync(join(installed, "node_modules/uplot/LICENSE"), "utf8").trim(),
};
let html = readFileSync(join(here, "page.html"), "utf8");
for (const [mark, text] of Object.entries(parts)) {
    if (html.split(mark).length !== 2) throw new Error(`page.html has not one ${mark}`);
    html = html.replace(mark, () => text);
}
let at = 0;
for (const mark of ["@TITLE@", "@HEADING@", "@SUMMARY@", "@DATA@"]) {
    if (html.split(mark).length !== 2 || html.indexOf(mark) < at)
        throw new Error(`page.html has not one ${mark}, in order`);
    at = html.indexOf(mark);
}
writeFileSync(page, html);
