import { dataBlock, type Html, html, toText } from "../html.ts";
import { texts as allTexts, languages } from "../language/language.ts";
import { csrfField } from "../security/csrf.ts";
import type { ShopEvent } from "../visit/events.ts";
import type { Notice, Visit } from "../visit/visit.ts";
import { drawer } from "./drawer.ts";
import type { Site } from "./site.ts";

interface PageContent {
  readonly title: string;
  readonly content: Html;
  readonly events: readonly ShopEvent[];
  /** What the search field contains. */
  readonly query: string;
}

/** A whole page as text. */
export function renderPage(site: Site, visit: Visit, page: PageContent): string {
  const { texts, language } = visit;
  const { assets, weir } = site;
  const events = [...(visit.flash?.events ?? []), ...page.events];
  const forScript = {
    weir,
    events,
    verdicts: texts.verdicts,
  };
  const text = html`<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" media="(prefers-color-scheme: light)" content="#faf6ee">
<meta name="theme-color" media="(prefers-color-scheme: dark)" content="#1b1a18">
<title>${page.title} · ${texts.shopName}</title>
<meta name="description" content="${texts.tagline}">
<link rel="stylesheet" href="${assets.style}">
<link rel="icon" type="image/svg+xml" href="${assets.icon}">
${weir !== undefined && assets.modules.map((module) => html`<link rel="modulepreload" href="${module}">`)}
<script type="module" src="${assets.script}"></script>
</head>
<body>
<a class="skip" href="#content">${texts.skip}</a>
${header(visit, page.query)}
<main id="content" tabindex="-1">
${visit.flash?.notice && notice(visit, visit.flash.notice)}
${page.content}
</main>
${footer(site, visit)}
${drawer(site, visit)}
${dataBlock("page-data", forScript)}
</body>
</html>`;
  return `<!doctype html>\n${toText(text)}`;
}

function header(visit: Visit, query: string): Html {
  const { texts, user, cart, formats } = visit;
  const count = cart?.count ?? 0;
  const current = (path: string) => visit.path.split("?")[0] === path && html` aria-current="page"`;
  return html`<header class="top">
<a class="brand" href="/"${current("/")}>${brandMark()}<span>${texts.shopName}</span></a>
<form class="search" role="search" action="/search" method="get">
<label class="hidden" for="q">${texts.searchLabel}</label>
<input id="q" name="q" type="search" value="${query}" placeholder="${texts.searchPlaceholder}" maxlength="200" autocomplete="off" enterkeyhint="search">
<button>${searchIcon()}<span class="hidden">${texts.search}</span></button>
</form>
<nav class="tools" aria-label="${texts.menu}">
<a href="/products"${current("/products")}>${texts.allProducts}</a>
${user === undefined ? html`<a href="/sign-in"${current("/sign-in")}>${texts.signIn}</a>` : html`<a href="/orders"${current("/orders")}>${texts.account}</a>`}
<a class="cart-link" href="/cart"${current("/cart")} aria-label="${texts.cartWith(formats.count(count))}">${cartIcon()}<span class="count" aria-hidden="true">${count}</span></a>
</nav>
</header>`;
}

function footer(site: Site, visit: Visit): Html {
  const { texts, user } = visit;
  return html`<footer class="bottom">
<div class="about"><p class="brand">${texts.shopName}</p><p>${texts.footerAbout}</p><p>${texts.footerData}</p></div>
<div class="settings">
<form class="language" method="post" action="/language">${formToken(visit)}
<input type="hidden" name="return_to" value="${visit.path}">
<p id="language-label">${texts.language}</p>
<div role="group" aria-labelledby="language-label">${languages.map((language) => html`<button class="quiet" name="language" value="${language}" lang="${language}" aria-pressed="${language === visit.language ? "true" : "false"}">${allTexts[language].languageName}</button>`)}</div>
</form>
${user !== undefined && html`<form method="post" action="/sign-out">${formToken(visit)}<p>${texts.signedInAs(user.email)}</p><button class="quiet">${texts.signOut}</button></form>`}
${site.demo && html`<p><a href="/inbox">${texts.footerInbox}</a></p>`}
</div>
</footer>`;
}

/** In every form that changes something. */
export function formToken({ csrf }: Visit): Html {
  return html`<input type="hidden" name="${csrfField}" value="${csrf}">`;
}

function notice({ texts }: Visit, what: Notice): Html {
  const bad = /Declined|TimedOut|Changed|outOf/.test(what.text);
  const text = "name" in what ? texts[what.text](what.name) : texts[what.text];
  const more = what.text === "added" && html` <a href="/checkout">${texts.toCheckout}</a>`;
  return html`<p class="notice${bad ? " bad" : ""}" role="${bad ? "alert" : "status"}">${text}${more}</p>`;
}

function brandMark(): Html {
  return html`<svg viewBox="0 0 32 32" width="30" height="30" aria-hidden="true"><circle cx="16" cy="16" r="15" fill="currentColor"/><path d="M4 19c4-4 8-4 12 0s8 4 12 0" fill="none" stroke="#faf6ee" stroke-width="2.4"/><path d="M5 24c4-3 7-3 11 0s7 3 11 0" fill="none" stroke="#faf6ee" stroke-width="2" opacity=".6"/><path d="M10 14V9l6-3 6 3v5" fill="none" stroke="#faf6ee" stroke-width="2.2"/></svg>`;
}

function searchIcon(): Html {
  return html`<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true"><circle cx="8.5" cy="8.5" r="5.5" fill="none" stroke="currentColor" stroke-width="2"/><path d="M13 13l5 5" stroke="currentColor" stroke-width="2" stroke-linecap="round"/></svg>`;
}

function cartIcon(): Html {
  return html`<svg viewBox="0 0 24 24" width="24" height="24" aria-hidden="true"><path d="M4 9h16l-1.6 10.2a2 2 0 0 1-2 1.8H7.6a2 2 0 0 1-2-1.8zM8 9l3-6M16 9l-3-6" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
}
