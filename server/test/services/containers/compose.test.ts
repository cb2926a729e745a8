import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createTestFolder } from "../../../../testing/database.ts";
import { composeGoInstall } from "../../../../testing/servers/install/compose-go.ts";
import { requireServers } from "../../../../testing/servers/required-servers.ts";
import { partNames } from "../../../src/compose/processes.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { settings } from "../../../src/config/settings.ts";
import { secretFiles } from "../../../src/process/compose-secrets.ts";
import {
  type ComposeModel,
  environmentOf,
  resolveCompose,
  root,
  type Service,
} from "./compose-model.ts";

const needs = await requireServers("compose-go");
const owner = { WEIR_UID: "1000", WEIR_GID: "1000" };

async function modelOf(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const program = composeGoInstall.find()?.path ?? "";
  return resolveCompose(program, {
    folder: await createTestFolder(t),
    env: { ...owner, ...env },
  });
}

const inDefault = ({ services }: ComposeModel) =>
  Object.entries(services).filter(([, { profiles = [] }]) => profiles.length === 0);
const namesOf = (services: readonly (readonly [string, Service])[]) =>
  services.map(([name]) => name).sort();
const networksOf = ({ networks = {} }: Service) => Object.keys(networks).sort();

test("the profiles hold the services that the guide names", needs, async (t) => {
  const model = await modelOf(t);
  assert.deepEqual(namesOf(inDefault(model)), ["etl", "http", "migrate", "postgres", "stream"]);
  const full = Object.entries(model.services).filter(([, { profiles }]) => profiles?.length === 1);
  const named = [
    "grafana",
    "kafka",
    "kafka-ui",
    "intake",
    "nginx",
    "prometheus",
    "qdrant",
    "rabbitmq",
    "redis",
  ];
  for (const name of named) assert.ok(namesOf(full).includes(name), name);
  for (const [name, { profiles }] of full) assert.deepEqual(profiles, ["full"], name);
});

test("without the owner of the secrets, compose says what to run", needs, async (t) => {
  await assert.rejects(modelOf(t, { WEIR_UID: "" }), /WEIR_UID.*weir secrets init/);
});

test("every service is checked, limited, pinned, and has no rights", needs, async (t) => {
  const { services } = await modelOf(t);
  for (const [name, service] of Object.entries(services)) {
    const isOneShot = name === "migrate";
    if (isOneShot) assert.equal(service.healthcheck?.disable, true, name);
    else assert.ok((service.healthcheck?.test?.length ?? 0) >= 2, `${name}: health check`);
    assert.ok(service.mem_limit !== undefined && service.cpus !== undefined, `${name}: limits`);
    // a tag that names a version, and not `latest` or `8`
    assert.match(service.image ?? "", /:v?\d+\.\d+(\.\d+)?(-[a-z]+)?$/, `${name}: version`);
    assert.equal(service.read_only, true, `${name}: read-only root`);
    assert.deepEqual(service.cap_drop, ["ALL"], `${name}: capabilities`);
    assert.deepEqual(service.cap_add ?? [], [], `${name}: capabilities`);
    assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
    assert.notEqual(service.privileged, true, name);
    assert.equal(service.user, "1000:1000", `${name}: the owner of the secrets`);
    assert.ok(service.restart !== undefined && service.restart !== "always", `${name}: restart`);
    if (!isOneShot) assert.ok(service.stop_grace_period !== undefined, `${name}: time to stop`);
  }
});

test("the host offers ports on its loopback address only, nginx alone on all", needs, async (t) => {
  const { services } = await modelOf(t);
  const open: string[] = [];
  const local: Record<string, string> = {};
  for (const [name, { ports = [] }] of Object.entries(services)) {
    for (const { host_ip, published } of ports) {
      if (host_ip === "127.0.0.1") local[name] = published;
      else open.push(name);
    }
  }
  assert.deepEqual([...new Set(open)], ["nginx"]);
  const expected = {
    http: "8080",
    "kafka-ui": "8090",
    qdrant: "6333",
    prometheus: "9090",
    grafana: "3000",
  };
  for (const [name, port] of Object.entries(expected)) assert.equal(local[name], port, name);
});

test(
  "only nginx is on the public network, and databases are on the closed one",
  needs,
  async (t) => {
    const { services, networks } = await modelOf(t);
    assert.deepEqual(Object.keys(networks).sort(), ["data", "internal", "public"]);
    assert.equal(networks["data"]?.internal, true);
    const on = (network: string) =>
      Object.entries(services)
        .filter(([, service]) => networksOf(service).includes(network))
        .map(([name]) => name);
    assert.deepEqual(on("public"), ["nginx"]);
    for (const name of ["postgres", "kafka", "redis", "rabbitmq"]) {
      assert.deepEqual(networksOf(services[name] ?? {}), ["data"], name);
    }
    for (const name of ["nginx", "prometheus", "grafana"]) {
      assert.ok(!networksOf(services[name] ?? {}).includes("data"), name);
    }
  },
);

test("what a service waits for is healthy or has ended well", needs, async (t) => {
  const { services } = await modelOf(t);
  for (const [name, { depends_on = {} }] of Object.entries(services)) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      const expected = other === "migrate" ? "service_completed_successfully" : "service_healthy";
      assert.equal(condition, expected, `${name} -> ${other}`);
    }
  }
});

const known = new Set(settings().map(({ variable }) => variable));
const secretVariables = new Set(
  settings().flatMap(({ variable, node }) => (node["x-secret"] === true ? [variable] : [])),
);

test("secrets are files, and a service is given those that it reads", needs, async (t) => {
  for (const profile of ["default", "full"]) {
    const { services } = await modelOf(t, { COMPOSE_PROFILES: profile });
    for (const [name, service] of Object.entries(services)) {
      const given = (service.secrets ?? []).map(({ source }) => `/run/secrets/${source}`);
      for (const [variable, value] of Object.entries(environmentOf(service))) {
        assert.ok(!secretVariables.has(variable), `${name}: ${variable}`);
        const isSecret = /PASS|SECRET|TOKEN|(^|_)KEY$/.test(variable);
        if (isSecret) assert.match(variable, /_FILE$/, `${name}: ${variable}`);
        if (/^WEIR_.*_FILE$/.test(variable)) assert.ok(given.includes(value), `${name}: ${value}`);
      }
    }
  }
});

test("every secret is created by weir secrets init, or is the certificate", needs, async (t) => {
  const { secrets } = await modelOf(t);
  const created = new Set(secretFiles.map((file) => file.name));
  const own = ["tls_certificate", "tls_key"];
  for (const name of Object.keys(secrets)) {
    assert.ok(created.has(name) || own.includes(name), name);
  }
});

test("only migrate and retention have the owner's login", needs, async (t) => {
  const { services } = await modelOf(t);
  const holders = Object.entries(services)
    .filter(([, { secrets = [] }]) => secrets.some(({ source }) => source === "database_url"))
    .map(([name]) => name)
    .sort();
  // PostgreSQL reads the password once, to create the role
  assert.deepEqual(holders, ["etl", "migrate", "postgres"]);
});

test("every setting is one of Weir's, every part exists, and stops in time", needs, async (t) => {
  for (const profile of ["default", "full"]) {
    const { services } = await modelOf(t, { COMPOSE_PROFILES: profile });
    const weir = Object.entries(services).filter(([, { image }]) => image?.startsWith("weir"));
    assert.ok(weir.length >= 4);
    for (const [name, service] of weir) {
      const all = Object.entries(environmentOf(service)).filter(([key]) => key !== "HOME");
      // the files of secrets are not here; that they are settings is checked by their names
      const isFile = (key: string) => key.endsWith("_FILE") && !known.has(key);
      for (const [key] of all) {
        const variable = isFile(key) ? key.slice(0, -"_FILE".length) : key;
        assert.ok(known.has(variable), `${name}: ${key}`);
      }
      const env = Object.fromEntries(all.filter(([key]) => !isFile(key)));
      const config = loadConfig({ env, cwd: "/" });
      assert.equal(config.env, "production", name);
      const [command, , parts = ""] = service.command ?? [];
      if (command !== "serve") continue;
      for (const part of parts.split(",")) {
        assert.ok(partNames.includes(part), `${name}: ${part}`);
      }
      const graceMs = Number.parseInt(service.stop_grace_period ?? "", 10) * 1_000;
      assert.ok(graceMs >= config.http.drain_delay_ms + 10_000, `${name}: time to drain`);
    }
  }
});

test("what compose mounts is in the checkout", needs, async (t) => {
  const { services, volumes } = await modelOf(t);
  for (const [name, service] of Object.entries(services)) {
    for (const { type, source, read_only } of service.volumes ?? []) {
      if (type === "bind") {
        assert.ok(source?.startsWith(root) && existsSync(source), `${name}: ${source}`);
        assert.equal(read_only, true, `${name}: ${source}`);
      } else if (source !== undefined) assert.ok(source in volumes, `${name}: ${source}`);
    }
    const { build } = service;
    if (build !== undefined)
      assert.ok(existsSync(join(root, build.dockerfile ?? "Dockerfile")), name);
  }
});
