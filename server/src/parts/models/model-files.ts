/** The files of models, in parts: whole, one would hold up the commits of everybody else while it is written. */
import { randomUUID } from "node:crypto";
import type { Database, Queryable } from "../../core/ports/database.ts";
import { leaveHalf } from "../stream/leave-half.ts";

export interface StoredFile {
  readonly fileId: string;
  readonly bytes: number;
}

const partBytes = 256 * 1024;
/** Of a file that is removed, so that no statement takes long. */
const partsAtOnce = 16;
/** Nobody takes that long to write a file and then the row of its model. */
const strayAfter = "1 hour";

/** Part by part; half of the time is left to others' commits. */
export async function writeModelFile(database: Database, file: Uint8Array): Promise<StoredFile> {
  const fileId = randomUUID();
  for (let place = 0; place * partBytes < file.length; place++) {
    const began = performance.now();
    const part = file.subarray(place * partBytes, (place + 1) * partBytes);
    await database.query({
      name: "stream_write_model_file",
      text: "insert into vectors.model_files (file_id, place, bytes) values ($1, $2, $3)",
      values: [fileId, place, Buffer.from(part.buffer, part.byteOffset, part.length)],
    });
    await leaveHalf(began);
  }
  return { fileId, bytes: file.length };
}

/** Parts that are not there, as of a model that is removed meanwhile, are zeros: the file's checksum tells. */
export async function readModelFile(
  database: Queryable,
  { fileId, bytes }: StoredFile,
): Promise<Uint8Array> {
  const file = new Uint8Array(bytes);
  for (let place = 0; place * partBytes < bytes; place++) {
    const [row] = await database.query<{ bytes: Buffer }>({
      name: "stream_read_model_file",
      text: "select bytes from vectors.model_files where file_id = $1 and place = $2",
      values: [fileId, place],
    });
    if (row !== undefined) file.set(row.bytes, place * partBytes);
  }
  return file;
}

/** Of models that are gone. What is left when this is interrupted is stray. */
export async function removeModelFiles(
  database: Queryable,
  fileIds: readonly string[],
): Promise<void> {
  for (;;) {
    const gone = await database.query({
      text: `delete from vectors.model_files where (file_id, place) in (
               select file_id, place from vectors.model_files where file_id = any ($1::uuid[]) limit $2)
             returning 1 as gone`,
      values: [fileIds, partsAtOnce],
    });
    if (gone.length < partsAtOnce) return;
  }
}

/** Removes what belongs to no model and is not being written any more. */
export async function removeStrayFiles(database: Queryable): Promise<void> {
  const stray = await database.query<{ file_id: string }>({
    text: `select distinct file_id from vectors.model_files f
           where written_at < now() - $1::interval
             and not exists (select from vectors.models m where m.file_id = f.file_id)`,
    values: [strayAfter],
  });
  if (stray.length > 0)
    await removeModelFiles(
      database,
      stray.map((row) => row.file_id),
    );
}
