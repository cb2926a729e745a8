/**
 * Reads the SBOM of the lock file (`npm sbom --package-lock-only`) and writes that of the image: without the
 * packages of other platforms and those that were removed, and with the Node that runs them. npm's own list of
 * what is installed fails for an installation without development dependencies.
 */
import { existsSync, readFileSync } from "node:fs";

const sbom = JSON.parse(readFileSync(0, "utf8"));
/** @param {{ group?: string, name: string }} component */
const pathOf = ({ group, name }) => `node_modules/${group === undefined ? "" : `${group}/`}${name}`;
const installed = sbom.components.filter((/** @type {{ group?: string, name: string }} */ one) =>
  existsSync(pathOf(one)),
);
const node = {
  "bom-ref": `node@${process.versions.node}`,
  type: "platform",
  name: "node",
  version: process.versions.node,
  purl: `pkg:generic/node@${process.versions.node}`,
};
const kept = new Set([sbom.metadata.component["bom-ref"], node["bom-ref"]]);
for (const one of installed) kept.add(one["bom-ref"]);
const dependencies = sbom.dependencies
  .filter((/** @type {{ ref: string }} */ { ref }) => kept.has(ref))
  .map((/** @type {{ ref: string, dependsOn?: string[] }} */ { ref, dependsOn = [] }) => ({
    ref,
    dependsOn: dependsOn.filter((name) => kept.has(name)),
  }));
process.stdout.write(
  `${JSON.stringify({ ...sbom, components: [...installed, node], dependencies }, null, 1)}\n`,
);
