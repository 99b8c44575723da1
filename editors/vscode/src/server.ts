/**
 * The server's process and the connection to it: owns starting, ending, and what follows a crash.
 *
 * A crashed server is started again, at most MOST_CRASHES times in CRASH_WINDOW_MS; then the user
 * is asked. Each start makes a new language client, since one that failed to start cannot be used
 * again. Knows nothing of ghost text.
 */

import { type ChildProcess, spawn } from "node:child_process";
import * as vscode from "vscode";
import {
  CloseAction,
  type Command,
  ErrorAction,
  LanguageClient,
  State,
} from "vscode-languageclient/node";
import { locate } from "./location.ts";
import type { ServerState, Told } from "./look.ts";
import { initializationOptions, languages, selector, settings, trigger } from "./settings.ts";

const MOST_CRASHES = 5;
const CRASH_WINDOW_MS = 3 * 60_000;
const STOP_MS = 2_000;

/** languageclient's, with its pop-ups left to us: they would say "couldn't create connection". */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

export class Server implements vscode.Disposable {
  state: ServerState = { is: "off" };
  languages: readonly string[] = [];
  /** How to run the server's program; empty while there is none. */
  argv: readonly string[] = [];
  private client: LanguageClient | undefined;
  private started: LanguageClient | undefined; // the same, once the server knows the open documents
  private process: ChildProcess | undefined;
  private crashes: number[] = [];
  private turn = 0;
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.changed.event;

  constructor(
    readonly log: vscode.LogOutputChannel,
    readonly environment: string,
  ) {}

  /** The connection, if requests can be sent now. */
  get connection(): LanguageClient | undefined {
    return this.started?.state === State.Running ? this.started : undefined;
  }

  /** Start with the settings as they are now, in place of the server that runs. */
  async restart(): Promise<void> {
    this.crashes = [];
    await this.start({ is: "starting" });
  }

  /** End the server, and show this state. */
  async stop(state: ServerState): Promise<void> {
    this.turn += 1;
    const { client, process } = this;
    this.client = this.started = this.process = undefined;
    this.show(state);
    await client?.dispose(STOP_MS).catch(() => undefined); // fails where it has not started
    // It ends by itself, after it has saved its statistics; else it hangs.
    if (process !== undefined) setTimeout(() => process.kill(), STOP_MS);
  }

  /** Have the server run one of its commands. */
  async execute({ command, arguments: args }: Command): Promise<unknown> {
    const params = { command, arguments: args };
    return this.connection?.sendRequest("workspace/executeCommand", params);
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async start(state: ServerState): Promise<void> {
    const stopped = this.stop(state);
    const { turn } = this;
    await stopped;
    const languageIds = await languages();
    if (turn !== this.turn) return; // somebody else has started or stopped meanwhile
    this.languages = languageIds;
    const path = process.env["PATH"] ?? "";
    const location = locate(settings().get("server.command"), path, this.environment);
    this.argv = location && "argv" in location ? location.argv : [];
    if (trigger() === "off") return this.show({ is: "off" });
    if (location === undefined) return this.show({ is: "missing" });
    if ("problem" in location) return this.fail(location.problem);
    await this.connect(turn);
  }

  private async connect(turn: number): Promise<void> {
    const client = this.newClient(turn);
    this.client = client;
    client.onNotification("stateline/didChangeStatus", (told: Told) => {
      if (turn === this.turn) this.show({ is: "running", told });
    });
    client.onDidChangeState(({ newState }) => {
      if (turn !== this.turn) return;
      if (newState === State.Running && this.state.is !== "running") {
        this.show({ is: "running", told: { busy: true, message: "Starting", kind: "Normal" } });
      }
      if (newState === State.Stopped || newState === State.StartFailed) this.crashed(turn);
    });
    await client.start().catch(() => undefined); // its state says so as well
    if (turn !== this.turn) return;
    this.started = client;
    this.changed.fire();
  }

  private newClient(turn: number): LanguageClient {
    const options = initializationOptions(this.languages);
    return new QuietClient("stateline", "Stateline", () => this.spawn(turn), {
      documentSelector: selector(this.languages),
      initializationOptions: options,
      outputChannel: this.log,
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue }),
        closed: () => ({ action: CloseAction.DoNotRestart, handled: true }),
      },
      // The client library would draw the same suggestion as well, without growing.
      middleware: { provideInlineCompletionItems: () => undefined },
    });
  }

  private async spawn(turn: number): Promise<ChildProcess> {
    const [program = "", ...args] = this.argv;
    const level = settings().get("logLevel", "warning");
    const options = level === "warning" ? [] : ["--log-level", level];
    const child = spawn(program, [...args, "lsp", ...options]);
    if (turn === this.turn) this.process = child;
    await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
    return child;
  }

  private crashed(turn: number): void {
    if (turn !== this.turn) return; // it was said already, or we have stopped it
    const now = Date.now();
    this.crashes = [...this.crashes.filter((then) => now - then < CRASH_WINDOW_MS), now];
    if (this.crashes.length <= MOST_CRASHES) {
      void this.start({ is: "restarting" });
      return;
    }
    const message = "Stateline's server has crashed too often and is not started again.";
    void this.stop({ is: "failed", message });
    this.fail(message);
  }

  private fail(message: string): void {
    this.show({ is: "failed", message });
    void vscode.window.showErrorMessage(message, "Restart", "Show Log").then((chosen) => {
      if (chosen === "Restart") void this.restart();
      if (chosen === "Show Log") this.log.show();
    });
  }

  private show(state: ServerState): void {
    this.state = state;
    this.changed.fire();
  }
}
