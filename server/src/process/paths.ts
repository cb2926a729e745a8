import { fileURLToPath } from "node:url";

/** The role files of this installation. */
export const policiesFolder = fileURLToPath(new URL("../../../policies", import.meta.url));

/** The folder of the dashboard's static export, which exists once it is built. */
export const dashboardFolder =
  process.env["WEIR_DASHBOARD_DIR"] ??
  fileURLToPath(new URL("../../../dashboard/out", import.meta.url));
