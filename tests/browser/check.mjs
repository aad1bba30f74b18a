// Looks at the status page with a real browser: check.mjs MODULES CHROMIUM PAGE_SERVER [SCREENSHOT_FOLDER]
// MODULES is where `npm ci` has put the packages of package.json. Prints a line a check, "ok NAME" or
// "not ok NAME: why", and the exit status says whether all are well.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";

const [modules, chromiumPath, pageServer, screenshots] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), "/"));
const { chromium } = require("playwright-core");
const { HtmlValidate } = require("html-validate");
const axePath = require.resolve("axe-core/axe.min.js");

const MISSING = "/nothing/at/all";
const PAGES = ["/", "/rules", "/denied", "/connections", "/decisions", "/explain",
  "/explain?target=%3Cb%3Ex.example&client=10.0.0.1", "/rules?q=%22%3E%3Cscript%3E&state=refused&sort=hits",
  "/decisions?q=%22%3E%3Cscript%3E&outcome=denied&rule=1", MISSING];
const LOOKS = [
  { name: "light, wide", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { name: "dark, wide", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { name: "light, narrow", colorScheme: "light", viewport: { width: 360, height: 740 } },
  { name: "dark, narrow", colorScheme: "dark", viewport: { width: 360, height: 740 } },
];

// A page server of its own for each check, so that none sees what another one did.
class Server {
  static async start() {
    const server = new Server();
    server.process = spawn(pageServer, { stdio: ["pipe", "pipe", "inherit"] });
    const [port] = await once(createInterface({ input: server.process.stdout }), "line");
    server.origin = `http://127.0.0.1:${port}`;
    return server;
  }
  order(line) {
    this.process.stdin.write(line + "\n");
  }
  async stop() {
    if (this.process.exitCode !== null) return;
    this.process.stdin.end();
    const [status] = await once(this.process, "exit");
    assert.equal(status, 0, "the page server ended badly");
  }
}

// A tab that remembers what it must not do: errors, requests to elsewhere.
async function openTab(browser, server, options = {}) {
  const context = await browser.newContext(options);
  const tab = await context.newPage();
  tab.faults = [];
  tab.on("console", (message) => {
    const isMeant = message.location().url === server.origin + MISSING; // the browser tells of the 404
    if (["error", "warning"].includes(message.type()) && !isMeant) tab.faults.push(`console: ${message.text()}`);
  });
  tab.on("pageerror", (error) => tab.faults.push(`uncaught: ${error}`));
  tab.on("dialog", (dialog) => tab.faults.push(`dialog: ${dialog.message()}`));
  tab.on("request", (request) => {
    if (!request.url().startsWith(server.origin + "/") && !request.url().startsWith("data:"))
      tab.faults.push(`request to elsewhere: ${request.url()}`);
  });
  return tab;
}

// Clicks a button that says "Copied" for two seconds, which may be over before anybody looks; again where the page was
// renewed right then, and the button with it.
async function copyBy(tab, name) {
  await tab.evaluate(() => new MutationObserver(() => {
    window.saidCopied ||= document.querySelector("button.copy.done")?.innerText === "Copied";
  }).observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true }));
  for (let tries = 0, isDone = false; !isDone; tries++) {
    assert.ok(tries < 10, "it never says so");
    await tab.getByRole("button", { name }).click();
    isDone = await tab.waitForFunction(() => window.saidCopied, undefined, { timeout: 5000 }).catch(() => false);
  }
}

const checks = [];
function check(name, run, options) {
  checks.push({ name, run, options });
}

check("shows each part of the overview", async ({ tab, server }) => {
  await tab.goto(server.origin + "/");
  assert.equal(await tab.title(), "Overview · Pinhole");
  for (const [part, text] of [["#health-line", "Ready, 3 things to look at"], ["#problems", "2 rules are refused"],
    ["#problems", "DNS server 10.0.0.3:53 fails"], ["#health", "Version 12"], ["#health", "1,412 active"],
    ["#traffic", "8,912 denied"], ["#denied", "files.pythonhosted.org"], ["#rules", "chain and pins"],
    ["#connections", "142.250.1.207:443"], ["#connections", "37 open, the first 3 shown"], ["#decisions", "bad_server_name"]])
    assert.ok((await tab.locator(part).innerText()).includes(text), `${part} says ${text}`);
  assert.match(await tab.getByRole("img", { name: /^DNS queries in the last hour/ }).getAttribute("aria-label"),
    /of which [\d,]+ denied; at most [\d,]+ in a minute/);
});

check("shows hostile texts as texts", async ({ tab, server }) => {
  for (const page of PAGES) await tab.goto(server.origin + page);
  await tab.goto(server.origin + "/");
  assert.ok((await tab.locator("#rules").innerText()).includes("<script>document.title = 'owned'</script>"));
  assert.ok((await tab.locator("#decisions").innerText()).includes("<img src=x>.example"));
  assert.notEqual(await tab.title(), "owned");
  assert.equal(await tab.locator("main script, main img, [onmouseover]").count(), 0);
});

check("is renewed after a denied query", async ({ tab, server }) => {
  await tab.goto(server.origin + "/");
  await tab.evaluate(() => { window.isTheSameDocument = true; });
  assert.equal(await tab.locator("#denied", { hasText: "fresh.example" }).count(), 0);
  server.order("deny fresh.example");
  await tab.locator("#denied", { hasText: "fresh.example" }).waitFor();
  server.order("drain");
  await tab.locator("#health-line", { hasText: "Not ready" }).waitFor();
  assert.ok(await tab.evaluate(() => window.isTheSameDocument), "without a reload");
});

check("keeps the focus when it is renewed", async ({ tab, server }) => {
  await tab.goto(server.origin + "/denied");
  await tab.getByRole("link", { name: "Times" }).focus();
  server.order("deny fresh.example");
  await tab.locator("#denied", { hasText: "fresh.example" }).waitFor();
  assert.equal(await tab.evaluate(() => document.activeElement.textContent), "Times");
});

check("is not renewed under a selection", async ({ tab, server }) => {
  await tab.clock.install();
  await tab.goto(server.origin + "/denied");
  await tab.evaluate(() => document.getSelection().selectAllChildren(document.querySelector("#denied code")));
  let count = 0;
  tab.on("request", () => { count++; });
  await tab.clock.runFor(20000);
  assert.equal(count, 0, "requests while something is selected");
  await tab.evaluate(() => document.getSelection().removeAllRanges());
  server.order("deny fresh.example");
  await tab.clock.runFor(2000);
  await tab.locator("#denied", { hasText: "fresh.example" }).waitFor();
});

check("copies SQL", async ({ tab, server }) => {
  await tab.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.origin });
  await tab.goto(server.origin + "/");
  await copyBy(tab, "Copy the SQL that allows files.pythonhosted.org");
  assert.equal(await tab.evaluate(() => navigator.clipboard.readText()),
    "INSERT INTO rule (target, clients) VALUES ('files.pythonhosted.org', 'build');");
});

check("copies SQL where there is no Clipboard API", async ({ tab, server }) => {
  await tab.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await tab.addInitScript(() => document.addEventListener("copy", () => {
    window.copied = document.getSelection().toString();
  }));
  await tab.goto(server.origin + "/");
  await copyBy(tab, "Copy the SQL that allows pypi.org");
  assert.equal(await tab.evaluate(() => window.copied), "INSERT INTO rule (target, clients) VALUES ('pypi.org', 'build');");
});

check("explains", async ({ tab, server }) => {
  await tab.goto(server.origin + "/");
  await tab.getByLabel("Host or URL").fill("https://x.example/<b>");
  await tab.getByLabel("asked by client").fill("2001:db8::7");
  await tab.keyboard.press("Enter");
  await tab.waitForURL(/\/explain\?/);
  const said = await tab.locator("#explanation").innerText();
  assert.ok(said.includes("https://x.example/<b>, port 443, asked by 2001:db8::7") && said.includes("denied"), said);
  assert.equal(await tab.getByLabel("Host or URL").inputValue(), "https://x.example/<b>");
});

check("sorts, searches and pages by links and forms", async ({ tab, server }) => {
  await tab.goto(server.origin + "/denied");
  await tab.getByRole("link", { name: "Times" }).click();
  await tab.locator("th[aria-sort=descending]", { hasText: "Times" }).waitFor();
  await tab.getByRole("searchbox").fill("py & pi");
  await tab.getByRole("button", { name: "Search" }).click();
  await tab.waitForURL(/\/denied\?q=py\+%26\+pi&sort=count$/);
  await tab.goto(server.origin + "/rules?q=x");
  await tab.getByRole("link", { name: "Next page" }).click();
  await tab.waitForURL(/\/rules\?q=x&from=9$/);
  await tab.getByRole("link", { name: "First page" }).click();
  await tab.waitForURL(/\/rules\?q=x$/);
});

check("chooses by links, and leads from a rule to what it did", async ({ tab, server }) => {
  await tab.goto(server.origin + "/decisions?q=a+b");
  await tab.getByRole("link", { name: "Not allowed" }).click();
  await tab.waitForURL(/\/decisions\?q=a%20b&outcome=denied$/);
  assert.equal(await tab.locator(".choices [aria-current]").innerText(), "Not allowed");
  assert.ok((await tab.locator("main").innerText()).includes("Queries are a sample"));
  await tab.getByRole("link", { name: "Explain pypi.org for 10.20.1.17" }).click();
  await tab.waitForURL(/\/explain\?target=pypi.org&client=10.20.1.17$/);
  await tab.goto(server.origin + "/rules");
  await tab.getByRole("link", { name: "Unused" }).click();
  await tab.waitForURL(/\/rules\?sort=unused$/);
  assert.equal(await tab.locator(".choices [aria-current]").innerText(), "Unused");
  await tab.getByRole("link", { name: "12", exact: true }).first().click();
  await tab.waitForURL(/\/(connections|decisions)\?rule=\d+$/);
  await tab.getByRole("link", { name: "1", exact: true }).first().click();
  await tab.waitForURL(/\/rules\?rule=1$/);
  await tab.goto(server.origin + "/denied");
  await tab.getByRole("link", { name: "Who asked for telemetry.vendor.example:8443" }).click();
  await tab.waitForURL(/\/decisions\?outcome=denied&q=telemetry.vendor.example$/);
});

check("says so when Pinhole no longer answers", async ({ tab, server }) => {
  await tab.goto(server.origin + "/");
  await server.stop();
  await tab.locator("#health-line", { hasText: "No answer from Pinhole since" }).waitFor();
  tab.faults = tab.faults.filter((fault) => !fault.includes("net::ERR_")); // the browser's own line
});

check("can be used by keyboard alone", async ({ tab, server }) => {
  await tab.goto(server.origin + "/");
  await tab.keyboard.press("Tab");
  assert.equal(await tab.evaluate(() => document.activeElement.textContent), "Skip to content");
  assert.ok(await tab.evaluate(() => document.activeElement.getBoundingClientRect().left >= 0), "it is to be seen");
  await tab.keyboard.press("Enter");
  await tab.waitForFunction(() => document.activeElement.id === "main");
  for (let i = 0; i < 60; i++) {
    await tab.keyboard.press("Tab");
    const isMarked = await tab.evaluate(() => {
      const active = document.activeElement;
      return active === document.body || getComputedStyle(active).outlineStyle !== "none";
    });
    assert.ok(isMarked, "whatever has the focus is marked");
  }
});

check("works without a script", async ({ tab, server }) => {
  await tab.goto(server.origin + "/denied");
  assert.ok((await tab.locator("#denied").innerText()).includes("INSERT INTO rule"));
  assert.equal(await tab.getByRole("button", { name: /^Copy/ }).count(), 0, "no button that does nothing");
}, { javaScriptEnabled: false });

check("has not a thing to show yet", async ({ tab, server }) => {
  server.order("idle");
  await tab.goto(server.origin + "/");
  await tab.reload();
  assert.equal(await tab.locator("#health-line").innerText(), "Ready");
  assert.ok((await tab.locator("#rules").innerText()).includes("No rule yet: everything is denied."));
});

for (const look of LOOKS) {
  check(`axe-core finds no violation: ${look.name}`, async ({ tab, server }) => {
    for (const page of PAGES) {
      await tab.goto(server.origin + page);
      await tab.evaluate(require("node:fs").readFileSync(axePath, "utf8"));
      const { violations } = await tab.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      assert.deepEqual(violations.map((found) => `${page}: ${found.id}: ${found.nodes[0].html}: ${found.nodes[0].failureSummary}`), []);
    }
  }, look);
  check(`nothing is wider than the window: ${look.name}`, async ({ tab, server }) => {
    for (const page of PAGES) {
      await tab.goto(server.origin + page);
      const [content, window] = await tab.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(content <= window, `${page} is ${content} wide in a window of ${window}`);
    }
  }, look);
}

check("html-validate finds no error", async ({ server }) => {
  const validate = new HtmlValidate({ extends: ["html-validate:recommended"] });
  for (const page of PAGES) {
    const answer = await fetch(server.origin + page);
    assert.match(answer.headers.get("content-type"), /^text\/html/);
    const report = await validate.validateString(await answer.text());
    assert.deepEqual(report.results.flatMap((result) => result.messages)
      .map((found) => `${page}:${found.line}:${found.column} ${found.ruleId} ${found.message}`), []);
  }
});

if (screenshots !== undefined) {
  for (const [file, look] of [["status-light.png", LOOKS[0]], ["status-dark-narrow.png", LOOKS[3]]])
    check(`screenshot ${file}`, async ({ tab, server }) => {
      await tab.goto(server.origin + "/");
      const { width } = look.viewport;
      await tab.screenshot({ path: path.join(screenshots, file), fullPage: true,
        clip: { x: 0, y: 0, width, height: width > 1000 ? 1080 : 1500 } });
    }, look);
}

async function runCheck(browser, { name, run, options }) {
  const server = await Server.start();
  const tab = await openTab(browser, server, options);
  tab.setDefaultTimeout(120000);
  try {
    await run({ tab, server });
    assert.deepEqual(tab.faults, []);
    await tab.context().close();
    await server.stop();
    console.log(`ok ${name}`);
    return true;
  } catch (error) {
    console.log(`not ok ${name}: ${String(error.message).replaceAll("\n", " | ")}`);
    await tab.context().close();
    server.process.kill();
    return false;
  }
}

const browser = await chromium.launch({ executablePath: chromiumPath, args: ["--no-sandbox"] });
let isWell = true;
for (const each of checks) isWell = (await runCheck(browser, each)) && isWell;
await browser.close();
process.exit(isWell ? 0 : 1);
