import { type Html, html } from "../html.ts";
import type { Visit } from "../visit/visit.ts";
import type { Site } from "./site.ts";

/** The list of events is filled by the script, which also shows the button. */
export function drawer({ weir }: Site, { texts }: Visit): Html {
  return html`<button class="drawer-button" id="drawer-open" type="button" aria-haspopup="dialog" hidden><span>${texts.drawerOpen}</span> <span class="count" id="drawer-count">0</span></button>
<dialog class="drawer" id="drawer" aria-labelledby="drawer-title">
<div class="drawer-head"><h2 id="drawer-title">${texts.drawerTitle}</h2>
<button class="quiet" id="drawer-close" type="button">${texts.drawerClose}</button></div>
<p>${weir === undefined ? texts.drawerOff : texts.drawerText}</p>
<p id="drawer-none">${texts.drawerNone}</p>
<ol id="drawer-list"></ol>
<p class="small">${texts.drawerServer}</p>
${weir !== undefined && html`<p><a href="${`${weir.url}/live/`}" target="_blank" rel="noopener">${texts.drawerLive}</a></p>`}
</dialog>`;
}
