import { dirname } from "node:path";
import { sparkInstall, sparkTools } from "./install/spark.ts";

/** Variables with which `weir up` runs the Spark job on this machine. @throws Error when Spark is not installed */
export function sparkSettings(): Record<string, string> {
  const installed = sparkInstall.find();
  if (installed === undefined) {
    throw new Error("Spark is not installed: npm run services -- install spark");
  }
  const { python, jars } = sparkTools(installed);
  return {
    WEIR_SPARK_ENABLED: "true",
    WEIR_ENGINE_WINDOWS: "spark",
    WEIR_SPARK_PYTHON: python,
    WEIR_SPARK_JARS: dirname(jars.split(",")[0] ?? ""),
    WEIR_SPARK_MASTER: "local[2]",
  };
}
