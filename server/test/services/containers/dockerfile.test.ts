import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { hadolintInstall } from "../../../../testing/servers/install/hadolint.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { root } from "./compose-model.ts";

const needs = await requireServers("hadolint");
const dockerfiles = globSync("{Dockerfile,jobs/*/Dockerfile}", { cwd: root });

test("hadolint finds nothing in the Dockerfiles", needs, () => {
  assert.ok(dockerfiles.includes("Dockerfile"));
  for (const file of dockerfiles) {
    const program = hadolintInstall.find()?.path ?? "";
    // throws with the findings
    execFileSync(program, ["--failure-threshold", "style", join(root, file)], { encoding: "utf8" });
  }
});

test("hadolint would find an image without a version", needs, () => {
  const program = hadolintInstall.find()?.path ?? "";
  const bad = "FROM docker.io/library/node\nCMD node\n";
  assert.throws(
    () => execFileSync(program, ["-"], { input: bad, stdio: "pipe" }),
    /Command failed/,
  );
});

test("the images end in a numeric user without rights, a health check, labels, and a pinned base", () => {
  for (const file of dockerfiles) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [, base = ""] of text.matchAll(/^FROM (\S+)/gm)) {
      assert.match(base, /:v?\d+\.\d+\.\d+-|^[a-z]+$/, `${file}: ${base}`);
    }
    const users = [...text.matchAll(/^USER (.+)$/gm)].map(([, user]) => user);
    assert.match(users.at(-1) ?? "", /^[1-9]\d{3,}:[1-9]\d{3,}$/, file);
    assert.match(text, /^HEALTHCHECK .*CMD \[/m, file);
    assert.doesNotMatch(text, /curl|wget|tini/, file);
    for (const label of ["title", "version", "revision", "created", "licenses", "base.name"]) {
      assert.match(
        text,
        new RegExp(`org\\.opencontainers\\.image\\.${label}=`),
        `${file}: ${label}`,
      );
    }
    assert.match(text, /weir\.sbom\.path=/, file);
  }
});

test("the image has the Node that the launcher installs", () => {
  const { version } = JSON.parse(readFileSync(join(root, "scripts/node/package.json"), "utf8"));
  const text = readFileSync(join(root, "Dockerfile"), "utf8");
  const bases = [...text.matchAll(/^FROM \S+\/node:(\d+\.\d+\.\d+)-/gm)].map(([, found]) => found);
  assert.ok(bases.length >= 2);
  for (const found of bases) assert.equal(found, version);
});

test("what the Dockerfile copies is in the checkout and not ignored", () => {
  const text = readFileSync(join(root, "Dockerfile"), "utf8");
  const allowed = readFileSync(join(root, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  for (const [, sources = ""] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of sources.split(" ")) {
      assert.ok(existsSync(join(root, source)), source);
      assert.ok(
        allowed.some(
          (one) => source === one || source.startsWith(`${one}/`) || one.startsWith(`${source}/`),
        ),
        source,
      );
    }
  }
});
