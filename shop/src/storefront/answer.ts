import type { Logger } from "../foundation/logger.ts";
import type { Html } from "./html.ts";
import type { Signer } from "./security/cookies.ts";
import type { RateLimit } from "./security/rate-limit.ts";
import type { Messages } from "./services/messages.ts";
import type { Orders } from "./services/orders.ts";
import type { Products } from "./services/products.ts";
import type { Search } from "./services/search.ts";
import type { SignInLinks } from "./sign-in/links.ts";
import type { ShopEvent } from "./visit/events.ts";
import type { Remember, Visit } from "./visit/visit.ts";

/** What the pages are made from. */
export interface Shop {
  readonly products: Products;
  readonly orders: Orders;
  readonly messages: Messages;
  /** Absent: the shop runs without Weir. */
  readonly search: Search | undefined;
  readonly links: SignInLinks;
  readonly limits: { readonly signInByAddress: RateLimit; readonly signInByEmail: RateLimit };
  readonly signer: Signer;
  readonly publicUrl: () => string;
  readonly demo: boolean;
  readonly newId: () => string;
  readonly now: () => number;
  readonly logger: Logger;
}

export interface ShopRequest {
  readonly visit: Visit;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly form: URLSearchParams;
  /** Address of the sender. */
  readonly address: string;
}

export type Answer = PageAnswer | RedirectAnswer;

export interface PageAnswer {
  readonly status: number;
  readonly title: string;
  readonly content: Html;
  /** What the browser sends when it shows the page. */
  readonly events?: readonly ShopEvent[];
  readonly remember?: Remember;
  /** For pages with a secret in their address. */
  readonly private?: boolean;
}

export interface RedirectAnswer {
  /** A path of this site. */
  readonly to: string;
  readonly remember?: Remember;
}

export type Handler = (shop: Shop, request: ShopRequest) => Promise<Answer>;
