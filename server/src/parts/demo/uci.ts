import { parse } from "csv-parse/sync";
import { type DemoEvent, dayMs } from "./demo-event.ts";

/** A line of an invoice of the UCI "Online Retail" sample. */
export interface RetailLine {
  readonly row: string;
  readonly invoice: string;
  readonly stockCode: string;
  readonly description: string;
  readonly quantity: number;
  /** As written, interpreted as UTC. */
  readonly at: number;
  /** GBP. */
  readonly price: number;
  readonly customer: string | undefined;
  readonly country: string;
}

/** @throws Error for a row that does not have the format of the sample */
export function parseRetail(text: string): RetailLine[] {
  const rows = parse(text, { columns: true, delimiter: ";" }) as Record<string, string>[];
  return rows.map((row) => {
    const { X = "", InvoiceNo = "", StockCode = "", Country = "", CustomerID = "" } = row;
    const description = titleCase(row["Description"] ?? "");
    const line = {
      row: X,
      invoice: InvoiceNo,
      stockCode: StockCode,
      description: description === "" ? `Item ${StockCode}` : description,
      quantity: Number(row["Quantity"]),
      at: parseDate(row["InvoiceDate"] ?? ""),
      price: Number(row["UnitPrice"]),
      customer: CustomerID === "" || CustomerID === "NA" ? undefined : CustomerID,
      country: Country,
    };
    if (!(line.quantity > 0 && line.price >= 0)) throw new Error(`row ${X}: no quantity or price`);
    return line;
  });
}

/**
 * Purchases in the days before `end`: the days of the sample in their order, several of them in one,
 * each purchase at its time of day. Lines without a customer are sales at the till.
 */
export function retailEvents(
  lines: readonly RetailLine[],
  options: {
    /** A midnight. */
    readonly end: number;
    readonly days: number;
    readonly categoryOf: (description: string) => string;
  },
): DemoEvent[] {
  const { end, days } = options;
  const first = Math.min(...lines.map(({ at }) => at));
  const last = Math.max(...lines.map(({ at }) => at));
  return lines.map((line) => {
    const day = Math.min(days - 1, Math.floor(((line.at - first) / (last - first)) * days));
    const at = end - (days - day) * dayMs + (line.at % dayMs);
    return {
      at,
      source: line.customer === undefined ? "shop-pos" : "shop-web",
      event: {
        event_id: `uci-online-retail-${line.row}`,
        event_type: "purchase",
        timestamp: new Date(at).toISOString(),
        ...(line.customer === undefined
          ? { anonymous_id: `till-${line.invoice}` }
          : { user_id: `customer-${line.customer}` }),
        product: {
          id: line.stockCode,
          name: line.description,
          category: options.categoryOf(line.description),
          price: line.price,
          currency: "GBP",
          quantity: line.quantity,
        },
        properties: { order_id: line.invoice, country: line.country, sample: "uci-online-retail" },
      },
    };
  });
}

/** `12/06/2010 10:08`, and `2/20/11 11:39` in the second half of the sample. */
function parseDate(text: string): number {
  const parts = /^(\d{1,2})\/(\d{1,2})\/(\d{2}|\d{4}) (\d{1,2}):(\d{2})$/.exec(text);
  if (parts === null) throw new Error(`not a date in the format of the sample: ${text}`);
  const [, month, day, year = "", hour, minute] = parts;
  const century = year.length === 2 ? 2000 : 0;
  return Date.UTC(
    century + Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
  );
}

function titleCase(text: string): string {
  const words = text.trim().replace(/\s+/g, " ").toLowerCase();
  return words.replace(/(^|[\s(/-])([a-z])/g, (_, before, letter) => before + letter.toUpperCase());
}
