// The page of a run, as its reader meets it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { drawn, launch, open, PHONE, pictures } from "./browser.mjs";

const pages = process.env.PAGES;
const at = (name) => join(pages, `${name}.html`);
let browser;

before(async () => (browser = await launch()));
after(() => browser.close());

async function opened(name, options) {
    const result = await open(browser, at(name), options);
    result.close = async () => {
        assert.deepEqual(result.troubles, []);
        await result.page.close();
    };
    return result;
}

const chart = (page, id) => page.locator(`figure[data-chart="${id}"]`);
const value = (page, id, name) => chart(page, id).locator(".key", { hasText: name }).locator(".value").textContent();

test("opens from disk with the verdict first, and asks for nothing else", async () => {
    const { page, requests, address, close } = await opened("leaking");
    assert.equal(await page.title(), "FAIL synthetic/slow-disk");
    assert.match(await page.locator(".badge").first().textContent(), /FAIL/);
    assert.match(await page.locator(".why").textContent(), /^The live heap is growing: by \d+ KB\/s/);
    assert.deepEqual(requests.filter((url) => !url.startsWith("data:")), [address]);
    assert.deepEqual(await page.locator("main h2").allTextContents(), ["Timeline", "Why", "Growth by site", "Ledger", "Memory",
        "Budget", "Faults and their receipts", "Every series", "Processes", "Machine and versions"]);
    await close();
});

test("a bounded run passes, and says what was dropped", async () => {
    const { page, close } = await opened("bounded");
    assert.equal(await page.title(), "PASS synthetic/slow-disk");
    assert.match(await page.locator("#ledger").textContent(), /[1-9]\d* dropped/);
    assert.equal(await page.locator("#ledger svg text", { hasText: "dropped" }).count(), 1);
    await close();
});

test("every chart has something on it", async () => {
    const { page, close } = await opened("leaking");
    await page.locator("button.more", { hasText: "more:" }).click();
    const colours = await page.$$eval(".chart canvas", (all) => all.map((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
    }));
    assert.ok(colours.length >= 9, `${colours.length} charts`);
    for (const count of colours) assert.ok(count > 8);
    await close();
});

test("a drag zooms every chart, a phase zooms to itself, keys and double-click go back", async () => {
    const { page, close } = await opened("leaking");
    const whole = await pictures(page), spans = () => page.$$eval(".span.phase", (all) => all.filter((s) => !s.hidden).map((s) => s.textContent));
    const box = await chart(page, "memory").locator(".u-over").boundingBox();
    await page.mouse.move(box.x + box.width * 0.3, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.45, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await drawn(page);
    assert.deepEqual(await spans(), ["slow disk"]);
    const zoomed = await pictures(page);
    zoomed.forEach((picture, i) => assert.notEqual(picture, whole[i]));
    await page.mouse.dblclick(box.x + 200, box.y + 60);
    await drawn(page);
    assert.deepEqual(await spans(), ["warm-up", "slow disk", "drain", "settle"]);
    await page.locator(".span.phase", { hasText: "drain" }).click();
    assert.deepEqual(await spans(), ["drain"]);
    await page.keyboard.press("-");
    assert.ok((await spans()).length > 1);
    await page.keyboard.press("0");
    assert.equal((await spans()).length, 4);
    await page.keyboard.press("+");
    await page.keyboard.press("ArrowRight");
    assert.ok(!(await spans()).includes("warm-up"));
    await page.locator("button", { hasText: "Whole run" }).click();
    assert.equal((await spans()).length, 4);
    await close();
});

test("the pointer shows the figures of its moment on all charts", async () => {
    const { page, close } = await opened("leaking");
    const box = await chart(page, "memory").locator(".u-over").boundingBox();
    const end = await value(page, "units", "delivered");
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60);
    await drawn(page);
    assert.match(await page.locator(".now").textContent(), /^20\.\d s . slow disk . slow disk$/);
    assert.match(await value(page, "memory", "live heap"), /^(9|10|11)\.\d+ MB$/);
    assert.notEqual(await value(page, "units", "delivered"), end);
    await page.mouse.move(10, 10);
    await drawn(page);
    assert.equal(await value(page, "units", "delivered"), end);
    await close();
});

test("a line can be taken away and comes back", async () => {
    const { page, close } = await opened("leaking");
    const canvas = '[data-chart="memory"] canvas', key = chart(page, "memory").locator(".key", { hasText: "resident" });
    const [with_it] = await pictures(page, canvas);
    await key.focus();
    await page.keyboard.press("Enter");
    await drawn(page);
    assert.equal(await key.getAttribute("aria-pressed"), "false");
    assert.notEqual((await pictures(page, canvas))[0], with_it);
    await page.keyboard.press("Enter");
    await drawn(page);
    assert.equal((await pictures(page, canvas))[0], with_it);
    await close();
});

test("the flame graph is searched, entered and left", async () => {
    const { page, close } = await opened("leaking");
    const flame = page.locator(".flame"), canvas = ".flame canvas", rows = page.locator("table.sites tbody tr");
    await flame.scrollIntoViewIfNeeded();
    const [whole] = await pictures(page, canvas);
    await page.locator("#site-search").fill("CHANNEL_send");
    await drawn(page);
    assert.match(await page.locator(".found").textContent(), /^\d+(\.\d+)? % on matching calls$/);
    assert.deepEqual(await rows.locator(".name").allTextContents(), ["channel_send"]);
    assert.notEqual((await pictures(page, canvas))[0], whole);
    await page.locator("#site-search").fill("");
    const box = await page.locator(canvas).boundingBox();
    await page.mouse.move(box.x + 30, box.y + 21 * 3 + 8);
    assert.match(await page.locator(".tip").textContent(), /^engine_step_\d+/);
    await page.mouse.click(box.x + 30, box.y + 21 * 3 + 8);
    assert.match(await page.locator(".crumbs").textContent(), /all memory.*main.*serve_connection.*engine_step/);
    const inside = await rows.count();
    assert.ok(inside >= 1 && inside < 10);
    await flame.focus();
    await page.keyboard.press("ArrowDown");
    assert.match(await page.locator(".flame [role=status]").textContent(), /engine_step.*growth/);
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".crumbs").textContent(), "");
    assert.equal(await rows.count(), 10);
    await close();
});

test("every measure draws another picture", async () => {
    const { page, close } = await opened("leaking");
    const seen = new Set();
    const names = await page.locator(".pick button").allTextContents();
    assert.deepEqual(names, ["Growth", "Growth per unit", "Bytes now", "At its peak", "Residence"]);
    for (const name of names) {
        await page.locator(".pick button", { hasText: new RegExp(`^${name}$`) }).click();
        await drawn(page);
        seen.add((await pictures(page, ".flame canvas"))[0]);
    }
    assert.ok(seen.size >= 4, `${seen.size} pictures`); // growth per unit may be growth to scale
    await close();
});

test("mappings are shown apart from memory", async () => {
    const { page, close } = await opened("leaking");
    const rows = page.locator("table.sites tbody tr"), whole = (await pictures(page, ".flame canvas"))[0];
    await page.locator(".controls button", { hasText: /^Mappings$/ }).click();
    await drawn(page);
    assert.notEqual((await pictures(page, ".flame canvas"))[0], whole);
    assert.deepEqual(await rows.locator(".name").allTextContents(), ["engine_step_1002"]);
    assert.equal(await page.locator("table.sites th").first().textContent(), "Mapped at");
    await rows.locator(".name").click();
    assert.match(await page.locator("tr.opened").textContent(), /mapped at.*engine_step_1002.*unmapped by/s);
    await page.locator(".controls button", { hasText: /^Memory$/ }).click();
    assert.equal(await rows.count(), 10);
    await close();
});

test("the table of sites sorts by what is clicked and opens for stacks", async () => {
    const { page, close } = await opened("leaking");
    const column = (name) => page.$$eval(`td[data-name="${name}"]`, (cells) => cells.map((c) => c.textContent));
    const header = page.locator("th button.sort", { hasText: "Peak" });
    const size = (text) => parseFloat(text) * { B: 1, KB: 1e3, MB: 1e6 }[text.split(" ")[1]];
    await header.click();
    const falling = (await column("Peak")).map(size);
    assert.deepEqual(falling, [...falling].sort((a, b) => b - a));
    await header.click();
    const rising = (await column("Peak")).map(size);
    assert.deepEqual(rising, [...rising].sort((a, b) => a - b));
    assert.ok(rising[0] < falling[0]);
    await header.click();
    await page.locator("button.name", { hasText: "channel_send" }).click();
    const opened_row = await page.locator("tr.opened").textContent();
    assert.match(opened_row, /channel_send.*part1\.c:102.*batch_free/s);
    await close();
});

test("dark when the system is, and by the switch", async () => {
    const light = await opened("leaking"), dark = await opened("leaking", { dark: true });
    const paper = ({ page }) => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number).reduce((a, b) => a + b));
    assert.ok((await paper(light)) > 700);
    assert.ok((await paper(dark)) < 120);
    const drawn_light = await pictures(light.page);
    await light.page.locator("#theme").click();
    await drawn(light.page);
    assert.ok((await paper(light)) < 120);
    assert.deepEqual(await pictures(light.page), await pictures(dark.page));
    assert.notDeepEqual(await pictures(light.page), drawn_light);
    await light.close();
    await dark.close();
});

test("words stand out from what is behind them, light and dark", async () => {
    for (const dark of [false, true]) {
        const { page, close } = await opened("leaking", { dark });
        const poor = await page.evaluate(() => {
            const style = getComputedStyle(document.documentElement);
            const light = (name) => {
                const hex = style.getPropertyValue(name).trim();
                const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
            const pairs = [...["--ink", "--dim", "--accent", "--good", "--bad", "--doubt"].flatMap((ink) => [[ink, "--paper"], [ink, "--surface"]]),
                ["--good", "--good-soft"], ["--bad", "--bad-soft"], ["--doubt", "--doubt-soft"]];
            const lines = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => [`--c${i}`, "--paper"]);
            return [...pairs.filter(([a, b]) => contrast(a, b) < 4.5), ...lines.filter(([a, b]) => contrast(a, b) < 2.8)];
        });
        assert.deepEqual(poor, []);
        await close();
    }
});

test("fits a phone", async () => {
    const { page, close } = await opened("leaking", { viewport: PHONE });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width);
    for (const box of await page.$$eval(".chart canvas, .flame canvas", (all) => all.map((c) => c.getBoundingClientRect().toJSON())))
        assert.ok(box.width > 250 && box.right <= PHONE.width + 1, JSON.stringify(box));
    await page.locator(".span.phase", { hasText: "drain" }).click();
    assert.equal(await page.$$eval(".span.phase", (all) => all.filter((s) => !s.hidden).length), 1);
    await close();
});

test("prints in light colours, without its controls", async () => {
    const { page, close } = await opened("leaking", { dark: true });
    await page.emulateMedia({ media: "print" });
    await drawn(page);
    assert.equal(await page.locator(".tools, .controls, nav").evaluateAll((all) => all.filter((e) => e.checkVisibility()).length), 0);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "light");
    assert.ok((await page.pdf({ format: "A4" })).length > 20000);
    await close();
});

test("everything has a name for those who do not see it", async () => {
    const { page, close } = await opened("leaking");
    const nameless = await page.evaluate(() => {
        const name = (e) => (e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || "").trim();
        return [...document.querySelectorAll("button, input, a, [role=img], [role=region], [role=group], section")]
            .filter((e) => !name(e)).map((e) => e.outerHTML.slice(0, 200));
    });
    assert.deepEqual(nameless, []);
    assert.equal(await page.locator("h1").count(), 1);
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.equal(await page.locator("table").evaluateAll((all) => all.filter((t) => !t.querySelector("th[scope]")).length), 0);
    await close();
});

test("hostile names are shown and never run", async () => {
    const { page, close } = await opened("hostile");
    for (const summary of await page.locator("summary").all()) await summary.click();
    for (const more of await page.locator("button.more:visible").all()) await more.click();
    for (const name of (await page.locator("button.name").all()).slice(0, 20)) await name.click();
    for (const span of (await page.locator(".span:visible").all()).slice(0, 3)) await span.hover();
    const box = await page.locator(".flame canvas").boundingBox();
    for (let row = 0; row < 8; row++) {
        await page.mouse.move(box.x + 40, box.y + row * 21 + 8);
        await drawn(page);
    }
    await page.locator("#site-search").fill("</script>");
    await drawn(page);
    assert.equal(await page.evaluate(() => window.owned), undefined);
    const text = await page.locator("main").innerText();
    for (const words of ["</script><script>window.owned = 1</script>", "<img src=x onerror=\"window.owned = 2\">", "&lt;b&gt;",
        "\u27e8U+202E\u27e9gnp.exe", "\u2401\u2402\u241b[31m\u2407", "__proto__", "constructor", "not \ufffd( UTF-8"])
        assert.ok(text.includes(words), words);
    assert.equal(await page.locator("script").count(), 2);
    assert.equal(await page.locator("main img, main script, main iframe, main object, main [onload], main [onerror], main [onmouseover]").count(), 0);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await close();
});

test("markup from text is refused by the page itself", async () => {
    const { page } = await opened("leaking");
    const tried = await page.evaluate(() => {
        try {
            document.body.innerHTML = "<b>x</b>";
            return "done";
        } catch (error) {
            return error.name;
        }
    });
    assert.equal(tried, "TypeError");
    await page.close();
});

test("the bundle stays under a megabyte, and ten thousand sites can be searched", async () => {
    const { page, close } = await opened("many");
    const html = readFileSync(at("many"), "utf8");
    const data = html.match(/id="data">([^<]*)</)[1];
    assert.ok(html.length - data.length < 1e6);
    assert.match(await page.locator("#sites .hint").first().textContent(), /10000 call stacks/);
    await page.locator("#site-search").fill("engine_step_10999");
    await drawn(page);
    assert.deepEqual(await page.locator("button.name").allTextContents(), ["engine_step_10999"]);
    await close();
});

test("a page without data says so instead of showing nothing", async () => {
    const page = await browser.newPage();
    const html = readFileSync(at("leaking"), "utf8").replace(/id="data">[^<]*</, 'id="data">AAAA<');
    await page.setContent(html);
    await page.waitForSelector("[role=alert]");
    assert.match(await page.locator("h1").textContent(), /FAIL synthetic/);
    await page.close();
});
