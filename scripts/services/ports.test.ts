import assert from "node:assert/strict";
import { test } from "node:test";
import { readPorts } from "./ports.ts";
import { table } from "./table.ts";

test("A fixed port names its server, and may name one of its ports", () => {
  const ports = readPorts(["kafka=9092", "rabbitmq.management=15672", "spark.worker-page=8081"]);
  assert.equal(ports.get("kafka")?.get(""), 9092);
  assert.equal(ports.get("rabbitmq")?.get("management"), 15_672);
  assert.equal(ports.get("spark")?.get("worker-page"), 8081);
  for (const wrong of ["9092", "kafka", "kafka=", "kafka=0", "kafka=65536", "kafka:9092"]) {
    assert.throws(() => readPorts([wrong]), /write server=number/, wrong);
  }
});

test("A table has columns as wide as their widest cell, and no blanks at the end of a line", () => {
  assert.equal(
    table(
      ["a", "b"],
      [
        ["long", "x"],
        ["y", ""],
      ],
    ),
    "a     b\nlong  x\ny\n",
  );
});
