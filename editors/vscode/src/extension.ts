/**
 * The extension's door: owns what is made when VS Code starts it, and the commands.
 *
 * Knows no more of the parts than what ties them together.
 */

import * as vscode from "vscode";
import { ACCEPTED, Ghost } from "./ghost.ts";
import { install } from "./installation.ts";
import { look, type Situation } from "./look.ts";
import { showMenu, SNOOZE_MINUTES } from "./menu.ts";
import { Server } from "./server.ts";
import { activeLanguage, concernsServer, trigger } from "./settings.ts";
import { Snooze } from "./snooze.ts";
import { Statistics } from "./statistics.ts";
import { StatusBar } from "./statusbar.ts";
import { canGrow } from "./versions.ts";

const SETTLE_MS = 300; // after a change of settings; who types a number changes it several times
const SERVER_COMMAND = "stateline.server.command";
const WALKTHROUGH = "stateline.stateline#start";
const OFFERED = "offered";
let server: Server | undefined;

/** Gives its parts to our own tests, and to nobody else. */
export async function activate(context: vscode.ExtensionContext): Promise<unknown> {
  const log = vscode.window.createOutputChannel("Stateline", { log: true });
  const environment = vscode.Uri.joinPath(context.globalStorageUri, "environment").fsPath;
  const parts = new Parts(log, environment);
  server = parts.server;
  context.subscriptions.push(log, parts, ...parts.commands());
  await parts.server.restart();
  if (parts.server.state.is === "missing" && !context.globalState.get(OFFERED)) {
    await context.globalState.update(OFFERED, true); // the status bar goes on saying so
    void parts.offerInstallation();
  }
  return context.extensionMode === vscode.ExtensionMode.Test ? parts : undefined;
}

export async function deactivate(): Promise<void> {
  await server?.stop({ is: "off" });
}

class Parts implements vscode.Disposable {
  readonly server: Server;
  private readonly snooze = new Snooze();
  private readonly statusBar = new StatusBar("stateline.menu");
  readonly ghost: Ghost;
  private readonly statistics: Statistics;
  private readonly listening: vscode.Disposable[];
  private settling: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: vscode.LogOutputChannel,
    private readonly environment: string,
  ) {
    this.server = new Server(log, environment);
    const snoozing = () => this.snooze.leftMs > 0;
    this.ghost = new Ghost(this.server, snoozing, canGrow(vscode.version));
    this.statistics = new Statistics(this.server);
    const draw = () => this.draw();
    this.listening = [
      this.server.onDidChange(draw),
      this.snooze.onDidChange(draw),
      vscode.window.onDidChangeActiveTextEditor(draw),
      vscode.workspace.onDidChangeConfiguration((event) => this.configured(event)),
    ];
    draw();
  }

  commands(): vscode.Disposable[] {
    const commands: Record<string, (...args: never[]) => unknown> = {
      "stateline.menu": () => this.showMenu(),
      "stateline.restart": () => this.server.restart(),
      "stateline.install": () => this.install(),
      "stateline.snooze": () => this.beginSnooze(),
      "stateline.cancelSnooze": () => this.snooze.end(),
      "stateline.showStatistics": () => this.statistics.show(),
      "stateline.showLog": () => this.log.show(),
      "stateline.dismiss": () => this.ghost.dismissed(),
      [ACCEPTED]: this.ghost.accepted.bind(this.ghost),
    };
    const register = vscode.commands.registerCommand;
    return Object.entries(commands).map(([name, run]) => register(name, run));
  }

  async offerInstallation(): Promise<void> {
    const message = "Stateline needs its server, a Python program, which was not found here.";
    const actions = ["Install…", "Name It…", "More"] as const;
    const chosen = await vscode.window.showInformationMessage(message, ...actions);
    const run = vscode.commands.executeCommand;
    if (chosen === "Install…") await this.install();
    if (chosen === "Name It…") await run("workbench.action.openSettings", SERVER_COMMAND);
    if (chosen === "More") await run("workbench.action.openWalkthrough", WALKTHROUGH);
  }

  dispose(): void {
    clearTimeout(this.settling);
    const { ghost, statistics, statusBar, snooze, server: server_ } = this;
    const all = [...this.listening, ghost, statistics, statusBar, snooze, server_];
    for (const part of all) part.dispose();
  }

  private async install(): Promise<void> {
    const begun = () => this.server.stop({ is: "installing" });
    if (await install(this.environment, this.log, begun)) await this.server.restart();
  }

  private async beginSnooze(): Promise<void> {
    this.snooze.begin(SNOOZE_MINUTES);
    await this.ghost.dismissed();
  }

  private draw(): void {
    this.statusBar.draw(this.situation());
    const found = this.server.argv.length > 0; // ticks off the walkthrough's first step
    void vscode.commands.executeCommand("setContext", "stateline.found", found);
  }

  private situation(): Situation {
    const language = activeLanguage();
    const silent = language !== undefined && !this.server.languages.includes(language);
    return {
      server: this.server.state,
      silentLanguage: silent ? language : "",
      snoozedMs: this.snooze.leftMs,
      onlyWhenAsked: trigger() === "manual",
    };
  }

  private showMenu(): Promise<void> {
    const language = activeLanguage();
    const { state } = this.server;
    const help = state.is === "running" ? state.told.command : undefined;
    return showMenu({
      server: state,
      tooltip: look(this.situation()).tooltip,
      language,
      languageIsOn: language !== undefined && this.server.languages.includes(language),
      snoozing: this.snooze.leftMs > 0,
      runServerCommand: () => help && this.server.execute(help),
    });
  }

  private configured(event: vscode.ConfigurationChangeEvent): void {
    this.draw();
    const switched = (trigger() === "off") !== (this.server.state.is === "off");
    if (!switched && !concernsServer(event)) return;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => void this.server.restart(), SETTLE_MS);
  }
}
