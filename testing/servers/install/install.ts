/** One way to install and find each server. */
export interface Install {
  readonly name: string;
  /** What comes onto the machine, for people: "Kafka 4.4.0 from Maven, 43 MB". */
  readonly what: string;
  /** Undefined when it is not installed. */
  find(): Installed | undefined;
  /** Installs it unless it is there; safe beside other processes that do the same. */
  install(): Promise<void>;
}

export interface Installed {
  readonly version: string;
  /** The folder of the install in the cache, or the path of the program that the system's packages brought. */
  readonly path: string;
}
