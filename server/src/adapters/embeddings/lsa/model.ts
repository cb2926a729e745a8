/**
 * The model file of the embedder `lsa`, little endian:
 *
 *     8 bytes    "WEIRLSA1"
 *     4 bytes    length of the header
 *     header     JSON (LsaHeader), filled up with spaces so that what follows begins at a multiple of 16
 *     float32    idf, one for each feature
 *     float32    components, `dimension` for each feature, one feature after the other
 *     32 bytes   SHA-256 of all before
 */
import { createHash } from "node:crypto";
import { countFeatures, type LsaParameters } from "./parameters.ts";

export interface LsaModel {
  readonly kind: "lsa" | "random-projection";
  readonly parameters: LsaParameters;
  readonly dimension: number;
  /** Texts that it was fitted on. */
  readonly corpusTexts: number;
  /** One for each feature. */
  readonly idf: Float32Array;
  /** `dimension` for each feature: the transpose of scikit-learn's `components_`. */
  readonly components: Float32Array;
}

export interface LsaHeader {
  /** Kind and hash of everything that the vectors depend on, not of when it was made. */
  readonly id: string;
  readonly kind: LsaModel["kind"];
  readonly parameters: LsaParameters;
  readonly features: number;
  readonly dimension: number;
  readonly corpusTexts: number;
  /** RFC 3339. */
  readonly created: string;
}

/** A model file and what it is called. */
export interface ModelFile {
  readonly id: string;
  readonly dimension: number;
  readonly file: Uint8Array;
}

export class ModelFileError extends Error {
  override readonly name = "ModelFileError";
}

const magic = "WEIRLSA1";
const alignment = 16;
const checksumBytes = 32;

export function encodeLsaModel(model: LsaModel, created: Date): ModelFile {
  const { kind, parameters, dimension, corpusTexts } = model;
  const idf = bytesOf(model.idf);
  const components = bytesOf(model.components);
  const hash = createHash("sha256")
    .update(JSON.stringify([kind, parameters, dimension]))
    .update(idf)
    .update(components)
    .digest("hex");
  const header: LsaHeader = {
    id: `${kind}-${hash.slice(0, 16)}`,
    kind,
    parameters,
    features: countFeatures(parameters),
    dimension,
    corpusTexts,
    created: created.toISOString(),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const prefix = magic.length + 4;
  const dataStart = Math.ceil((prefix + json.length) / alignment) * alignment;
  const file = new Uint8Array(dataStart + idf.length + components.length + checksumBytes);
  file.set(new TextEncoder().encode(magic));
  new DataView(file.buffer).setUint32(magic.length, dataStart - prefix, true);
  file.fill(0x20, prefix, dataStart);
  file.set(json, prefix);
  file.set(idf, dataStart);
  file.set(components, dataStart + idf.length);
  const end = file.length - checksumBytes;
  file.set(createHash("sha256").update(file.subarray(0, end)).digest(), end);
  return { id: header.id, dimension, file };
}

/** @throws ModelFileError when the file is cut, changed or of another make. */
export function decodeLsaModel(file: Uint8Array): { header: LsaHeader; model: LsaModel } {
  const prefix = magic.length + 4;
  if (file.length < prefix + checksumBytes) throw new ModelFileError("the model file is cut short");
  if (new TextDecoder("latin1").decode(file.subarray(0, magic.length)) !== magic) {
    throw new ModelFileError(`this is no model file: it does not begin with ${magic}`);
  }
  const end = file.length - checksumBytes;
  const checksum = createHash("sha256").update(file.subarray(0, end)).digest();
  if (!checksum.equals(file.subarray(end))) {
    throw new ModelFileError("the model file is cut short or was changed: its checksum differs");
  }
  const length = new DataView(file.buffer, file.byteOffset).getUint32(magic.length, true);
  const header = JSON.parse(
    new TextDecoder().decode(file.subarray(prefix, prefix + length)),
  ) as LsaHeader;
  const { kind, parameters, features, dimension, corpusTexts } = header;
  const idfStart = prefix + length;
  const componentsStart = idfStart + features * 4;
  if (
    componentsStart + features * dimension * 4 !== end ||
    features !== countFeatures(parameters) ||
    parameters.fold !== "weir-fold-1" ||
    parameters.sublinearTf !== false
  ) {
    throw new ModelFileError("the model file was written by another version of Weir");
  }
  return {
    header,
    model: {
      kind,
      parameters,
      dimension,
      corpusTexts,
      idf: floatsOf(file, idfStart, componentsStart),
      components: floatsOf(file, componentsStart, end),
    },
  };
}

/** The bytes in memory order: every machine that Weir supports is little endian. */
function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

function floatsOf(file: Uint8Array, start: number, end: number): Float32Array {
  // not `file.slice`: of a Buffer that is a view, and its memory begins somewhere else
  return new Float32Array(Uint8Array.prototype.slice.call(file, start, end).buffer);
}
