/**
 * Ghost text: VS Code asks here, and what the server is writing is handed on.
 *
 * Owns the one stream in progress: when it is begun, goes on, and is given up. Knows neither how
 * VS Code is made to ask again (growing.ts) nor how an answer is shifted (stream.ts), and decides
 * nothing about what is worth showing: that is the server's.
 */

import * as vscode from "vscode";
import type { Command } from "vscode-languageclient/node";
import { Growing } from "./growing.ts";
import { askForStream, askOnce, type Question } from "./request.ts";
import type { Server } from "./server.ts";
import { selector, trigger } from "./settings.ts";
import { after, type Item, samePlace, Stream } from "./stream.ts";

/** The command that VS Code runs after it has inserted one of our items. */
export const ACCEPTED = "stateline.accepted";
const GROW_MS = 60; // between two looks; VS Code takes 50 to 90 ms for one

interface Current extends Question {
  readonly stream: Stream;
  readonly cancel: vscode.CancellationTokenSource;
  /** Whether the server has said more since VS Code looked last. */
  hasGrown: boolean;
}

export class Ghost implements vscode.InlineCompletionItemProvider, vscode.Disposable {
  private current: Current | undefined;
  private growing: Growing | undefined;
  private keysKnow = false;
  private growth: NodeJS.Timeout | undefined;
  /** Where somebody typed or waited while no server was there. */
  private unheard: { document: vscode.TextDocument; line: number } | undefined;
  private readonly disposables: vscode.Disposable[];

  /** `grows`: whether ghost text is drawn before it is complete. */
  constructor(
    private readonly server: Server,
    private readonly silent: () => boolean,
    private grows: boolean,
  ) {
    this.disposables = [
      server.onDidChange(() => this.follow()),
      vscode.workspace.onDidChangeTextDocument((event) => this.edited(event)),
      vscode.workspace.onDidCloseTextDocument((document) => this.left(document)),
      vscode.window.onDidChangeActiveTextEditor(() => this.drop()),
      vscode.window.onDidChangeTextEditorSelection(() => this.stands() || this.drop()),
    ];
  }

  async provideInlineCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[]> {
    const question = { document, position, context };
    const current = this.continued(question) ?? this.ask(question);
    if (current === undefined) return [];
    const cancelling = token.onCancellationRequested(() => this.drop(current));
    await current.stream.begun();
    cancelling.dispose();
    if (token.isCancellationRequested) return [];
    current.hasGrown = false;
    return current.stream.rest().map(asItem);
  }

  /** The user accepted an item that carried this command of the server. */
  async accepted(command: Command | undefined): Promise<void> {
    this.drop();
    if (command !== undefined) {
      await this.server.execute(command).catch(() => undefined); // it recognises its text as well
    }
  }

  /** The user wants it away. VS Code does not tell, and what grows next would bring it back. */
  async dismissed(): Promise<void> {
    this.drop();
    await vscode.commands.executeCommand("editor.action.inlineSuggest.hide");
  }

  /** Give up what is being written, if it is this. */
  drop(which = this.current): void {
    if (which === undefined || which !== this.current) return;
    this.current = undefined;
    clearTimeout(this.growth);
    this.growth = undefined;
    which.cancel.cancel();
    which.stream.end();
    this.tellKeys(false);
  }

  dispose(): void {
    this.drop();
    this.growing?.dispose();
    for (const disposable of this.disposables) disposable.dispose();
  }

  /** Be asked in the languages that the server completes in, while it runs. */
  private follow(): void {
    const runs = this.server.connection !== undefined;
    if (runs === (this.growing !== undefined)) return;
    const { current, unheard } = this;
    this.drop();
    this.growing?.dispose();
    this.growing = runs ? new Growing(selector(this.server.languages), this) : undefined;
    if (unheard && onlyCursor(unheard.document)?.line === unheard.line) this.growing?.again();
    this.unheard = current && { document: current.document, line: current.stream.at.line };
  }

  private continued(question: Question): Current | undefined {
    const { document, position, context } = question;
    const { current } = this;
    if (current?.document !== document || !samePlace(current.stream.at, position)) return undefined;
    // Who asks gets more than who does not; what was asked for may be looked at again unasked.
    if (isInvoked(question) && !isInvoked(current)) return undefined;
    if (!sameSelected(context, current.context)) return undefined;
    const { stream } = current;
    return !stream.done || stream.rest().length > 0 ? current : undefined;
  }

  private ask(question: Question): Current | undefined {
    this.drop();
    const { document, position } = question;
    if (!isInvoked(question) && (trigger() !== "automatic" || this.silent())) return undefined;
    const left = document.getText(new vscode.Range(position.with({ character: 0 }), position));
    const stream = new Stream(position, left);
    const cancel = new vscode.CancellationTokenSource();
    const current = { ...question, stream, cancel, hasGrown: false };
    this.current = current;
    void this.listen(current);
    return current;
  }

  private async listen(current: Current): Promise<void> {
    const { stream, cancel } = current;
    const client = this.server.connection;
    const tell = (items: Item[]) => {
      if (!stream.tell(items) || current !== this.current) return;
      current.hasGrown = true;
      this.grow();
    };
    try {
      // Who asks gets several, which VS Code numbers as they are when they first come.
      const ask = this.grows && !isInvoked(current) ? askForStream : askOnce;
      if (client) await ask(client, current, tell, cancel.token);
    } catch {
      // Cancelled, or the server is gone: the status bar says which, and nothing is to be shown.
    }
    stream.end();
    cancel.dispose();
    if (current === this.current) this.tellKeys(false);
  }

  /** Have VS Code look again, soon. */
  private grow(): void {
    if (!this.grows) return;
    this.tellKeys(true);
    this.growth ??= setTimeout(() => {
      this.growth = undefined;
      if (this.current?.hasGrown && this.stands()) this.growing?.again();
    }, GROW_MS);
  }

  /** While text grows, the manifest gives the Escape key to `dismissed`. */
  private tellKeys(growing: boolean): void {
    if (growing === this.keysKnow) return;
    this.keysKnow = growing;
    void vscode.commands.executeCommand("setContext", "stateline.growing", growing);
  }

  /** Whether the cursor is where the stream goes on. */
  private stands(): boolean {
    if (this.current === undefined) return false;
    const cursor = onlyCursor(this.current.document);
    return cursor !== undefined && samePlace(cursor, this.current.stream.at);
  }

  private edited({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const { current } = this;
    const [change, ...others] = contentChanges;
    if (change === undefined) return;
    if (this.growing === undefined) {
      this.unheard = { document, line: after(change.range.start, change.text).line };
    }
    if (current?.document !== document) return;
    const typed = change.range.isEmpty && others.length === 0;
    if (!typed || !current.stream.type(change.range.start, change.text)) this.drop();
  }

  private left(document: vscode.TextDocument): void {
    if (document === this.current?.document) this.drop();
  }
}

/** Where the cursor is in the active editor, if that shows the document and has no other. */
function onlyCursor(document: vscode.TextDocument): vscode.Position | undefined {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document !== document) return undefined;
  const [selection, ...others] = editor.selections;
  return selection?.isEmpty && others.length === 0 ? selection.active : undefined;
}

function isInvoked({ context }: Question): boolean {
  return context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke;
}

function asItem({ insertText, start, end, command }: Item): vscode.InlineCompletionItem {
  const range = new vscode.Range(start.line, start.character, end.line, end.character);
  return { insertText, range, command: { title: "", command: ACCEPTED, arguments: [command] } };
}

function sameSelected(
  one: vscode.InlineCompletionContext,
  other: vscode.InlineCompletionContext,
): boolean {
  const a = one.selectedCompletionInfo;
  const b = other.selectedCompletionInfo;
  return a === b || (a?.text === b?.text && !!a && !!b && a.range.isEqual(b.range));
}
