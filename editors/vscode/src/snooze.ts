/**
 * Silence for some minutes: owns until when.
 *
 * VS Code's own snooze silences all providers, but tells none of them; with it the status bar
 * could not say how long it lasts.
 */

import * as vscode from "vscode";

const MINUTE_MS = 60_000;

export class Snooze implements vscode.Disposable {
  private until = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly changed = new vscode.EventEmitter<void>();
  /** Fires when it begins, each minute, and when it ends. */
  readonly onDidChange = this.changed.event;

  get leftMs(): number {
    return Math.max(this.until - Date.now(), 0);
  }

  begin(minutes: number): void {
    this.until = Date.now() + minutes * MINUTE_MS;
    this.tick();
  }

  end(): void {
    this.until = 0;
    this.tick();
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.changed.dispose();
  }

  private tick(): void {
    clearTimeout(this.timer);
    const { leftMs } = this;
    if (leftMs > 0) this.timer = setTimeout(() => this.tick(), leftMs % MINUTE_MS || MINUTE_MS);
    this.changed.fire();
  }
}
