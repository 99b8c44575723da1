/**
 * Installing the server into an environment of its own, which belongs to this extension.
 *
 * Owns where the server comes from, and every step and sentence on the way. Nothing is downloaded
 * before the user has said yes.
 */

import { execFile, type ExecFileException } from "node:child_process";
import { join } from "node:path";
import * as vscode from "vscode";
import { bin } from "./location.ts";

/** What pip is asked for: a name on PyPI, or a wheel's path where the machine is offline. */
const WHEEL = process.env["STATELINE_WHEEL"] || "stateline";
const PYTHONS =
  process.platform === "win32"
    ? [["py", "-3"], ["python"]]
    : ["python3", "python3.14", "python3.13", "python3.12", "python3.11"].map((name) => [name]);
const NEW_ENOUGH = "import sys; sys.exit(sys.version_info < (3, 11))";

/** Ask and install; whether the user said yes, however it went. */
export async function install(
  environment: string,
  log: vscode.LogOutputChannel,
  begun: () => Promise<void>,
): Promise<boolean> {
  const detail =
    `pip will fetch ${WHEEL} and what it needs, some 200 MB in all, into a folder of this ` +
    `extension: ${environment}. Nothing else on this machine is changed.`;
  const question = "Install Stateline's server?";
  const options = { modal: true, detail };
  const answer = await vscode.window.showInformationMessage(question, options, "Install");
  if (answer !== "Install") return false;
  await begun();
  try {
    await withProgress((report, token) => make(environment, new Steps(report, token, log)));
  } catch (error) {
    if (error instanceof vscode.CancellationError) return true;
    const message = `Stateline's server was not installed: ${(error as Error).message}`;
    void vscode.window.showErrorMessage(message, "Show Log").then((shown) => shown && log.show());
  }
  return true;
}

async function make(environment: string, steps: Steps): Promise<void> {
  steps.say("looking for Python");
  const python = await findPython(steps);
  steps.say("making an environment");
  await steps.run([...python, "-m", "venv", "--clear", environment]);
  steps.say(`installing ${WHEEL}`);
  const pip = [join(bin(environment), "python"), "-m", "pip", "--disable-pip-version-check"];
  await steps.run([...pip, "install", "--no-input", WHEEL]);
}

async function findPython(steps: Steps): Promise<string[]> {
  for (const python of PYTHONS) {
    try {
      await steps.run([...python, "-c", NEW_ENOUGH]);
      return python;
    } catch (error) {
      if (error instanceof vscode.CancellationError) throw error;
    }
  }
  throw new Error("there is no Python 3.11 or newer here. Install one, then try again.");
}

function withProgress(
  task: (report: (message: string) => void, token: vscode.CancellationToken) => Promise<void>,
): Thenable<void> {
  const location = vscode.ProgressLocation.Notification;
  const options = { location, title: "Stateline's server", cancellable: true };
  return vscode.window.withProgress(options, (progress, token) =>
    task((message) => progress.report({ message }), token),
  );
}

/** Programs run one after another, written down in the log, until the user cancels. */
class Steps {
  constructor(
    readonly say: (message: string) => void,
    private readonly token: vscode.CancellationToken,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  async run([program = "", ...args]: string[]): Promise<void> {
    this.log.info([program, ...args].join(" "));
    await new Promise<void>((resolve, reject) => {
      const child = execFile(program, args, (error, stdout, stderr) => {
        cancelling.dispose();
        this.log.info(stdout + stderr);
        if (this.token.isCancellationRequested) reject(new vscode.CancellationError());
        else if (error) reject(new Error(reason(error, stdout + stderr)));
        else resolve();
      });
      const cancelling = this.token.onCancellationRequested(() => child.kill());
    });
  }
}

/** The line of a program's output that says best why it failed. */
function reason(error: ExecFileException, output: string): string {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== "");
  const named = lines.findLast((line) => /^(ERROR|Error)\b/.test(line)) ?? lines.at(-1);
  return named ?? error.message;
}
