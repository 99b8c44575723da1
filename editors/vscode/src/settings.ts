/**
 * The user's settings: owns their names, and what of them the server gets.
 *
 * Knows nothing of what they do.
 */

import * as vscode from "vscode";

export type Trigger = "automatic" | "manual" | "off";

/** Settings that the server takes under the same name; see docs/settings.md. */
const FOR_SERVER = [
  "model",
  "confidence",
  "multiLine",
  "memoryMiB",
  "workspaceTokens",
  "exclude",
  "threads",
  "priority",
] as const;
/** What Stateline knows by name; which of these its model knows, the server says. */
const USUAL = ["javascript", "javascriptreact", "python", "typescript", "typescriptreact"];
const SCHEMES = ["file", "untitled", "vscode-remote", "vscode-notebook-cell"];

export function settings(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration("stateline");
}

export function trigger(): Trigger {
  return settings().get<Trigger>("trigger", "automatic");
}

/** Where to complete, as far as the user has said it. */
function enable(): Record<string, boolean> {
  return settings().get<Record<string, boolean>>("enable", {});
}

/** The languages to ask the server in: "*" stands for all that are not named. */
export async function languages(): Promise<string[]> {
  const said = enable();
  const others = said["*"] ? await vscode.languages.getLanguages() : USUAL;
  const known = [...(said["*"] === false ? [] : others), ...Object.keys(said)];
  const wanted = known.filter((language) => language !== "*" && (said[language] ?? true));
  return [...new Set(wanted)].sort();
}

export function selector(languageIds: readonly string[]): { scheme: string; language: string }[] {
  return SCHEMES.flatMap((scheme) => languageIds.map((language) => ({ scheme, language })));
}

/** The language of the editor that is worked in; none where there is nothing to complete. */
export function activeLanguage(): string | undefined {
  const document = vscode.window.activeTextEditor?.document;
  return document && SCHEMES.includes(document.uri.scheme) ? document.languageId : undefined;
}

/** LSP's `initializationOptions`. Of languages the server decides where the user has not. */
export function initializationOptions(languageIds: readonly string[]): Record<string, unknown> {
  const all = settings();
  const values = FOR_SERVER.map((name) => [name, all.get(name)] as const);
  const chosen = Object.keys(enable()).length > 0 ? languageIds : [];
  return { ...Object.fromEntries(values), languages: chosen };
}

/** Whether a change of settings is one that the server learns only when it starts. */
export function concernsServer(event: vscode.ConfigurationChangeEvent): boolean {
  const names = [...FOR_SERVER, "enable", "server.command", "logLevel"];
  return names.some((name) => event.affectsConfiguration(`stateline.${name}`));
}

/** Change a setting where it is set: in the workspace if that says something, else for the user. */
export async function change(name: string, value: unknown): Promise<void> {
  const where = settings().inspect(name)?.workspaceValue !== undefined;
  const target = where ? vscode.ConfigurationTarget.Workspace : vscode.ConfigurationTarget.Global;
  await settings().update(name, value, target);
}
