// Opens a page some times and uses it; prints milliseconds by name as JSON. See page.py.
import { launch, open } from "../html/browser.mjs";

const [target, rounds] = process.argv.slice(2);
const browser = await launch();
const times = {};
const note = (name, value) => (times[name] ||= []).push(value);

// What the page's thread is busy with, from the call until the next frame is out.
const timed = (page, act) => page.evaluate(async (source) => {
    const begun = performance.now();
    new Function(source)();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - begun;
}, act);

for (let i = 0; i < Number(rounds); i++) {
    const { page } = await open(browser, target);
    note("opened and drawn", await page.evaluate(() => performance.getEntriesByName("ready")[0].startTime));
    note("zoom of all charts", await timed(page, "document.querySelector('.span.phase:nth-child(2)').click()"));
    note("whole run again", await timed(page, "[...document.querySelectorAll('.tool')].at(-1).click()"));
    note("search over all sites", await timed(page, "const i = document.querySelector('#site-search'); i.value = 'step_1'; i.dispatchEvent(new Event('input'))"));
    note("another measure", await timed(page, "document.querySelectorAll('.pick button')[3].click()"));
    note("sort the table", await timed(page, "document.querySelectorAll('th .sort')[4].click()"));
    note("pointer moves, each", await page.evaluate(async () => {
        const over = document.querySelector(".u-over"), box = over.getBoundingClientRect(), moves = 60;
        const begun = performance.now();
        for (let k = 0; k < moves; k++)
            over.dispatchEvent(new MouseEvent("mousemove", { clientX: box.left + (box.width * k) / moves, clientY: box.top + 40, bubbles: true }));
        return (performance.now() - begun) / moves;
    }));
    await page.close();
}
await browser.close();
console.log(JSON.stringify(times));
