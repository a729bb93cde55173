// The page of several runs.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { drawn, launch, open, PHONE, pictures } from "./browser.mjs";

let browser;

before(async () => (browser = await launch()));
after(() => browser.close());

const opened = (name, options) => open(browser, join(process.env.PAGES, `${name}.html`), options);

test("two runs over each other: verdicts, figures with their change, a line each", async () => {
    const { page, troubles } = await opened("compared");
    assert.deepEqual(await page.locator(".card.run h3").allTextContents(), ["A build=before", "B build=after"]);
    assert.deepEqual(await page.locator(".card.run .badge").allTextContents(), ["\u2717 FAIL", "\u2713 PASS"]);
    const peak = await page.locator("#figures tr", { hasText: "Heap, peak" }).textContent();
    assert.match(peak, /14\.0 MB.*4\.00 MB.*\u22129\.98 MB \(\u00d70\.29\)/);
    assert.deepEqual(await page.locator('[data-chart="heap"] .key .name').allTextContents(), ["A build=before", "B build=after"]);
    assert.match(await page.locator("#causes").textContent(), /backlog in heap.*bounded by discarding/s);
    assert.deepEqual(troubles, []);
    await page.close();
});

test("the differential flame graph tells which run holds more", async () => {
    const { page, troubles } = await opened("compared");
    const flame = page.locator(".flame canvas");
    await flame.scrollIntoViewIfNeeded();
    const box = await flame.boundingBox(), row = 21 * 10 + 8;
    await page.mouse.move(box.x + 30, box.y + row);
    const tip = await page.locator(".tip").innerText();
    assert.match(tip, /^channel_send\nlibengine\.so\.3\nA build=before: 8\.40 MB\nB build=after: 2\.52 MB\n\u22125\.88 MB$/);
    const [r, , b] = await flame.evaluate((canvas, y) => [...canvas.getContext("2d").getImageData(200, y - 6, 1, 1).data], row);
    assert.ok(b > r + 20, "blue: the second holds less");
    assert.match(await page.locator("#sites tbody tr").first().textContent(), /channel_send.*\u22125\.88 MB/);
    await page.locator("#site-search").fill("channel_send");
    await drawn(page);
    assert.match(await page.locator(".found").textContent(), /% on matching calls/);
    const found = await pictures(page, ".flame canvas");
    await page.locator(".choices button", { hasText: "At its peak" }).click();
    await drawn(page);
    assert.notDeepEqual(await pictures(page, ".flame canvas"), found);
    assert.deepEqual(troubles, []);
    await page.close();
});

test("three runs, hostile names among them, on a phone", async () => {
    const { page, troubles } = await opened("compared-hostile", { viewport: PHONE });
    assert.equal(await page.locator(".card.run").count(), 3);
    await page.getByLabel("Second run").selectOption("2");
    await page.getByLabel("First run").selectOption("1");
    await drawn(page);
    assert.match(await page.locator("#sites tbody tr").first().textContent(), /channel_send.*\u22125\.88 MB/);
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.width);
    assert.deepEqual(troubles, []);
    await page.close();
});
