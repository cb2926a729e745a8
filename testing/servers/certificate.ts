import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Certificate {
  /** PEM files. The certificate signs itself: it is also what clients trust. */
  readonly cert: string;
  readonly key: string;
}

/** A certificate of this machine's loopback names, valid for two days. */
export async function createCertificate(folder: string): Promise<Certificate> {
  const cert = join(folder, "cert.pem");
  const key = join(folder, "key.pem");
  await promisify(execFile)(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"],
      ...["-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ],
    { timeout: 20_000 },
  );
  return { cert, key };
}
