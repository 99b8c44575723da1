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

/** Where to complete, as far as the user has said it; "*" stands for all that are not named. */
export type Said = Readonly<Record<string, boolean>>;

export function said(): Said {
  return settings().get<Said>("enable", {});
}

/** Whether the server is asked in a language. */
export function isOn(language: string, all: Said): boolean {
  return all[language] ?? all["*"] ?? USUAL.includes(language);
}

/** The languages to ask the server in. */
export async function languages(): Promise<string[]> {
  const all = said();
  const known = [...USUAL, ...Object.keys(all), ...(await vscode.languages.getLanguages())];
  return [...new Set(known)].filter((name) => name !== "*" && isOn(name, all)).sort();
}

/** What is to be said for a language to be on, or off; nothing of it if it is so by itself. */
export function saying(language: string, on: boolean, all: Said): Said {
  const { [language]: _, ...others } = all;
  return isOn(language, others) === on ? others : { ...others, [language]: on };
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
  const chosen = Object.keys(said()).length > 0 ? languageIds : [];
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
