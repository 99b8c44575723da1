/**
 * One request to the server for ghost text, and its answer as items.
 *
 * Owns the two methods there are for it, and how their answers become `Item`s. Knows nothing of
 * when to ask, and of what is shown.
 */

import type * as vscode from "vscode";
import {
  type InlineCompletionItem,
  type InlineCompletionList,
  type LanguageClient,
  ProgressType,
} from "vscode-languageclient/node";
import type { Item, Place } from "./stream.ts";

const PARTIAL = new ProgressType<InlineCompletionList>();
let requests = 0;

export interface Question {
  readonly document: vscode.TextDocument;
  readonly position: vscode.Position;
  readonly context: vscode.InlineCompletionContext;
}

type Answer = InlineCompletionItem[] | InlineCompletionList | null;

/** Ask for a growing answer; `tell` gets it as it stands, each time whole. */
export async function askForStream(
  client: LanguageClient,
  question: Question,
  tell: (items: Item[]) => void,
  token: vscode.CancellationToken,
): Promise<void> {
  const partialResultToken = `stateline/ghost${++requests}`;
  const params = { ...paramsOf(client, question), partialResultToken };
  const told = (answer: Answer) => {
    if (answer) tell(itemsOf(answer, question.position)); // null: what was told may still fit
  };
  const listening = client.onProgress(PARTIAL, partialResultToken, told);
  try {
    told(await client.sendRequest<Answer>("stateline/streamInlineCompletion", params, token));
  } finally {
    listening.dispose();
  }
}

/** Ask for an answer in one piece. */
export async function askOnce(
  client: LanguageClient,
  question: Question,
  tell: (items: Item[]) => void,
  token: vscode.CancellationToken,
): Promise<void> {
  const params = paramsOf(client, question);
  const answer = await client.sendRequest<Answer>("textDocument/inlineCompletion", params, token);
  if (answer) tell(itemsOf(answer, question.position));
}

function paramsOf(client: LanguageClient, { document, position, context }: Question) {
  return client.code2ProtocolConverter.asInlineCompletionParams(document, position, context);
}

function itemsOf(answer: InlineCompletionItem[] | InlineCompletionList, cursor: Place): Item[] {
  const items = Array.isArray(answer) ? answer : answer.items;
  return items.map(({ insertText, range, command }) => ({
    insertText: typeof insertText === "string" ? insertText : insertText.value,
    start: range?.start ?? cursor,
    end: range?.end ?? cursor,
    command,
  }));
}
