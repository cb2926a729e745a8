/** A browser without scripts: cookies, pages, and forms as they are on the page. */
import assert from "node:assert/strict";

export interface ShownPage {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Events that the page gives to its script. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

export class Shopper {
  readonly url: string;
  readonly #cookies = new Map<string, string>();
  #last: ShownPage | undefined;

  constructor(url: string) {
    this.url = url;
  }

  get page(): ShownPage {
    return this.#last ?? assert.fail("no page was opened");
  }

  /** Opens a path, through all redirects. */
  async open(path: string, headers: Readonly<Record<string, string>> = {}): Promise<ShownPage> {
    return this.#follow(await this.request(path, { headers }));
  }

  /** Sends the form of the last page with this action; `fields` replace those of the page. */
  async submit(action: string, fields: Readonly<Record<string, string>> = {}): Promise<ShownPage> {
    return this.#follow(await this.send(action, { ...this.fields(action), ...fields }));
  }

  /** The hidden fields of a form of the last page. */
  fields(action: string): Record<string, string> {
    const form = new RegExp(`<form[^>]*action="${action}"[^>]*>.*?</form>`, "s").exec(
      this.page.text,
    );
    assert.ok(form !== null, `the page has a form for ${action}`);
    const inputs = form[0].matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g);
    return Object.fromEntries(
      [...inputs].map(([, name = "", value = ""]) => [name, decode(value)]),
    );
  }

  /** One POST of a form, without following. */
  send(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const body = new URLSearchParams(fields);
    return this.request(path, { method: "POST", body, headers });
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    if (cookie !== "") headers.set("cookie", cookie);
    const response = await fetch(this.url + path, { ...init, headers, redirect: "manual" });
    for (const text of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(text) ?? [];
      if (text.includes("Max-Age=0")) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return response;
  }

  async #follow(response: Response): Promise<ShownPage> {
    const location = response.headers.get("location");
    if (response.status >= 300 && response.status < 400 && location !== null) {
      await response.body?.cancel();
      assert.match(location, /^\/(?!\/)/, "a redirect stays on this site");
      return this.open(location);
    }
    const text = await response.text();
    const data = /id="page-data">(.*?)<\/script>/s.exec(text)?.[1];
    const events = data === undefined ? [] : JSON.parse(data).events;
    this.#last = { status: response.status, headers: response.headers, text, events };
    return this.#last;
  }
}

function decode(text: string): string {
  const characters = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'" };
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (entity) => Reflect.get(characters, entity));
}
