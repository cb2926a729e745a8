/** Adds up a page's events: what changes for each product and each user. */

import { addLogs, type InterestSettings, logWeight } from "../points/interest.ts";
import { actionCodes } from "../steps/action-codes.ts";
import { pointIdOf } from "../steps/point-ids.ts";
import { type Described, isBehaviour, type ProductEvent } from "../steps/steps.ts";

export interface ProductChange {
  readonly pointId: string;
  readonly key: string;
  /** The newest by rank and event time. */
  described: Described | undefined;
  describedAt: number;
  firstSeen: number;
  lastSeen: number;
  readonly counts: Map<string, number>;
  views: number;
  purchases: number;
}

export interface UserChange {
  readonly pointId: string;
  readonly key: string;
  readonly interest: Map<string, number>;
  readonly bought: Set<string>;
  events: number;
  lastSeen: number;
}

export interface Changes {
  readonly products: ReadonlyMap<string, ProductChange>;
  readonly users: ReadonlyMap<string, UserChange>;
}

/** An event counts once for each of its products. Both maps are by point id. */
export function collect(events: readonly ProductEvent[], settings: InterestSettings): Changes {
  const products = new Map<string, ProductChange>();
  const users = new Map<string, UserChange>();
  for (const event of events) {
    for (const touched of event.products) {
      let change = products.get(touched.pointId);
      if (change === undefined) {
        change = {
          pointId: touched.pointId,
          key: touched.key,
          described: undefined,
          describedAt: Number.NEGATIVE_INFINITY,
          firstSeen: event.occurredAt,
          lastSeen: event.occurredAt,
          counts: new Map(),
          views: 0,
          purchases: 0,
        };
        products.set(touched.pointId, change);
      }
      addToProduct(change, event, touched.described);
    }
    const isAboutUser = event.userKey !== null && event.products.length > 0;
    if (isAboutUser && isBehaviour(event.action)) addToUser(users, event, settings);
  }
  return { products, users };
}

function addToProduct(
  change: ProductChange,
  event: ProductEvent,
  described: Described | undefined,
): void {
  change.firstSeen = Math.min(change.firstSeen, event.occurredAt);
  change.lastSeen = Math.max(change.lastSeen, event.occurredAt);
  change.counts.set(event.eventType, (change.counts.get(event.eventType) ?? 0) + 1);
  if (event.action === actionCodes.view) change.views++;
  if (event.action === actionCodes.purchase) change.purchases++;
  if (described !== undefined && isNewer(change, described, event.occurredAt)) {
    change.described = described;
    change.describedAt = event.occurredAt;
  }
}

/** Rank, time, hash: the same order as in `stream.products`. */
function isNewer(change: ProductChange, described: Described, at: number): boolean {
  const { described: before, describedAt } = change;
  if (before === undefined) return true;
  if (described.rank !== before.rank) return described.rank > before.rank;
  return at === describedAt ? described.hash > before.hash : at > describedAt;
}

function addToUser(
  users: Map<string, UserChange>,
  event: ProductEvent,
  settings: InterestSettings,
): void {
  const key = event.userKey as string;
  const pointId = pointIdOf(key);
  let change = users.get(pointId);
  if (change === undefined) {
    change = {
      pointId,
      key,
      interest: new Map(),
      bought: new Set(),
      events: 0,
      lastSeen: event.occurredAt,
    };
    users.set(pointId, change);
  }
  change.events++;
  change.lastSeen = Math.max(change.lastSeen, event.occurredAt);
  const weight = weightOf(event.action, settings);
  for (const { pointId: product } of event.products) {
    if (event.action === actionCodes.purchase) change.bought.add(product);
    if (weight <= 0) continue;
    const added = logWeight(weight, event.occurredAt, settings.halfLifeMs);
    const before = change.interest.get(product);
    change.interest.set(product, before === undefined ? added : addLogs(before, added));
  }
}

function weightOf(action: number, settings: InterestSettings): number {
  if (action === actionCodes.view) return settings.view;
  if (action === actionCodes.cart) return settings.cart;
  return action === actionCodes.purchase ? settings.purchase : 0;
}
