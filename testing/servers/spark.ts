import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { CleanUp } from "../database.ts";
import { type SparkTools, sparkInstall, sparkTools } from "./install/spark.ts";
import { extend, type Place, type Server, type ServerKind, startServer } from "./server.ts";

export interface SparkOptions {
  /** Of the one worker. Defaults: 2 cores, 2 GB. */
  readonly cores?: number;
  readonly memoryMb?: number;
}

/** A standalone cluster of one master and one worker, for jobs submitted to `spark://`. */
export interface SparkCluster extends Server {
  /** `spark://127.0.0.1:…` */
  readonly master: string;
  /** The master's page. */
  readonly url: string;
  readonly tools: SparkTools;
}

export async function startSpark(t: CleanUp, options: SparkOptions = {}): Promise<SparkCluster> {
  const server = await startServer(t, sparkKind, options);
  return extend(server, {
    master: `spark://127.0.0.1:${server.ports["master"]}`,
    url: `http://127.0.0.1:${server.ports["page"]}`,
    tools: sparkTools(server.installed),
  });
}

export const sparkKind: ServerKind<SparkOptions> = {
  install: sparkInstall,
  ports: ["master", "page", "worker", "worker-page"],
  async prepare(place, options) {
    await mkdir(join(place.dataFolder, "work"), { recursive: true });
    const { python, sparkHome } = sparkTools(place.installed);
    return {
      command: "sh",
      args: ["-c", `${workerOf(place, options)} & exec ${masterOf(place)}`],
      env: {
        SPARK_HOME: sparkHome,
        // otherwise it looks for the folders of a build from source
        SPARK_SCALA_VERSION: "2.13",
        SPARK_LOCAL_IP: "127.0.0.1",
        SPARK_LOCAL_DIRS: place.dataFolder,
        PYSPARK_PYTHON: python,
        // executors unpack the native codecs there, and a system's /tmp may be closed to this user
        JAVA_TOOL_OPTIONS: `-Djava.io.tmpdir=${place.dataFolder}`,
      },
    };
  },
  /** The master's page lists its workers. */
  async isHealthy({ ports }) {
    const response = await fetch(`http://127.0.0.1:${ports["page"]}/json/`, {
      signal: AbortSignal.timeout(2_000),
    });
    const { aliveworkers } = (await response.json()) as { aliveworkers: number };
    return aliveworkers > 0;
  },
};

function masterOf(place: Place): string {
  const { master, page } = place.ports;
  return java(
    place,
    `org.apache.spark.deploy.master.Master --host 127.0.0.1 --port ${master} --webui-port ${page}`,
  );
}

/** It tries again until the master answers. */
function workerOf(place: Place, { cores = 2, memoryMb = 2048 }: SparkOptions): string {
  const { master, worker } = place.ports;
  const options = [
    `--host 127.0.0.1 --port ${worker} --webui-port ${place.ports["worker-page"]}`,
    `--cores ${cores} --memory ${memoryMb}M --work-dir "${join(place.dataFolder, "work")}"`,
  ].join(" ");
  return java(
    place,
    `org.apache.spark.deploy.worker.Worker ${options} spark://127.0.0.1:${master}`,
  );
}

function java(place: Place, main: string): string {
  const { sparkHome } = sparkTools(place.installed);
  const jvm = "-Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData";
  return `java ${jvm} -cp "${sparkHome}/jars/*" ${main}`;
}
