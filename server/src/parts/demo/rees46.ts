import { parse } from "csv-parse/sync";
import { type DemoEvent, dayMs } from "./demo-event.ts";

/** A row of the REES46 sample. */
export interface ShopRow {
  readonly number: number;
  readonly at: number;
  readonly type: "view" | "cart" | "purchase";
  readonly productId: string;
  /** `appliances.environment.water_heater` */
  readonly category: string | undefined;
  readonly brand: string | undefined;
  /** USD. */
  readonly price: number;
  readonly user: string;
  readonly session: string;
}

const eventTypes = { view: "product.view", cart: "cart.add", purchase: "purchase" } as const;

/** @throws Error for a row that does not have the format of the sample */
export function parseShopRows(text: string): ShopRow[] {
  const rows = parse(text, { columns: true }) as Record<string, string>[];
  return rows.map((row, index) => {
    const type = row["event_type"] ?? "";
    const at = Date.parse((row["event_time"] ?? "").replace(" UTC", "Z").replace(" ", "T"));
    if (!(type === "view" || type === "cart" || type === "purchase") || Number.isNaN(at)) {
      throw new Error(`row ${index + 1}: no valid event type or time`);
    }
    return {
      number: index + 1,
      at,
      type,
      productId: row["product_id"] ?? "",
      category: row["category_code"] || undefined,
      brand: row["brand"] || undefined,
      price: Number(row["price"]),
      user: row["user_id"] ?? "",
      session: row["user_session"] ?? "",
    };
  });
}

/**
 * The sessions of the sample's quarter of an hour, spread over the days before `end`. Order and gaps
 * within a session are kept.
 */
export function shopEvents(
  rows: readonly ShopRow[],
  { end, days }: { readonly end: number; readonly days: number },
): DemoEvent[] {
  const sessions = Map.groupBy(rows, ({ session }) => session);
  let number = 0;
  const events: DemoEvent[] = [];
  for (const [session, members] of sessions) {
    const first = Math.min(...members.map(({ at }) => at));
    const span = Math.max(...members.map(({ at }) => at)) - first;
    const back = days * dayMs * (1 - (number + 0.5) / sessions.size);
    const start = Math.floor(end - Math.max(back, span + 60_000));
    number++;
    for (const row of members) {
      const at = start + (row.at - first);
      events.push({
        at,
        source: Number.parseInt(session.slice(0, 2), 16) % 5 < 3 ? "shop-web" : "shop-ios",
        event: toEvent(row, at),
      });
    }
  }
  return events.sort((a, b) => a.at - b.at);
}

function toEvent(row: ShopRow, at: number): DemoEvent["event"] {
  const [department, ...rest] = (row.category ?? "").split(".");
  const kind = readable(rest.at(-1) ?? department ?? "");
  const brand = row.brand === undefined ? "" : `${readable(row.brand)} `;
  return {
    event_id: `rees46-2019-oct-${row.number}`,
    event_type: eventTypes[row.type],
    timestamp: new Date(at).toISOString(),
    user_id: `rees46-${row.user}`,
    session_id: row.session,
    product: {
      id: row.productId,
      name: `${brand}${kind === "" ? "Product" : kind} ${row.productId}`,
      category: row.category === undefined ? "Other" : readable(department ?? ""),
      price: row.price,
      currency: "USD",
      quantity: 1,
    },
    properties: {
      ...(row.brand === undefined ? {} : { brand: row.brand }),
      ...(row.category === undefined ? {} : { category_code: row.category }),
      sample: "rees46-2019-oct",
    },
  };
}

function readable(code: string): string {
  const words = code.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
