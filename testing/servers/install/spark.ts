import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder, installOnce, isComplete } from "./cache.ts";
import { requireProgram, runCommand } from "./command.ts";
import type { Install, Installed } from "./install.ts";
import { copyArtifacts } from "./maven.ts";
import { createEnvironment } from "./python.ts";

const version = "4.2.0";
const project = join(import.meta.dirname, "../../../jobs/spark/pyproject.toml");

/** What pyspark does not bring itself: the connector to Kafka and PostgreSQL's driver, without their dependencies. */
const jars = [
  `org.apache.spark:spark-sql-kafka-0-10_2.13:${version}`,
  `org.apache.spark:spark-token-provider-kafka-0-10_2.13:${version}`,
  "org.apache.kafka:kafka-clients:3.9.2",
  "org.apache.commons:commons-pool2:2.13.1",
  "org.postgresql:postgresql:42.7.10",
];

/** One install for each version of Spark and of what the job needs. */
const folder = () => join(cacheFolder(), `spark-${version}-${dependenciesHash()}`);

export const sparkInstall: Install = {
  name: "spark",
  what: `pyspark ${version} in a virtual environment with the packages of the job, and five jars; 1 GB`,
  find: () => (isComplete(folder()) ? { version, path: folder() } : undefined),
  async install() {
    requireProgram("java", "install a Java of 17 or newer, for example openjdk-17-jre-headless.");
    requireProgram("mvn", "install the package maven.");
    await installOnce(folder(), async (place) => {
      await createEnvironment(join(place, "python"), [`pyspark==${version}`, ...dependencies()]);
      const home = await runCommand(join(place, "python", "bin", "python"), [
        ...["-c", "import os, pyspark; print(os.path.dirname(pyspark.__file__))"],
      ]);
      await symlink(home.trim(), join(place, "home"));
      await copyArtifacts(
        place,
        jars.map((name) => ({ name, without: ["*:*"] })),
      );
    });
  },
};

export interface SparkTools {
  /** Of the virtual environment: pyspark and the packages of the job and of its tests. */
  readonly python: string;
  /** For `spark.jars`: absolute paths, separated by commas. */
  readonly jars: string;
  readonly sparkHome: string;
}

export function sparkTools({ path }: Installed): SparkTools {
  return {
    python: join(path, "python", "bin", "python"),
    jars: jars.map((name) => join(path, "libs", jarFile(name))).join(","),
    sparkHome: realpathSync(join(path, "home")),
  };
}

function jarFile(name: string): string {
  const [, artifact, jarVersion] = name.split(":");
  return `${artifact}-${jarVersion}.jar`;
}

/** Settings of tools in the same file are no reason to install again. */
function dependenciesHash(): string {
  const [described = ""] = readProject().split(/^\[tool/m);
  return createHash("sha256").update(described).digest("hex").slice(0, 8);
}

function readProject(): string {
  try {
    return readFileSync(project, "utf8");
  } catch {
    return "";
  }
}

/** The job's packages and those of its tests, as `pip` takes them. */
function dependencies(): string[] {
  const text = readProject();
  return ["dependencies", "dev"].flatMap((name) => {
    // a list ends with the bracket before the end of a line; those of extras (`psycopg[binary]`) are in quotes
    const list = new RegExp(`^${name} = \\[([\\s\\S]*?)\\]$`, "m").exec(text)?.[1] ?? "";
    return [...list.matchAll(/"([^"]+)"/g)].map(([, dependency = ""]) => dependency);
  });
}
