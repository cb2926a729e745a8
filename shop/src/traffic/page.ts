/**
 * What a shopper sees of a page: links, forms, and what the page's script would send. It reads the storefront's own HTML,
 * in which every value is escaped and every attribute is in double quotes.
 */

export interface Link {
  /** Path and query on the shop's site. */
  readonly to: string;
  readonly text: string;
}

export interface Form {
  readonly action: string;
  readonly method: "get" | "post";
  /** Fields with the values that the page gives them, buttons excluded. */
  readonly fields: Readonly<Record<string, string>>;
  /** Buttons with a name: pressing one adds its value. */
  readonly buttons: readonly { readonly name: string; readonly value: string }[];
}

export interface PageData {
  readonly weir?: { readonly url: string; readonly key: string };
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

export interface Page {
  readonly status: number;
  /** Path and query, after redirects. */
  readonly at: string;
  readonly links: readonly Link[];
  readonly forms: readonly Form[];
  readonly data: PageData;
}

export function readPage(at: string, status: number, html: string): Page {
  return { at, status, links: linksOf(html), forms: formsOf(html), data: dataOf(html) };
}

export function formTo(page: Page, action: string): Form | undefined {
  return page.forms.find((form) => form.action === action);
}

/** Each product once, in the order of the page. */
export function productLinks(page: Page): readonly Link[] {
  const named = page.links.filter(({ to, text }) => /^\/products\/[^/?]+$/.test(to) && text !== "");
  return [...new Map(named.map((link) => [link.to, link])).values()];
}

function linksOf(html: string): Link[] {
  return [...html.matchAll(/<a\b([^>]*)>([\s\S]*?)<\/a>/g)].flatMap(
    ([, tag = "", content = ""]) => {
      const to = ownPath(attributes(tag)["href"]);
      if (to === undefined) return [];
      return [
        {
          to,
          text: decodeEntities(content.replace(/<[^>]*>/g, " "))
            .replace(/\s+/g, " ")
            .trim(),
        },
      ];
    },
  );
}

/** The link in a message has the whole address of the shop. */
function ownPath(href: string | undefined): string | undefined {
  if (href === undefined || /^\/(?!\/)/.test(href)) return href;
  const url = URL.parse(href);
  return url?.pathname === "/sign-in/confirm" ? url.pathname + url.search : undefined;
}

function formsOf(html: string): Form[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/g)].map(
    ([, tag = "", content = ""]) => {
      const { action = "", method = "get" } = attributes(tag);
      const fields: Record<string, string> = {};
      for (const [, input = ""] of content.matchAll(/<input\b([^>]*)>/g)) {
        const { name, value = "", type = "text", checked } = attributes(input);
        if (
          name === undefined ||
          ((type === "radio" || type === "checkbox") && checked === undefined)
        )
          continue;
        fields[name] = value;
      }
      for (const [, select = "", options = ""] of content.matchAll(
        /<select\b([^>]*)>([\s\S]*?)<\/select>/g,
      )) {
        const { name } = attributes(select);
        const all = [...options.matchAll(/<option\b([^>]*)>/g)].map(([, option = ""]) =>
          attributes(option),
        );
        const chosen = all.find(({ selected }) => selected !== undefined) ?? all[0];
        if (name !== undefined) fields[name] = chosen?.["value"] ?? "";
      }
      const buttons = [...content.matchAll(/<button\b([^>]*)>/g)].flatMap(([, button = ""]) => {
        const { name, value = "" } = attributes(button);
        return name === undefined ? [] : [{ name, value }];
      });
      return { action, method: method.toLowerCase() === "post" ? "post" : "get", fields, buttons };
    },
  );
}

function dataOf(html: string): PageData {
  const [, text] = /<script\b[^>]*\bid="page-data"[^>]*>([\s\S]*?)<\/script>/.exec(html) ?? [];
  if (text === undefined) return { events: [] };
  const { weir, events } = JSON.parse(text) as Partial<PageData>;
  return { ...(weir ? { weir } : {}), events: events ?? [] };
}

function attributes(tag: string): Record<string, string> {
  const found = tag.matchAll(/([a-zA-Z_-]+)(?:="([^"]*)")?/g);
  return Object.fromEntries(
    [...found].map(([, name = "", value = ""]) => [name.toLowerCase(), decodeEntities(value)]),
  );
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
};

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, number?: string, name?: string) =>
    number === undefined ? (entities[name ?? ""] ?? whole) : String.fromCodePoint(Number(number)),
  );
}
