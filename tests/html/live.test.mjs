// The page of a run that goes on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { drawn, launch, open } from "./browser.mjs";

const { SPILLMARK, PAGES } = process.env;
let browser, runs = 0;

before(async () => (browser = await launch()));
after(() => browser.close());

// Starts a run; `address` is known when its page is served, `ended` when it is over.
async function start(port = 0) {
    const out = join(PAGES, `run-${++runs}`);
    const child = spawn(SPILLMARK, ["run", "log-batcher/slow-disk", "--time-scale", "0.25", "--live", String(port), "-o", out]);
    const run = { out: "", err: "", interrupt: () => child.kill("SIGINT") };
    child.stdout.on("data", (text) => (run.out += text));
    run.ended = new Promise((done) => child.on("close", done));
    run.address = await new Promise((found) => {
        child.stderr.on("data", (text) => {
            run.err += text;
            const match = /live at (http:\S+)/.exec(run.err);
            if (match) found(match[1]);
        });
        run.ended.then(() => found(null));
    });
    return run;
}

const status = (address, options) => new Promise((done, failed) => {
    request(address, options, (response) => {
        response.resume();
        response.on("end", () => done(response.statusCode));
    }).on("error", failed).end();
});

// All events of a run, as they came.
function listen(address) {
    const events = [];
    let text = "";
    request(`${address}events`, (response) => response.on("error", () => {}).on("data", (chunk) => {
        text += chunk;
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
            const match = /^event: (\w+)\ndata: (.*)$/.exec(part);
            if (match) events.push({ kind: match[1], data: JSON.parse(match[2]) });
            if (match?.[1] === "end") status(`${address}data?last=1`).catch(() => {}); // which the server waits for
        }
    })).on("error", () => {}).end();
    return events;
}

test("shows the run as it goes on, keeps what was chosen, and ends with the verdict", async () => {
    const run = await start(), events = listen(run.address);
    const { page, troubles } = await open(browser, run.address);
    assert.match(await page.locator(".hero .badge").textContent(), /RUNNING/);
    await page.waitForSelector(".chart canvas", { timeout: 60000 });
    await page.waitForSelector(".figure >> text=Live heap");
    await page.waitForSelector(".span.phase:text('slow disk')", { timeout: 60000 });
    await page.locator(".span.phase", { hasText: "warm-up" }).click();
    const spans = () => page.$$eval(".span.phase", (all) => all.filter((s) => !s.hidden).map((s) => s.textContent));
    assert.deepEqual(await spans(), ["warm-up"]);
    await page.waitForSelector(".span.phase:text('drain')", { state: "attached", timeout: 60000 });
    assert.deepEqual(await spans(), ["warm-up"], "still zoomed after the run has grown");
    await page.waitForSelector("html[data-live=over]", { timeout: 60000 });
    await drawn(page);
    const code = await run.ended, verdict = { 0: "PASS", 1: "FAIL", 4: "INCONCLUSIVE" }[code];
    assert.ok(run.out.startsWith(verdict), run.out);
    assert.equal(await page.title(), `${verdict} log-batcher/slow-disk`);
    assert.match(await page.locator(".hero .badge").first().textContent(), new RegExp(verdict));
    assert.match(await page.locator("#sites").textContent(), /lb_channel_send/);
    assert.deepEqual(await spans(), ["warm-up"], "still zoomed at the end");
    await page.locator("button", { hasText: "Whole run" }).click();
    assert.deepEqual(await spans(), ["warm-up", "slow disk", "drain", "settle"]);
    assert.deepEqual(troubles, []);
    await page.close();
    assert.equal(events.at(-1).kind, "end");
    sameAsTheTerminal(run.err, events.filter((e) => e.kind === "figures").map((e) => e.data));
});

// A line of the terminal lies between the events before and after it.
function sameAsTheTerminal(text, figures) {
    const lines = [...text.matchAll(/^(.+?) +\d+\/\d+ s .*offered (\d+)  accepted (\d+)/gm)];
    assert.ok(lines.length >= 1, text);
    assert.ok(figures.length > 10);
    for (const [, phase, offered, accepted] of lines) {
        const near = figures.filter((f) => f.phase === phase);
        assert.ok(near.length > 0, phase);
        const at = figures.findIndex((f) => f.offered >= Number(offered) && f.accepted >= Number(accepted));
        assert.ok(at >= 0, offered);
        assert.ok(at === 0 || (figures[at - 1].offered <= Number(offered) && figures[at - 1].accepted <= Number(accepted)), offered);
    }
}

test("is for this machine alone: other names, methods and paths are refused", async () => {
    const run = await start(), { port } = new URL(run.address);
    assert.equal(await status(run.address), 200);
    assert.equal(await status(run.address, { headers: { Host: `localhost:${port}` } }), 200);
    assert.equal(await status(run.address, { headers: { Host: `elsewhere.example:${port}` } }), 403);
    assert.equal(await status(run.address, { method: "POST" }), 403);
    assert.equal(await status(`${run.address}run.db`), 404);
    for (const { address, family, internal } of Object.values(networkInterfaces()).flat()) {
        if (internal || family !== "IPv4") continue;
        const reached = await new Promise((done) => connect(Number(port), address).on("connect", () => done(true)).on("error", () => done(false)));
        assert.equal(reached, false, address);
    }
    run.interrupt();
    await run.ended;
    await assert.rejects(status(run.address));
});

test("a port that is taken is a mistake told in one line", async () => {
    const server = createServer();
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address(), run = await start(port);
    assert.equal(run.address, null);
    assert.equal(await run.ended, 3);
    assert.match(run.err, new RegExp(`^spillmark run: --live: port ${port} cannot be listened on: .*give another port`, "m"));
    server.close();
});
