import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { startSpark } from "../../../../testing/servers/spark.ts";

const needed = await requireServers("spark");

test("A real Spark cluster runs a job that is submitted to it", needed, async (t) => {
  const { tools, master } = await startSpark(t, { cores: 1, memoryMb: 1024 });
  const job = `
from pyspark.sql import SparkSession
session = (SparkSession.builder.master("${master}").config("spark.executor.memory", "512m")
  .config("spark.ui.enabled", "false").config("spark.jars", "${tools.jars}").getOrCreate())
print("sum", session.range(101).selectExpr("sum(id)").first()[0])
session.stop()`;
  const { stdout } = await promisify(execFile)(tools.python, ["-c", job], {
    env: { ...process.env, SPARK_HOME: tools.sparkHome, SPARK_LOCAL_IP: "127.0.0.1" },
    timeout: 240_000,
  });
  assert.match(stdout, /sum 5050/);
});
