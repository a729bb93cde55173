// The page: what is in the data decides what it shows.
import { showCompare } from "./compare.js";
import { unpack } from "./data.js";
import { h } from "./dom.js";
import { showReport } from "./report.js";
import { showLive } from "./live.js";
import { startTheme } from "./theme.js";

async function start() {
    const page = document.getElementById("page");
    startTheme();
    try {
        const data = await unpack(document.getElementById("data").textContent);
        if (data.mode === "compare") showCompare(page, data.runs);
        else if (data.mode === "live") showLive(page);
        else showReport(page, data.runs[0]);
        document.documentElement.dataset.ready = "yes";
        performance.mark("ready");
    } catch (error) {
        page.append(h("p", { class: "broken", role: "alert" }, `This report cannot be drawn: ${error.message}. It needs a browser of 2023 or later.`));
        throw error;
    }
}

start();
