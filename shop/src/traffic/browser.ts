/** A browser without a screen: cookies, redirects, forms. */
import { type Form, type Page, readPage } from "./page.ts";

/** The shop is down, overloaded, or answers what no shop answers. */
export class ShopDownError extends Error {
  override readonly name = "ShopDownError";
}

export interface Browser {
  open(path: string): Promise<Page>;
  /** @param values fields that the shopper fills in, and the button that is pressed */
  submit(form: Form, values?: Readonly<Record<string, string>>): Promise<Page>;
}

export interface BrowserOptions {
  /** Origin of the shop. */
  readonly url: string;
  readonly language: string;
  readonly signal: AbortSignal;
  /** Of a whole answer; default 20 s: a payment may take 10. */
  readonly timeoutMs?: number;
  /** Called for each page that is shown. */
  readonly onPage?: (page: Page) => void;
  readonly fetch?: typeof globalThis.fetch;
}

const mostRedirects = 5;
const longestPage = 2 * 1024 * 1024;

export function createBrowser(options: BrowserOptions): Browser {
  const { url, signal, timeoutMs = 20_000, fetch = globalThis.fetch } = options;
  const origin = new URL(url).origin;
  const cookies = new Map<string, string>();

  async function request(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("accept", "text/html");
    headers.set("accept-language", options.language);
    headers.set("user-agent", "weir-shop-traffic");
    if (cookies.size > 0) {
      headers.set("cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
    }
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await fetch(new URL(path, origin), {
        ...init,
        headers,
        redirect: "manual",
        signal: limit,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw new ShopDownError(`the shop does not answer: ${causeOf(error)}`);
    }
  }

  function keepCookies(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = "", rest = ""] = /^([^=;]+)=([^;]*)(.*)$/.exec(line) ?? [];
      if (/;\s*max-age=0\b/i.test(rest)) cookies.delete(name);
      else if (name !== "") cookies.set(name, value);
    }
  }

  async function visit(first: string, init: RequestInit): Promise<Page> {
    let path = first;
    let response = await request(path, init);
    for (let redirects = 0; response.status >= 300 && response.status < 400; redirects++) {
      keepCookies(response);
      await response.body?.cancel();
      const to = URL.parse(response.headers.get("location") ?? "", new URL(path, origin).href);
      if (to === null || to.origin !== origin || redirects === mostRedirects) {
        throw new ShopDownError(`${path} redirects to ${to?.href ?? "nothing"}`);
      }
      path = to.pathname + to.search;
      response = await request(path, { method: "GET" });
    }
    keepCookies(response);
    const page = readPage(path, response.status, await textOf(response, signal));
    if (response.status >= 500) throw new ShopDownError(`${path} was answered ${response.status}`);
    options.onPage?.(page);
    return page;
  }

  return {
    open: (path) => visit(path, { method: "GET" }),
    submit(form, values = {}) {
      const body = new URLSearchParams({ ...form.fields, ...values });
      if (form.method === "get") return visit(`${form.action}?${body}`, { method: "GET" });
      return visit(form.action, { method: "POST", body, headers: { origin } });
    },
  };
}

async function textOf(response: Response, signal: AbortSignal): Promise<string> {
  let text = "";
  try {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length > longestPage) throw new ShopDownError("a page of the shop does not end");
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ShopDownError) throw error;
    throw new ShopDownError(`an answer of the shop broke off: ${causeOf(error)}`);
  }
  return text;
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
