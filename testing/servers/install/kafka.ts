import { join } from "node:path";
import { cacheFolder, installOnce, isComplete } from "./cache.ts";
import { requireProgram } from "./command.ts";
import type { Install } from "./install.ts";
import { copyArtifacts } from "./maven.ts";

const version = "4.4.0";
const folder = () => join(cacheFolder(), `kafka-${version}`);

/** The broker's own libraries: what `kafka.Kafka` and the command line tools need. */
export const kafkaInstall: Install = {
  name: "kafka",
  what: `Kafka ${version} from Maven, 43 MB`,
  find: () => (isComplete(folder()) ? { version, path: folder() } : undefined),
  async install() {
    requireProgram("java", "install a Java of 17 or newer, for example openjdk-17-jre-headless.");
    await installOnce(folder(), (place) =>
      copyArtifacts(place, [
        // kafka-tools-api is named by the project file and published nowhere
        {
          name: `org.apache.kafka:kafka_2.13:${version}`,
          without: ["org.apache.kafka:kafka-tools-api"],
        },
        { name: "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1" },
      ]),
    );
  },
};
