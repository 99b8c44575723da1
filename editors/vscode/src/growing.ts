/**
 * Makes VS Code ask again for ghost text that has grown, with its stable API.
 *
 * The API has no way to say "there is more now": `onDidChange` of an inline completion provider is
 * proposed API, which published extensions may not use. And VS Code takes a request for the same
 * text, place and providers as answered by the last one. So the provider is registered once more,
 * which makes the providers different, and VS Code is told to ask. What makes it free of flicker:
 *
 * - The new registration comes before the old one is disposed of, so that at no moment there is no
 *   provider of ours; VS Code drops the ghost text of providers that are gone.
 * - `explicit: false` keeps the request an automatic one: an explicit one leaves the old text on
 *   top and adds the new one below it.
 * - `providerId` makes it ask us and no other extension.
 *
 * The command takes these two arguments since VS Code 1.106. They are described by its schema but
 * not documented, so a test in a real VS Code watches a ghost grow. Older ones get one answer each.
 *
 * Knows nothing of what is provided.
 */

import * as vscode from "vscode";

const TRIGGER = "editor.action.inlineSuggest.trigger";
const PROVIDER_ID = "stateline.stateline:*"; // publisher.name:group, with any group

export class Growing implements vscode.Disposable {
  private registration: vscode.Disposable;
  private readonly selector: vscode.DocumentSelector;
  private readonly provider: vscode.InlineCompletionItemProvider;

  constructor(selector: vscode.DocumentSelector, provider: vscode.InlineCompletionItemProvider) {
    this.selector = selector;
    this.provider = provider;
    this.registration = this.register();
  }

  /** Have the provider asked again where the cursor is. */
  again(): void {
    const old = this.registration;
    this.registration = this.register();
    old.dispose();
    void vscode.commands.executeCommand(TRIGGER, { explicit: false, providerId: PROVIDER_ID });
  }

  dispose(): void {
    this.registration.dispose();
  }

  private register(): vscode.Disposable {
    return vscode.languages.registerInlineCompletionItemProvider(this.selector, this.provider);
  }
}
