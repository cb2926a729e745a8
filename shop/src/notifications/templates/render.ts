import type { OrderData } from "../../bus/order-events.ts";
import type { Language, OrderKind } from "../kinds.ts";
import { english } from "./english.ts";
import { fill, type LanguageTexts, type Template } from "./template.ts";
import { turkish } from "./turkish.ts";

export const texts: Readonly<Record<Language, LanguageTexts>> = { en: english, tr: turkish };

/** What a recipient sees, in both forms. */
export interface Rendered {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface OrderRendering {
  readonly kind: OrderKind;
  readonly order: OrderData;
  readonly language: Language;
  /** When it happened. */
  readonly time: Date;
  /** IANA name. */
  readonly timeZone: string;
  /** Where the recipient sees the order. */
  readonly link: string | undefined;
}

export function renderOrder(about: OrderRendering): Rendered {
  const { kind, order, language, time, timeZone, link } = about;
  const words = texts[language];
  const money = moneyFormat(words.locale, order.currency);
  const date = new Intl.DateTimeFormat(words.locale, {
    dateStyle: "long",
    timeStyle: "short",
    timeZone,
  });
  const values = {
    order_number: orderNumber(order.id),
    total: money(order.total),
    date: date.format(time),
  };
  const lines = order.items.map(({ name, quantity, price }) => ({
    label: `${quantity} × ${name}`,
    amount: money(price),
  }));
  const template = words.templates[kind];
  const items =
    template.items === true ? [...lines, { label: words.total, amount: values.total }] : [];
  return compose(template, { words, language, values, items, link });
}

export interface SignInRendering {
  readonly language: Language;
  readonly link: string;
  /** How long it works. */
  readonly minutes: number;
}

export function renderSignIn({ language, link, minutes }: SignInRendering): Rendered {
  const words = texts[language];
  const values = { minutes: new Intl.NumberFormat(words.locale).format(minutes) };
  return compose(words.templates.sign_in_link, { words, language, values, items: [], link });
}

/** People read the end of the id to each other, not all of it. */
function orderNumber(id: string): string {
  return id.replaceAll("-", "").slice(-8).toUpperCase();
}

/** Exact: Intl formats decimal strings without a double in between. */
function moneyFormat(locale: string, currency: string): (amount: string) => string {
  const format = new Intl.NumberFormat(locale, { style: "currency", currency });
  return (amount) => format.format(amount as Intl.StringNumericLiteral);
}

interface Content {
  readonly words: LanguageTexts;
  readonly language: Language;
  readonly values: Readonly<Record<string, string>>;
  readonly items: readonly { readonly label: string; readonly amount: string }[];
  readonly link: string | undefined;
}

function compose(template: Template, content: Content): Rendered {
  const { words, values, items, link } = content;
  // a line break in a subject would begin a new header
  const subject = fill(template.subject, values).replaceAll(/[\r\n]+/g, " ");
  const paragraphs = template.paragraphs.map((paragraph) => fill(paragraph, values));
  const list = items.map(({ label, amount }) => `${label}: ${amount}`).join("\n");
  const action = link === undefined ? "" : `${template.action}: ${link}`;
  const text = [...paragraphs, list, action, words.footer].filter((part) => part !== "");
  return {
    subject,
    text: `${text.join("\n\n")}\n`,
    html: toHtml({ template, subject, paragraphs, content }),
  };
}

function toHtml({
  template,
  subject,
  paragraphs,
  content: { words, language, items, link },
}: {
  readonly template: Template;
  readonly subject: string;
  readonly paragraphs: readonly string[];
  readonly content: Content;
}): string {
  const rows = items.map(
    ({ label, amount }) =>
      `<tr><td>${escapeHtml(label)}</td><td style="text-align:right;padding-left:24px">${escapeHtml(amount)}</td></tr>`,
  );
  const parts = [
    `<h1 style="font-size:20px">${escapeHtml(subject)}</h1>`,
    ...paragraphs.map((paragraph) => `<p>${escapeHtml(paragraph)}</p>`),
    ...(rows.length > 0 ? [`<table>${rows.join("")}</table>`] : []),
    ...(link === undefined || template.action === undefined
      ? []
      : [`<p><a href="${escapeHtml(link)}">${escapeHtml(template.action)}</a></p>`]),
    `<p style="color:#666;font-size:12px">${escapeHtml(words.footer)}</p>`,
  ];
  return `<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><title>${escapeHtml(subject)}</title></head>
<body style="font-family:sans-serif;max-width:600px;margin:0 auto;padding:16px">
${parts.join("\n")}
</body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
