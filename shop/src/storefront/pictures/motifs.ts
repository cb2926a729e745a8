import { type Html, html } from "../html.ts";
import type { Paint } from "./paint.ts";

/** Draws in a square of 200; `print` is the pattern of the product's cloth, paper or glaze. */
interface Brush extends Paint {
  readonly print: string;
}

type Motif = (brush: Brush) => Html;

const dark = "#3b3631";
const paper = "#fffaf0";
const wood = "#a37b59";
const leaf = "#6f8f6a";

/** A form in the body colour, with the print over it. */
function printed(d: string, { body, print }: Brush): Html {
  return html`<path d="${d}" fill="${body}"/><path d="${d}" fill="${print}"/>`;
}

const heartPath =
  "M100 152C60 124 46 104 46 82c0-17 13-29 28-29 11 0 21 6 26 17 5-11 15-17 26-17 15 0 28 12 28 29 0 22-14 42-54 70z";

export const motifs = {
  mug: (b) => html`
    <path d="M130 84h14a22 22 0 0 1 0 44h-14" fill="none" stroke="${b.shade}" stroke-width="11"/>
    ${printed("M56 68h78v62a20 20 0 0 1-20 20H76a20 20 0 0 1-20-20z", b)}
    <ellipse cx="95" cy="68" rx="39" ry="9" fill="${b.light}"/>
    <ellipse cx="95" cy="69" rx="32" ry="6" fill="#6d4c35"/>
    <path d="M84 52c-6-8 6-12 0-20M104 52c-6-8 6-12 0-20" fill="none" stroke="${paper}" stroke-width="4" stroke-linecap="round"/>`,
  teapot: (b) => html`
    <path d="M138 88c22-4 28 8 24 22-3 11-13 18-26 18" fill="none" stroke="${b.shade}" stroke-width="9"/>
    <path d="M62 108C44 104 44 84 30 80l4-9c20 2 24 18 36 22z" fill="${b.shade}"/>
    ${printed("M100 66c28 0 44 20 44 44 0 22-14 40-44 40s-44-18-44-40c0-24 16-44 44-44z", b)}
    <path d="M72 76c8-10 48-10 56 0z" fill="${b.light}"/><circle cx="100" cy="62" r="8" fill="${b.accent}"/>`,
  plate: (b) => html`
    <circle cx="100" cy="100" r="58" fill="${b.shade}"/>
    <circle cx="100" cy="98" r="57" fill="${b.body}"/><circle cx="100" cy="98" r="57" fill="${b.print}"/>
    <circle cx="100" cy="98" r="37" fill="${b.light}"/><circle cx="100" cy="98" r="30" fill="none" stroke="${b.body}" stroke-width="2"/>`,
  bowl: (b) => html`
    <path d="M78 146h44v8H78z" fill="${b.shade}"/>
    ${printed("M42 88h116c0 36-24 60-58 60s-58-24-58-60z", b)}
    <ellipse cx="100" cy="88" rx="58" ry="12" fill="${b.light}"/><ellipse cx="100" cy="90" rx="49" ry="8" fill="${b.shade}"/>`,
  bag: (b) => html`
    <path d="M74 80c0-38 52-38 52 0" fill="none" stroke="${b.shade}" stroke-width="8"/>
    ${printed("M54 76h92l8 68a12 12 0 0 1-12 13H58a12 12 0 0 1-12-13z", b)}
    <path d="M54 76h92l2 14H52z" fill="${b.shade}"/>
    <circle cx="76" cy="84" r="4" fill="${b.light}"/><circle cx="124" cy="84" r="4" fill="${b.light}"/>`,
  umbrella: (b) => html`
    <path d="M100 60v84c0 18-24 18-24 2" fill="none" stroke="${wood}" stroke-width="7" stroke-linecap="round"/>
    ${printed("M38 100c4-40 32-58 62-58s58 18 62 58c-10-10-22-10-31 0-9-10-22-10-31 0-9-10-22-10-31 0-9-10-21-10-31 0z", b)}
    <path d="M100 42c-18 16-28 36-31 58 9-10 22-10 31 0z" fill="${b.shade}" opacity=".35"/><circle cx="100" cy="40" r="4" fill="${b.accent}"/>`,
  heart: (b) => html`
    <path d="M100 70c0-24 10-34 10-44" fill="none" stroke="${wood}" stroke-width="4" stroke-linecap="round"/>
    ${printed(heartPath, b)}
    <path d="M60 80c0-9 6-14 13-14" fill="none" stroke="${b.light}" stroke-width="6" stroke-linecap="round"/>`,
  star: (b) => html`
    ${printed("M100 42l17 38 41 4-31 28 9 41-36-21-36 21 9-41-31-28 41-4z", b)}
    <path d="M100 42v90l-36 21 9-41-31-28 41-4z" fill="${b.light}" opacity=".45"/>`,
  candle: (b) => html`
    <path d="M100 38c14 16 14 28 0 32-14-4-14-16 0-32z" fill="#f1c35b"/><path d="M100 66v12" stroke="${dark}" stroke-width="3"/>
    ${printed("M78 78h44v64H78z", b)}
    <path d="M78 78h44v12c-6 10-12-2-18 6s-14-4-26 0z" fill="${b.light}"/>
    <path d="M58 142h84c0 12-12 16-42 16s-42-4-42-16z" fill="${b.shade}"/>`,
  lantern: (b) => html`
    <path d="M80 54c0-26 40-26 40 0" fill="none" stroke="${b.shade}" stroke-width="5"/>
    <path d="M70 68l14-16h32l14 16z" fill="${b.body}"/><path d="M66 68h68v8H66z" fill="${b.shade}"/>
    <path d="M72 76h56v66H72z" fill="#f8e6b0"/><path d="M100 96c10 12 9 22 0 25-9-3-10-13 0-25z" fill="#e8a33d"/>
    <path d="M92 121h16v21H92z" fill="${paper}"/>
    <path d="M72 76v66M100 76v14M128 76v66" stroke="${b.shade}" stroke-width="5"/>
    ${printed("M64 142h72v14H64z", b)}`,
  cake: (b) => html`
    <path d="M94 128h12v18h22v9H72v-9h22z" fill="${b.shade}"/>
    <path d="M42 114h116v6c0 8-20 12-58 12s-58-4-58-12z" fill="${b.light}"/>
    ${printed("M62 78h76v36H62z", b)}
    <path d="M62 72a8 8 0 0 1 8-8h60a8 8 0 0 1 8 8v14c-6 9-13 9-19 0-6 9-13 9-19 0-6 9-13 9-19 0-6 9-13 9-19 0z" fill="${paper}"/>
    <circle cx="100" cy="56" r="9" fill="#c8553d"/><path d="M100 48c2-8 8-10 12-10" stroke="${leaf}" stroke-width="3" fill="none"/>`,
  jar: (b) => html`
    <path d="M66 46h68v18H66z" fill="${b.accent}"/><path d="M66 58h68v6H66z" fill="${dark}" opacity=".18"/>
    ${printed("M64 64h72c8 8 12 14 12 26v50a16 16 0 0 1-16 16H68a16 16 0 0 1-16-16V90c0-12 4-18 12-26z", b)}
    <path d="M70 98h60v32H70z" fill="${paper}"/><path d="M80 110h40M86 119h28" stroke="${b.shade}" stroke-width="3" stroke-linecap="round"/>`,
  bottle: (b) => html`
    <path d="M90 36h20v14H90z" fill="${wood}"/>
    ${printed("M92 50h16v22c18 8 24 18 24 34v38a12 12 0 0 1-12 12H80a12 12 0 0 1-12-12v-38c0-16 6-26 24-34z", b)}
    <path d="M68 108h64v26H68z" fill="${paper}"/><path d="M80 121h40" stroke="${b.shade}" stroke-width="4" stroke-linecap="round"/>`,
  card: (b) => html`
    <path d="M66 50l76 10-10 92-76-10z" fill="${b.shade}"/>
    ${printed("M62 46h78v104H62z", b)}
    <path d="M78 64h46v40H78z" fill="${paper}"/>
    <path d="M101 96c-12-8-16-13-16-19 0-10 13-10 16-2 3-8 16-8 16 2 0 6-4 11-16 19z" fill="${b.accent}"/>
    <path d="M78 118h46M86 130h30" stroke="${paper}" stroke-width="4" stroke-linecap="round"/>`,
  box: (b) => html`
    ${printed("M52 88h96v66H52z", b)}
    <path d="M46 70h108v20H46z" fill="${b.light}"/><path d="M91 70h18v84H91z" fill="${b.accent}"/>
    <path d="M100 70c-30 2-42-12-32-22 10-9 28 2 32 22zM100 70c30 2 42-12 32-22-10-9-28 2-32 22z" fill="none" stroke="${b.accent}" stroke-width="8"/>`,
  bunting: (b) => html`
    <path d="M24 62c50 30 102 30 152 0" fill="none" stroke="${wood}" stroke-width="4"/>
    ${printed("M36 69l34 14-24 42z", b)}<path d="M80 86l40 0-20 50z" fill="${b.accent}"/>
    ${printed("M130 83l34-14-10 56z", b)}<path d="M30 140c46 22 94 22 140 0" fill="none" stroke="${wood}" stroke-width="3" opacity=".5"/>`,
  toy: (b) => html`
    <path d="M96 36h8v34h-8z" fill="${wood}"/><circle cx="100" cy="36" r="8" fill="${b.accent}"/>
    ${printed("M48 92c0-18 24-26 52-26s52 8 52 26c0 26-28 42-46 62h-12C76 134 48 118 48 92z", b)}
    <path d="M49 88c20 14 82 14 102 0 4 14-8 24-12 28-22 10-56 10-78 0-6-8-14-16-12-28z" fill="${b.accent}" opacity=".75"/>
    <path d="M94 152h12l-6 12z" fill="${wood}"/>`,
  flower: (b) => html`
    <path d="M100 118V78M100 106c-16 0-24-8-26-18 14 0 24 6 26 18zM100 98c14 0 20-8 22-16-12 0-20 6-22 16z" fill="${leaf}" stroke="${leaf}" stroke-width="4"/>
    <g fill="${b.accent}"><circle cx="100" cy="42" r="12"/><circle cx="84" cy="54" r="12"/><circle cx="116" cy="54" r="12"/><circle cx="90" cy="72" r="12"/><circle cx="110" cy="72" r="12"/></g>
    <circle cx="100" cy="58" r="9" fill="#f1d590"/>
    <path d="M62 108h76v14H62z" fill="${b.shade}"/>${printed("M68 122h64l-8 34H76z", b)}`,
  tree: (b) => html`
    <path d="M92 128h16v18H92z" fill="${wood}"/>
    <path d="M100 36l26 38h-13l22 30h-15l24 30H56l24-30H65l22-30H74z" fill="${leaf}"/>
    <path d="M100 36l26 38h-13l22 30h-15l24 30h-44z" fill="#557450"/>
    <circle cx="88" cy="82" r="6" fill="${b.body}"/><circle cx="112" cy="98" r="6" fill="${b.accent}"/><circle cx="84" cy="118" r="6" fill="${b.accent}"/><circle cx="118" cy="122" r="5" fill="${b.body}"/>
    ${printed("M76 142h48l-5 18H81z", b)}`,
  clock: (b) => html`
    <path d="M66 146l-10 14M134 146l10 14" stroke="${b.shade}" stroke-width="9" stroke-linecap="round"/>
    <circle cx="66" cy="52" r="15" fill="${b.shade}"/><circle cx="134" cy="52" r="15" fill="${b.shade}"/>
    <circle cx="100" cy="104" r="54" fill="${b.body}"/><circle cx="100" cy="104" r="54" fill="${b.print}"/><circle cx="100" cy="104" r="42" fill="${paper}"/>
    <path d="M100 104V76M100 104l20 12" stroke="${dark}" stroke-width="5" stroke-linecap="round"/>
    <path d="M100 66v6M100 136v6M62 104h6M132 104h6" stroke="${b.shade}" stroke-width="4"/>`,
  frame: (b) => html`
    ${printed("M50 40h100v120H50z", b)}<path d="M66 56h68v88H66z" fill="${paper}"/>
    <path d="M66 144v-26l20-22 18 20 12-12 18 20v20z" fill="${leaf}"/><circle cx="114" cy="78" r="10" fill="#e0b354"/>
    <path d="M50 40h100l-16 16H66z" fill="${b.light}" opacity=".6"/>`,
  house: (b) => html`
    ${printed("M58 92h84v66H58z", b)}
    <path d="M100 42l58 52H42z" fill="${b.shade}"/><path d="M90 118h22v40H90z" fill="${wood}"/>
    <path d="M68 106h16v16H68zM118 106h16v16h-16z" fill="#f8e6b0"/><path d="M120 52h14v22l-14-12z" fill="${b.shade}"/>
    <path d="M101 84c-8-5-10-8-10-12 0-6 8-6 10-1 2-5 10-5 10 1 0 4-2 7-10 12z" fill="${b.light}"/>`,
  cushion: (b) => html`
    ${printed("M48 58c34 8 70 8 104 0-7 30-7 56 0 90-34-7-70-7-104 0 7-34 7-60 0-90z", b)}
    <path d="M48 58c34 8 70 8 104 0" fill="none" stroke="${b.light}" stroke-width="5"/>
    <path d="M48 148c34-7 70-7 104 0" fill="none" stroke="${b.shade}" stroke-width="5"/><circle cx="100" cy="103" r="6" fill="${b.shade}"/>`,
  necklace: (b) => html`
    <path d="M48 44c2 62 28 86 52 86s50-24 52-86" fill="none" stroke="${b.shade}" stroke-width="3"/>
    <g fill="${b.body}"><circle cx="56" cy="82" r="8"/><circle cx="68" cy="106" r="9"/><circle cx="84" cy="123" r="10"/><circle cx="116" cy="123" r="10"/><circle cx="132" cy="106" r="9"/><circle cx="144" cy="82" r="8"/></g>
    <path d="M100 122l16 18-16 24-16-24z" fill="${b.accent}"/><path d="M100 122l16 18H84z" fill="${b.light}" opacity=".7"/>`,
  bird: (b) => html`
    <path d="M88 138l-4 22M106 138l4 22" stroke="${wood}" stroke-width="4" stroke-linecap="round"/>
    ${printed("M52 92c0-24 18-40 40-40 18 0 30 10 34 26l34 34c-14 6-24 4-32 2-6 18-22 28-40 28-24 0-36-22-36-50z", b)}
    <path d="M96 86c22 0 34 14 36 30-26 8-44-6-36-30z" fill="${b.shade}"/>
    <path d="M54 80L34 88l18 8z" fill="#e0b354"/><circle cx="74" cy="76" r="5" fill="${dark}"/>`,
  vase: (b) => html`
    <path d="M98 66c-4-16-16-22-24-36M102 66c2-18 12-24 20-40M100 66V32" stroke="${leaf}" stroke-width="4" fill="none" stroke-linecap="round"/>
    <circle cx="74" cy="30" r="9" fill="${b.accent}"/><circle cx="123" cy="27" r="8" fill="${b.accent}"/><circle cx="100" cy="30" r="10" fill="#f1d590"/>
    ${printed("M84 62h32c0 20 26 30 26 58 0 22-14 38-42 38s-42-16-42-38c0-28 26-38 26-58z", b)}
    <path d="M80 58h40v9H80z" fill="${b.shade}"/><path d="M70 118c0-14 8-22 16-30" fill="none" stroke="${b.light}" stroke-width="6" stroke-linecap="round"/>`,
} satisfies Readonly<Record<string, Motif>>;

export type MotifName = keyof typeof motifs;
