/** The status bar item: owns when it is drawn; look.ts says how it looks. */

import * as vscode from "vscode";
import { look, type Situation } from "./look.ts";

export class StatusBar implements vscode.Disposable {
  private readonly item: vscode.StatusBarItem;

  constructor(command: string) {
    this.item = vscode.window.createStatusBarItem("status", vscode.StatusBarAlignment.Right);
    this.item.name = "Stateline";
    this.item.command = command;
    this.item.show();
  }

  draw(situation: Situation): void {
    const { text, tooltip, severity } = look(situation);
    this.item.text = text;
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: `Stateline: ${tooltip}`, role: "button" };
    this.item.backgroundColor =
      severity && new vscode.ThemeColor(`statusBarItem.${severity}Background`);
  }

  dispose(): void {
    this.item.dispose();
  }
}
