/** `stateline stats` as a read-only document; owns that document and nothing of its content. */

import { execFile } from "node:child_process";
import * as vscode from "vscode";
import type { Server } from "./server.ts";

const URI = vscode.Uri.from({ scheme: "stateline", path: "/Stateline statistics" });

export class Statistics implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly registration: vscode.Disposable;

  constructor(private readonly server: Server) {
    this.registration = vscode.workspace.registerTextDocumentContentProvider(URI.scheme, this);
  }

  async show(): Promise<void> {
    this.changed.fire(URI); // it may be open from before
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(URI));
  }

  provideTextDocumentContent(): Promise<string> {
    const [program, ...args] = this.server.argv;
    if (program === undefined) return Promise.resolve("There is no server yet to ask.\n");
    return new Promise((resolve) => {
      execFile(program, [...args, "stats"], (error, stdout, stderr) => {
        resolve(error ? `\`stateline stats\` failed:\n${stderr || error.message}\n` : stdout);
      });
    });
  }

  dispose(): void {
    this.registration.dispose();
    this.changed.dispose();
  }
}
