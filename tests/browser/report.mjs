// Opens a report in a real browser and checks that what it should show is really there.
//
//   node tests/browser/report.mjs <report.html> [expect.json] [--screenshot <picture.png>] [--dark]
//
// expect.json may say: runs, cards, drawings, curves, distributions, tiles, warnings (exact counts),
// minPoints (of the longest path of each curve), lines (per curve), texts (parts of the page's text), logos.

import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const options = process.argv.slice(2);
const dark = options.includes("--dark");
const shot = options.indexOf("--screenshot");
const picture = shot < 0 ? null : options[shot + 1];
const [page_file, expect_file] = options.filter(
  (option, i) => !option.startsWith("--") && (shot < 0 || i !== shot + 1),
);
if (!page_file || !existsSync(page_file)) {
  console.error("usage: report.mjs <report.html> [expect.json] [--screenshot <picture.png>] [--dark]");
  process.exit(2);
}
const expected = expect_file ? JSON.parse(readFileSync(expect_file, "utf8")) : {};

let passed = 0;
let failed = 0;
const check = (what, good, detail = "") => {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? "ok  " : "FAIL"} ${what}${good || detail === "" ? "" : `: ${detail}`}`);
};
const equal = (what, found, wanted) => {
  if (wanted !== undefined) check(`${what} = ${wanted}`, found === wanted, `found ${found}`);
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
try {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: dark ? "dark" : "light",
  });
  const page = await context.newPage();
  const said = [];
  const asked = [];
  const url = pathToFileURL(resolve(page_file)).href;
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  page.on("request", (request) => {
    const address = request.url();
    if (address !== url && !address.startsWith("data:")) asked.push(address);
  });
  await page.goto(url, { waitUntil: "load" });

  const seen = await page.evaluate(() => {
    const box = (element) => element.getBoundingClientRect();
    const visible = (element) => box(element).width > 20 && box(element).height > 20;
    const commands = (path) => (path.getAttribute("d").match(/[MLHVCQA]/gi) ?? []).length;
    const figures = (id) => [...document.querySelectorAll(`#${id} figure`)].map((figure) => {
      const svg = figure.querySelector("svg.chart");
      return {
        name: figure.querySelector("figcaption b").textContent,
        drawn: svg !== null && visible(svg),
        said: figure.querySelector(".none") !== null,
        label: svg?.getAttribute("aria-label") ?? "",
        lines: [...figure.querySelectorAll("path.curve")].map(commands),
        areas: [...figure.querySelectorAll("path.area")].map(commands),
        bad: /NaN|Infinity|undefined/.test(svg?.innerHTML ?? ""),
        titles: figure.querySelectorAll(".hit title").length,
        ticks: figure.querySelectorAll("svg.chart text").length,
      };
    });
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
    const cards = [...document.querySelectorAll("#gallery article.card")].map((card) => {
      const svg = card.querySelector(".drawing svg");
      const panel = card.querySelector(".drawing");
      return {
        drawn: svg !== null && visible(svg) && svg.querySelectorAll("path, text, line").length > 0,
        white: panel === null || getComputedStyle(panel).backgroundColor === "rgb(255, 255, 255)",
        text: card.querySelector(".copy").dataset.copy,
        reward: card.querySelector(".score").textContent.replace("reward", ""),
        label: panel?.getAttribute("aria-label") ?? card.textContent.trim(),
      };
    });
    const logos = [...document.querySelectorAll("#logos figure")].map((figure) => {
      const svg = figure.querySelector("svg.logo");
      const stacks = [...figure.querySelectorAll("g.hit")].map((stack) => {
        const letters = [...stack.querySelectorAll(".letter")].map(box);
        // From the bottom up: each letter stands on the one below, all on one width.
        const gaps = letters.slice(1).map((letter, i) => Math.abs(letter.bottom - letters[i].top));
        return { letters: letters.length, gap: Math.max(0, ...gaps) };
      });
      const colours = new Set([...figure.querySelectorAll(".letter")].map((one) => getComputedStyle(one).fill));
      return {
        name: figure.querySelector("figcaption b").textContent,
        drawn: svg !== null && visible(svg),
        told: svg?.querySelector("title")?.textContent !== "" && (svg?.querySelector("desc")?.textContent ?? "") !== "",
        letters: stacks.reduce((sum, stack) => sum + stack.letters, 0),
        gap: Math.max(0, ...stacks.map((stack) => stack.gap)),
        colours: colours.size,
        bad: /NaN|Infinity|undefined/.test(svg?.innerHTML ?? ""),
      };
    });
    const values = [...document.querySelectorAll("#summary .value")].map((value) => value.textContent.trim());
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    return {
      runs: Number(document.body.dataset.runs),
      title: document.title,
      headings: [...document.querySelectorAll("h1, h2")].map((heading) => heading.textContent.trim()),
      text: document.body.innerText,
      curves: figures("training"),
      distributions: figures("distributions"),
      cards,
      values,
      logos,
      warnings: document.querySelectorAll(".warnings li").length,
      commands: [...document.querySelectorAll(".command code")].map((code) => code.textContent.trim()),
      doubled: ids.filter((id, i) => ids.indexOf(id) !== i),
      unnamed: [...document.querySelectorAll("svg[role=img], [role=img]")]
        .filter((image) => !image.getAttribute("aria-label") && !image.closest("[aria-label]")).length,
      links: [...document.querySelectorAll("nav a")]
        .filter((link) => document.querySelector(link.getAttribute("href")) === null).length,
      wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    };
  });

  const drawn = (charts) => charts.filter((chart) => chart.drawn);
  equal("runs", seen.runs, expected.runs);
  equal("curves", drawn(seen.curves).length, expected.curves);
  equal("distributions", drawn(seen.distributions).length, expected.distributions);
  equal("cards", seen.cards.length, expected.cards);
  equal("drawings", seen.cards.filter((card) => card.drawn).length, expected.drawings);
  equal("numbers", seen.values.length, expected.tiles);
  equal("warnings", seen.warnings, expected.warnings);
  equal("logos", seen.logos.length, expected.logos);
  for (const logo of seen.logos) {
    const fine = logo.drawn && logo.told && !logo.bad && logo.letters > 0 && logo.colours > 1;
    check(`logo ${logo.name} is drawn, told in words and coloured`, fine, JSON.stringify(logo));
    // A letter that is not as high as its box would leave gaps; too low ones are left out below.
    check(`letters of ${logo.name} stand on each other`, logo.gap < 1.5, `${logo.gap} px apart`);
  }
  for (const chart of seen.curves) {
    check(`curve ${chart.name} is drawn or said to be missing`, chart.drawn !== chart.said);
    if (!chart.drawn) continue;
    const fewest = expected.minPoints ?? 2;
    const longest = Math.max(0, ...chart.lines);
    check(`curve ${chart.name} has at least ${fewest} points`, longest >= fewest, `found ${longest}`);
    equal(`lines of ${chart.name}`, chart.lines.length, expected.lines);
  }
  for (const chart of seen.distributions.filter((one) => one.drawn)) {
    const fewest = Math.min(Infinity, ...chart.areas);
    check(`distribution ${chart.name} has bars`, fewest >= 4, `found ${fewest}`);
  }
  for (const chart of [...drawn(seen.curves), ...drawn(seen.distributions)]) {
    const fine = chart.ticks >= 4 && chart.titles > 0 && chart.label !== "" && !chart.bad;
    check(`chart ${chart.name} has ticks, tooltips, a label and only numbers`, fine, JSON.stringify(chart));
  }
  const empty = seen.values.filter((value) => !/^[−+-]?[\d.,]+/.test(value));
  check("every number of the summary is one", empty.length === 0, empty.join(" | "));
  check("every card has a text, a reward and a label",
    seen.cards.every((card) => card.text && card.label && Number.isFinite(Number.parseFloat(card.reward))));
  check("drawings stand on white", seen.cards.every((card) => card.white));
  const parts = seen.logos.length > 0 ? 6 : 5;
  check(`the page has a title and its ${parts} parts`, seen.title !== "" && seen.headings.length === parts + 1,
    seen.headings.join(" | "));
  check("every run shows its command",
    seen.commands.length === seen.runs && seen.commands.every((command) => command !== ""));
  check("every picture has a name", seen.unnamed === 0, `${seen.unnamed} have none`);
  check("links lead somewhere", seen.links === 0);
  check("no id stands twice", seen.doubled.length === 0, seen.doubled.join(" "));
  check("nothing sticks out to the side", seen.wide <= 0, `${seen.wide} px`);
  for (const text of expected.texts ?? []) {
    const found = seen.text.toLowerCase().includes(text.toLowerCase());
    check(`the page says ${JSON.stringify(text)}`, found);
  }

  const copy = page.locator("#gallery .copy").first();
  if (await copy.count()) {
    const before = await copy.textContent();
    await copy.click();
    await page.waitForFunction(() => document.querySelector(".copy.done") !== null);
    check("a click copies and says so", (await copy.textContent()) === "Copied");
    await page.waitForFunction(() => document.querySelector(".copy.done") === null);
    check("the text comes back", (await copy.textContent()) === before);
  }
  await page.setViewportSize({ width: 390, height: 844 });
  const narrow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  check("it fits a telephone", narrow <= 0, `${narrow} px too wide`);
  await page.setViewportSize({ width: 1280, height: 900 });
  if (picture) {
    await page.reload();
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: picture, fullPage: true });
    check("the picture was taken", existsSync(picture));
  }
  check("the console is clean", said.length === 0, said.join(" | "));
  check("nothing was fetched", asked.length === 0, asked.join(" "));
} catch (error) {
  check("the browser ran to the end", false, error.stack);
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
