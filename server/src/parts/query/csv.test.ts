import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { csvLine, csvReply, maxCsvRows } from "./csv.ts";

test("a CSV reader gets every text back unchanged, except for the mark before a formula", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary" }), { minLength: 2, maxLength: 5 }),
      (cells) => {
        const [read] = parse(csvLine(cells), {
          relax_column_count: true,
          record_delimiter: "\r\n",
        });
        const marked = cells.map((cell) => cell.replace(/^[=+\-@\t\r\n＝＋－＠]/, "'$&"));
        const numbers = cells.map((cell) => /^-?\d+(\.\d+)?$/.test(cell));
        assert.deepEqual(
          read,
          cells.map((cell, index) => (numbers[index] ? cell : marked[index])),
        );
      },
    ),
  );
});

test("text that a spreadsheet would execute is marked, numbers are not", () => {
  assert.equal(
    csvLine(["=1+1", "+49", "-5", "-5.25", "-5x", "@x", "\tx", 'a"b', null, -3, true]),
    `'=1+1,'+49,-5,-5.25,'-5x,'@x,'\tx,"a""b",,-3,true\r\n`,
  );
});

test("a streamed export stops at the row limit", async () => {
  async function* chunks() {
    for (;;) yield Array.from({ length: 30_000 }, () => ["x"]);
  }
  let lines = 0;
  for await (const text of csvReply("events", ["a"], chunks()).body as AsyncIterable<string>) {
    lines += text.split("\r\n").length - 1;
  }
  assert.equal(lines, maxCsvRows + 1);
});
