/** The files of models, in pieces: writing one whole would hold up all other commits. */
import { randomUUID } from "node:crypto";
import type { Database, Queryable } from "../../core/ports/database.ts";
import type { Stillness } from "../../core/stillness.ts";
import { leaveHalf } from "../../timing/leave-half.ts";

export interface StoredFile {
  readonly fileId: string;
  readonly bytes: number;
}

const pieceBytes = 256 * 1024;
/** Pieces of a removed file that one statement deletes, so that none takes long. */
const piecesAtOnce = 16;
/** Writing a file, and then the row of its model, never takes that long. */
const strayAfterMs = 50 * 60_000;

/** Piece by piece; half of the time is left to other commits. */
export async function writeModelFile(database: Database, file: Uint8Array): Promise<StoredFile> {
  const fileId = randomUUID();
  for (let place = 0; place * pieceBytes < file.length; place++) {
    const began = performance.now();
    const piece = file.subarray(place * pieceBytes, (place + 1) * pieceBytes);
    await database.query({
      name: "models_write_file",
      text: "insert into vectors.model_files (file_id, place, bytes) values ($1, $2, $3)",
      values: [fileId, place, Buffer.from(piece.buffer, piece.byteOffset, piece.length)],
    });
    await leaveHalf(began);
  }
  return { fileId, bytes: file.length };
}

/** Missing pieces, as of a model that is removed meanwhile, are zeros: the file's checksum reveals them. */
export async function readModelFile(
  database: Queryable,
  { fileId, bytes }: StoredFile,
): Promise<Uint8Array> {
  const file = new Uint8Array(bytes);
  for (let place = 0; place * pieceBytes < bytes; place++) {
    const [row] = await database.query<{ bytes: Buffer }>({
      name: "models_read_file",
      text: "select bytes from vectors.model_files where file_id = $1 and place = $2",
      values: [fileId, place],
    });
    if (row !== undefined) file.set(row.bytes, place * pieceBytes);
  }
  return file;
}

/** Of removed models. Pieces that are left when this is interrupted are stray. */
export async function removeModelFiles(
  database: Queryable,
  fileIds: readonly string[],
): Promise<void> {
  for (;;) {
    const deleted = await database.query({
      text: `delete from vectors.model_files where (file_id, place) in (
               select file_id, place from vectors.model_files where file_id = any ($1::uuid[]) limit $2)
             returning 1 as deleted`,
      values: [fileIds, piecesAtOnce],
    });
    if (deleted.length < piecesAtOnce) return;
  }
}

/** Removes pieces that belong to no model and have not for longer than writing takes, by the caller's observation. */
export async function removeStrayFiles(
  database: Queryable,
  observed: Pick<Stillness, "of" | "keep">,
): Promise<void> {
  const found = await database.query<{ file_id: string }>({
    text: `select distinct file_id::text from vectors.model_files f
           where not exists (select from vectors.models m where m.file_id = f.file_id)`,
  });
  const ids = found.map((row) => row.file_id);
  observed.keep(ids);
  const stray = ids.filter((id) => observed.of(id, "") >= strayAfterMs);
  if (stray.length > 0) await removeModelFiles(database, stray);
}
