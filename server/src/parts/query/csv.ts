/** RFC 4180 text of what an answer shows as rows, safe to open in a spreadsheet. */
import type { RouteReply } from "../../core/ports/route.ts";

export type Cell = string | number | boolean | null | undefined;

/** Rows of one export; more are cut off, and the header `weir-csv-row-limit` says so. */
export const maxCsvRows = 100_000;

export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(",")}\r\n`;
}

/**
 * Answers with a file. Chunks of rows are written as they come, so that memory stays at one chunk;
 * an error after the first chunk breaks the connection, which is how HTTP says "not whole".
 */
export function csvReply(
  name: string,
  header: readonly string[],
  chunks: AsyncIterable<readonly (readonly Cell[])[]> | readonly (readonly Cell[])[],
): RouteReply {
  return {
    status: 200,
    headers: {
      "content-type": "text/csv; charset=utf-8; header=present",
      "content-disposition": `attachment; filename="weir-${name}.csv"`,
      "cache-control": "no-store",
      "weir-csv-row-limit": String(maxCsvRows),
    },
    body:
      Symbol.asyncIterator in chunks
        ? csvText(header, chunks)
        : [header, ...chunks].map(csvLine).join(""),
  };
}

async function* csvText(
  header: readonly string[],
  chunks: AsyncIterable<readonly (readonly Cell[])[]>,
): AsyncGenerator<string> {
  yield csvLine(header);
  let left = maxCsvRows;
  for await (const rows of chunks) {
    yield rows.slice(0, left).map(csvLine).join("");
    left -= rows.length;
    if (left <= 0) return;
  }
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return "";
  const text = typeof cell === "string" ? withoutFormula(cell) : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Spreadsheets run text that begins like a formula (OWASP: CSV injection); numbers are left alone. */
function withoutFormula(text: string): string {
  if (/^-?\d+(\.\d+)?$/.test(text)) return text;
  return /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
}
