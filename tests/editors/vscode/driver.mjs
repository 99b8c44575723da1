/**
 * A browser with one page, as a program: a JSON command a line on stdin, an answer a line on stdout.
 *
 * Owns the browser. Knows nothing of VS Code: what is pressed and looked at comes from the tests.
 * A command is [name, ...arguments]; an answer is {"value": ...} or {"error": "..."}.
 */

import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const { chromium } = createRequire(process.argv[2])("playwright-core");
const DEADLINE_MS = 300_000; // of a command, or a page that hangs would never be told of
const SIZE = { width: 1000, height: 620 };
const browser = await chromium.launch({
  executablePath: process.argv[3],
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
let page;
const said = [];

const commands = {
  async goto(url, exposed = []) {
    await page?.close();
    page = await browser.newPage({ viewport: SIZE });
    page.on("pageerror", (error) => said.push(String(error)));
    for (const name of exposed) await page.exposeFunction(name, (...args) => said.push([name, args]));
    await page.goto(url);
  },
  press: (keys) => page.keyboard.press(keys),
  type: (text) => page.keyboard.type(text),
  click: (selector) => page.click(selector),
  doubleClick: (selector) => page.dblclick(selector),
  evaluate: (source, argument) => page.evaluate(`(${source})(${JSON.stringify(argument ?? null)})`),
  /** Wait until a function of the page answers something true, and give that back. */
  async wait(source, argument, timeout) {
    const call = `(${source})(${JSON.stringify(argument ?? null)})`;
    const handle = await page.waitForFunction(call, undefined, { timeout, polling: "raf" });
    return handle.jsonValue();
  },
  screenshot: (path, clip) => page.screenshot({ path, ...(clip && { clip }) }),
  setContent: async (html, viewport) => {
    page ??= await browser.newPage({ viewport });
    await page.setViewportSize(viewport);
    await page.setContent(html);
  },
  said: () => said.splice(0),
};

/** The same promise, or a failure if it takes too long. */
function soon(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("The page does not answer.")), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...args] = JSON.parse(line);
  const answer = { value: null };
  try {
    answer.value = (await soon(commands[name](...args))) ?? null;
  } catch (error) {
    answer.error = String(error?.message ?? error);
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
