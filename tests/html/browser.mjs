// A headless browser, and pages of which every error and every request is kept.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const { chromium } = createRequire(join(process.env.BROWSER_MODULES, "here.js"))("playwright-core");

export const DESKTOP = { width: 1280, height: 900 }, PHONE = { width: 390, height: 844 };

export const launch = () => chromium.launch({ executablePath: process.env.BROWSER, args: ["--no-sandbox", "--force-color-profile=srgb"] });

// Opens a file or an address and waits until it is drawn. `troubles` holds what went wrong since.
export async function open(browser, target, { viewport = DESKTOP, dark = false } = {}) {
    const page = await browser.newPage({ viewport, colorScheme: dark ? "dark" : "light" });
    const troubles = [], requests = [];
    page.on("console", (message) => troubles.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => troubles.push(`error: ${error.stack}`));
    page.on("dialog", (dialog) => {
        troubles.push(`dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on("request", (request) => requests.push(request.url()));
    const address = target.startsWith("http") ? target : pathToFileURL(target).href;
    await page.goto(address);
    await page.waitForSelector("html[data-ready]", { timeout: 30000, state: "attached" });
    return { page, troubles, requests, address };
}

// What the canvases of the charts show, to tell whether they changed.
export const pictures = (page, selector = ".chart canvas") =>
    page.$$eval(selector, (all) => all.map((canvas) => canvas.toDataURL()));

// Two frames later everything that was asked for is drawn.
export const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
