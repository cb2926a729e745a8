/** The rows of an answer as RFC 4180 text that is safe to open in a spreadsheet. */
import { schema } from "@weir/protocol";
import type { RouteReply } from "../../core/ports/route.ts";

export type Cell = string | number | boolean | null | undefined;

/** Maximum rows of one export; the header `weir-csv-row-limit` gives the limit. */
export const maxCsvRows = 100_000;

/** For the API document. */
export const csvSchema = schema.string({
  description: "RFC 4180: a header line, then one line per row.",
});

/** Of an answer with format=csv, for the API document. */
export const csvHeaders = {
  "Content-Disposition": schema.string({ description: "With format=csv: the name of the file." }),
  "Weir-CSV-Row-Limit": schema.integer({ description: "With format=csv: most rows of a file." }),
};

export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(",")}\r\n`;
}

/**
 * Answers with a file. Each chunk of rows is written as it arrives, so memory holds one chunk. An
 * error after the first chunk closes the connection, which tells the client that the file is cut.
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

/** Spreadsheets execute text that starts like a formula (OWASP: CSV injection); numbers stay as they are. */
function withoutFormula(text: string): string {
  if (/^-?\d+(\.\d+)?$/.test(text)) return text;
  return /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
}
