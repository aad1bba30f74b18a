// Looks at the page of a Pinhole that runs: live.mjs MODULES CHROMIUM URL NAME
// Prints "open" when the page is there, waits until NAME, which is denied meanwhile, shows in it, and prints the SQL
// that its button copies. Whatever goes wrong is said on standard error.
import { createRequire } from "node:module";
import path from "node:path";

const [modules, chromiumPath, url, name] = process.argv.slice(2);
const { chromium } = createRequire(path.join(path.resolve(modules), "/"))("playwright-core");

const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
const context = await browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
const tab = await context.newPage();
tab.on("console", (message) => console.error(message.text()));
tab.on("pageerror", (error) => console.error(error));
tab.on("request", (request) => {
  if (!request.url().startsWith(url) && !request.url().startsWith("data:")) console.error(`elsewhere: ${request.url()}`);
});
tab.setDefaultTimeout(300000);
await tab.goto(url);
await tab.evaluate(() => new MutationObserver(() => {
  window.hasCopied ||= document.querySelector("button.copy.done") !== null; // for two seconds, which nobody may see
}).observe(document.body, { subtree: true, childList: true, attributes: true }));
console.log("open");
await tab.getByRole("button", { name: `Copy the SQL that allows ${name}` }).click();
await tab.waitForFunction(() => window.hasCopied);
console.log(await tab.evaluate(() => navigator.clipboard.readText()));
await browser.close();
