import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { requireProgram, runCommand } from "./command.ts";

export interface Artifact {
  /** group:artifact:version */
  readonly name: string;
  /** group:artifact of dependencies to leave out; `*:*` leaves all out. */
  readonly without?: readonly string[];
}

/** Copies Java libraries with their dependencies into `folder/libs`. */
export async function copyArtifacts(folder: string, artifacts: readonly Artifact[]): Promise<void> {
  const maven = requireProgram("mvn", "install the package maven (and a Java of 17 or newer).");
  const description = join(folder, "pom.xml");
  await writeFile(description, projectOf(artifacts));
  await runCommand(maven, [
    ...["-q", "-B", "-f", description, "dependency:copy-dependencies"],
    ...["-DincludeScope=runtime", `-DoutputDirectory=${join(folder, "libs")}`],
  ]);
  await rm(description);
}

function projectOf(artifacts: readonly Artifact[]): string {
  const dependencies = artifacts.map(({ name, without = [] }) => {
    const exclusions = without.map((excluded) => `<exclusion>${coordinates(excluded)}</exclusion>`);
    return `<dependency>${coordinates(name)}<exclusions>${exclusions.join("")}</exclusions></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>weir</groupId><artifactId>services</artifactId><version>1</version>
<dependencies>${dependencies.join("\n")}</dependencies></project>
`;
}

function coordinates(name: string): string {
  const [group, artifact, version] = name.split(":");
  const last = version === undefined ? "" : `<version>${version}</version>`;
  return `<groupId>${group}</groupId><artifactId>${artifact}</artifactId>${last}`;
}
