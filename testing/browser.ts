import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type BrowserContext, chromium, type Page } from "playwright-core";

const executable = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find(existsSync);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What a page complained about while it was open: console errors, exceptions, CSP reports. */
export interface OpenPage {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly complaints: string[];
}

export interface PageOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly javaScriptEnabled?: boolean;
  readonly colorScheme?: "light" | "dark";
  readonly locale?: string;
}

/** A page in a real Chromium with a fresh profile; closed after the test. */
export async function openPage(t: TestContext, options: PageOptions = {}): Promise<OpenPage> {
  if (executable === undefined)
    throw new Error("the page tests need a Chromium: apt-get install chromium");
  const profile = mkdtempSync(join(tmpdir(), "weir-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable,
    headless: true,
    viewport: { width: 1440, height: 900 },
    ...options,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  t.after(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(`console: ${message.text()}`);
  });
  // The console says only that something failed; this says what.
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  await context.exposeBinding("reportViolation", (_source, text: string) => {
    complaints.push(`CSP: ${text}`);
  });
  await context.addInitScript(() => {
    const page = globalThis as unknown as EventTarget & { reportViolation(text: string): void };
    // It bubbles from the element concerned up to the window.
    page.addEventListener("securitypolicyviolation", (event) => {
      const { violatedDirective, blockedURI, sample } = event as Event & Record<string, string>;
      page.reportViolation(`${violatedDirective} ${blockedURI} ${sample}`);
    });
  });
  return { page, context, complaints };
}

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Accessibility findings of the current page, of impact `serious` or `critical`. */
export async function seriousFindings(page: Page): Promise<string[]> {
  return (await findings(page))
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(describe);
}

/** All accessibility findings of the current page. */
export async function accessibilityFindings(page: Page): Promise<string[]> {
  return (await findings(page)).map(describe);
}

async function findings(page: Page): Promise<Finding[]> {
  // Through the debugger, not through a script element: the page's own policy stays as strict as it is.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { run } = (
      globalThis as unknown as { axe: { run(): Promise<{ violations: Finding[] }> } }
    ).axe;
    return (await run()).violations;
  });
}

function describe({ id, help, nodes }: Finding): string {
  return `${id}: ${help} (${nodes.length}, e.g. ${nodes[0]?.html.slice(0, 200)})`;
}
