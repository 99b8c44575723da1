/**
 * The menu behind the status bar item: owns which entries there are, and when.
 *
 * Each entry runs a command or changes a setting; what those do is not known here.
 */

import * as vscode from "vscode";
import type { ServerState } from "./look.ts";
import { change, said, saying, settings, trigger } from "./settings.ts";

export const SNOOZE_MINUTES = 5;

export interface Subject {
  readonly server: ServerState;
  readonly tooltip: string;
  /** The active editor's language, and whether it gets suggestions. */
  readonly language: string | undefined;
  readonly languageIsOn: boolean;
  readonly snoozing: boolean;
  readonly runServerCommand: () => unknown;
}

interface Entry extends vscode.QuickPickItem {
  readonly run?: () => unknown;
}

export async function showMenu(subject: Subject): Promise<void> {
  const options = { title: "Stateline", placeHolder: subject.tooltip };
  const chosen = await vscode.window.showQuickPick(entries(subject), options);
  await chosen?.run?.();
}

function entries(subject: Subject): Entry[] {
  return [
    ...remedies(subject),
    ...switches(subject),
    { label: "", kind: vscode.QuickPickItemKind.Separator },
    command("$(graph) Statistics", "stateline.showStatistics"),
    {
      label: "$(package) Model",
      description: settings().get<string>("model") || "the embedded one",
      run: () => openSettings("stateline.model"),
    },
    command("$(debug-restart) Restart the Server", "stateline.restart"),
    command("$(output) Show Log", "stateline.showLog"),
    { label: "$(gear) Settings", run: () => openSettings("@ext:stateline.stateline") },
  ];
}

/** What helps out of the state that the server is in. */
function remedies({ server, runServerCommand }: Subject): Entry[] {
  if (server.is === "missing") {
    return [
      command("$(cloud-download) Install the Server…", "stateline.install"),
      {
        label: "$(folder) Name the Server…",
        run: () => openSettings("stateline.server.command"),
      },
    ];
  }
  const help = server.is === "running" ? server.told.command : undefined;
  return help ? [{ label: `$(wrench) ${help.title}`, run: runServerCommand }] : [];
}

function switches({ language, languageIsOn, snoozing }: Subject): Entry[] {
  if (trigger() === "off") {
    return [
      { label: "$(check) Turn On", run: () => change("trigger", "automatic") },
      { label: "$(keyboard) Turn On, Only When Asked", run: () => change("trigger", "manual") },
    ];
  }
  const manual = trigger() === "manual";
  const entries: Entry[] = [
    { label: "$(circle-slash) Turn Off", run: () => change("trigger", "off") },
    manual
      ? { label: "$(zap) Suggest While Typing", run: () => change("trigger", "automatic") }
      : { label: "$(keyboard) Only When Asked", run: () => change("trigger", "manual") },
    snoozing
      ? command("$(bell) Cancel Snooze", "stateline.cancelSnooze")
      : command(`$(bell-slash) Snooze for ${SNOOZE_MINUTES} Minutes`, "stateline.snooze"),
  ];
  if (language !== undefined) {
    const turn = languageIsOn ? "$(circle-slash) Turn Off" : "$(check) Turn On";
    const label = `${turn} for ${language}`;
    entries.splice(1, 0, { label, run: () => switchLanguage(language, !languageIsOn) });
  }
  return entries;
}

async function switchLanguage(language: string, on: boolean): Promise<void> {
  await change("enable", saying(language, on, said()));
}

function command(label: string, name: string): Entry {
  return { label, run: () => vscode.commands.executeCommand(name) };
}

function openSettings(query: string): Thenable<unknown> {
  return vscode.commands.executeCommand("workbench.action.openSettings", query);
}
