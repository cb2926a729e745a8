/** The thread of transformer.ts, so that the ONNX runtime does not block the event loop. */
import { parentPort, workerData } from "node:worker_threads";
import { messageOf } from "../../../core/errors.ts";
import type { EmbedRequest, WorkerOptions, WorkerReply } from "./protocol.ts";
import { openSentenceModel, type SentenceModel } from "./sentence-model.ts";

function reply(message: WorkerReply): void {
  if (message.type === "vectors") {
    parentPort?.postMessage(message, [message.vectors.buffer as ArrayBuffer]);
  } else {
    parentPort?.postMessage(message);
  }
}

async function answer(model: SentenceModel, { id, texts }: EmbedRequest): Promise<void> {
  try {
    reply({ type: "vectors", id, vectors: await model.embed(texts) });
  } catch (error) {
    reply({ type: "refused", id, message: messageOf(error) });
  }
}

try {
  const model = await openSentenceModel(workerData as WorkerOptions);
  let last: Promise<void> = Promise.resolve();
  parentPort?.on("message", (request: EmbedRequest) => {
    // one after the other: the runtime's own threads already use the cores
    last = last.then(() => answer(model, request));
  });
  reply({ type: "ready", dimension: model.dimension, device: model.device });
} catch (error) {
  reply({ type: "failed", message: messageOf(error) });
}
