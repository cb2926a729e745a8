import { packagedInstall } from "./packages.ts";

export const prometheusInstall = packagedInstall({
  name: "prometheus",
  packages: ["prometheus"],
  program: "prometheus",
  versionArgument: "--version",
  elsewhere: "install Prometheus 2.42 or newer so that prometheus and promtool are on the PATH.",
});
