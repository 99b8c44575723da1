/**
 * Tests inside VS Code's extension host, where the text of documents is exact.
 *
 * Owns the hard cases of editing. Each marks the cursor with a bar. What the server's model writes
 * is put into its script; what is shown is taken, and the text that comes of it compared.
 */

const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");

const SCRIPT = process.env.STATELINE_SCRIPT;
const STREAM = "stateline/streamInlineCompletion";
const DEADLINE_MS = 30_000;
const LOOK_MS = 20;
const tests = new Map();
const test = (name, run) => tests.set(name, run);
const run = (command, ...args) => vscode.commands.executeCommand(command, ...args);
let files = 0;

async function until(condition, what) {
  const deadline = Date.now() + DEADLINE_MS;
  while (Date.now() < deadline) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`There was no ${typeof what === "function" ? what() : what}.`);
}

/** What the model writes: what has to stand before the cursor, then the pieces. */
function writes(...lines) {
  fs.rmSync(path.join(SCRIPT, "go"), { force: true });
  fs.writeFileSync(path.join(SCRIPT, "script.json"), JSON.stringify(lines));
}

const letGo = () => fs.writeFileSync(path.join(SCRIPT, "go"), ".");

function received(method) {
  const lines = fs.readFileSync(path.join(SCRIPT, "received.jsonl"), "utf8").split("\n");
  const messages = lines.filter((line) => line.endsWith("}")).map((line) => JSON.parse(line));
  return messages.filter((message) => message.method === method).map((message) => message.params);
}

/** A new file with this text, shown, with the cursor at the bar; without one, at the end. */
async function open(marked, name = `case${++files}.py`) {
  const file = path.join(vscode.workspace.workspaceFolders[0].uri.fsPath, name);
  fs.writeFileSync(file, marked.replace("|", ""));
  return show(await vscode.workspace.openTextDocument(vscode.Uri.file(file)), marked);
}

async function show(document, marked, options) {
  const editor = await vscode.window.showTextDocument(document, { preview: false, ...options });
  const offset = marked.includes("|") ? marked.indexOf("|") : document.getText().length;
  const place = document.positionAt(offset);
  editor.selection = new vscode.Selection(place, place);
  // VS Code makes what asks for ghost text when it has time, or when it is told to; of nobody here.
  await run("editor.action.inlineSuggest.trigger", { explicit: false, providerId: "nobody:*" });
  return editor;
}

const type = (text) => run("type", { text });
const extension = () => vscode.extensions.getExtension("stateline.stateline").exports;

/** Wait for a request that was sent since, at the place where the cursor is. */
async function asked(since = 0) {
  await until(() => received(STREAM).length > since, "request");
}

/** Whether VS Code has the whole of what was written; before, part of it would be taken. */
const isWhole = () => {
  const { current } = extension().ghost;
  return current !== undefined && current.stream.done && !current.hasGrown;
};

/** Take the ghost text once it is there, and whole. */
async function take(editor, expected) {
  const seen = () => JSON.stringify(editor.document.getText());
  await until(
    async () => {
      if (editor.document.getText() === expected) return true;
      if (isWhole()) await run("editor.action.inlineSuggest.commit");
      return editor.document.getText() === expected;
    },
    () => `${JSON.stringify(expected)}, but ${seen()}`,
  );
}

test("takes a suggestion in the middle of auto-closed brackets", async () => {
  writes(["def add(", ["a, b):\n", "    return a + b\n"]]);
  const editor = await open("");
  await type("def add(");
  await take(editor, "def add(a, b):\n    return a + b");
});

test("keeps the line ends of a CRLF file", async () => {
  writes(["def f():", ["\n    x = 1\n", "    return x\n"]]);
  const editor = await open("a = 1\r\ndef f()|\r\nb = 2\r\n");
  await type(":");
  await take(editor, "a = 1\r\ndef f():\r\n    x = 1\r\n    return x\r\nb = 2\r\n");
});

test("keeps tabs", async () => {
  writes(["def f():", ["\n\t\tx = 1\n", "\t\treturn x\n"]]);
  const editor = await open("class A:\n\tdef f()|");
  await type(":");
  await take(editor, "class A:\n\tdef f():\n\t\tx = 1\n\t\treturn x");
});

test("counts emoji and combining characters as VS Code does", async () => {
  writes(["+ ", ["naïve('👩‍🚀')\n"]]);
  const editor = await open("x = '👩‍🚀 e\u0301 漢' +|");
  await type(" ");
  await take(editor, "x = '👩‍🚀 e\u0301 漢' + naïve('👩‍🚀')");
});

test("takes several lines in the middle of a line", async () => {
  writes(["rows = [", ["\n    1,\n", "    2,\n", "]\n"]]);
  const editor = await open("rows =|");
  await type(" [");
  await take(editor, "rows = [\n    1,\n    2,\n]");
});

test("undo right after taking brings back what was typed", async () => {
  writes(["def add(", ["a, b):\n", "    return a + b\n"]]);
  const editor = await open("");
  await type("def add(");
  await take(editor, "def add(a, b):\n    return a + b");
  await run("undo");
  if (editor.document.getText() !== "def add()") throw new Error(editor.document.getText());
});

test("extends what the suggest widget has selected", async () => {
  writes(["print_all", ["(rows)\n"]]);
  const provider = {
    provideCompletionItems: () => [new vscode.CompletionItem("print_all")],
  };
  const registered = vscode.languages.registerCompletionItemProvider("python", provider);
  const editor = await open("");
  await type("pri");
  await run("editor.action.triggerSuggest");
  const selected = () =>
    received(STREAM).some(({ context }) => context.selectedCompletionInfo?.text === "print_all");
  await until(selected, "request with what is selected");
  await take(editor, "print_all(rows)").finally(() => registered.dispose());
});

test("does no harm with several cursors", async () => {
  writes(["x =", [" 1\n"]]);
  const editor = await open("\n");
  const [first, second] = [0, 1].map((line) => new vscode.Position(line, 0));
  editor.selections = [new vscode.Selection(first, first), new vscode.Selection(second, second)];
  await type("x =");
  await until(async () => {
    await run("editor.action.inlineSuggest.commit");
    return ["x = 1\nx = 1", "x = 1\nx ="].includes(editor.document.getText());
  }, () => `line that was taken, but ${editor.document.getText()}`);
});

test("works in two editors on one document", async () => {
  writes(["x =", [" 1\n"]], ["y =", [" 2\n"]]);
  const left = await open("\n");
  await type("x =");
  const right = await show(left.document, "", { viewColumn: vscode.ViewColumn.Beside });
  await type("\ny =");
  await take(right, `${left.document.getText().split("y =")[0]}y = 2`);
  await run("workbench.action.closeActiveEditor");
});

test("works in an untitled file", async () => {
  writes(["x =", [" 1\n"]]);
  const document = await vscode.workspace.openTextDocument({ language: "python", content: "" });
  const editor = await show(document, "");
  await type("x =");
  await take(editor, "x = 1");
});

test("works in a very long line", async () => {
  writes(["+ ", ["1\n"]]);
  const long = `x = ${"a + ".repeat(10_000)}b +`;
  const editor = await open(long);
  await type(" ");
  await take(editor, `${long} 1`);
});

test("works in a file that was deleted on the disk", async () => {
  writes(["x =", [" 1\n"]]);
  const editor = await open("");
  await type("# kept\n");
  fs.rmSync(editor.document.uri.fsPath);
  await type("x =");
  await take(editor, "# kept\nx = 1");
});

test("survives a rename while a request runs", async () => {
  writes(["x =", [" 1\n", null]], ["y =", [null, " 2\n"]]);
  const before = received(STREAM).length;
  const editor = await open("");
  await type("y =");
  await asked(before);
  const edit = new vscode.WorkspaceEdit();
  const renamed = vscode.Uri.joinPath(editor.document.uri, "..", `renamed${files}.py`);
  edit.renameFile(editor.document.uri, renamed);
  await vscode.workspace.applyEdit(edit);
  letGo();
  const now = await show(await vscode.workspace.openTextDocument(renamed), "");
  await type("\nx =");
  await take(now, "y =\nx = 1");
});

test("survives that a document is closed while a request runs", async () => {
  writes(["x =", [" 1\n"]], ["y =", [null, " 2\n"]]);
  const before = received(STREAM).length;
  await open("");
  await type("y =");
  await asked(before);
  await run("workbench.action.revertAndCloseActiveEditor");
  letGo();
  const editor = await open("");
  await type("x =");
  await take(editor, "x = 1");
});

test("works in a notebook's cell", async () => {
  writes(["x =", [" 1\n"]]);
  const cell = new vscode.NotebookCellData(vscode.NotebookCellKind.Code, "", "python");
  const data = new vscode.NotebookData([cell]);
  const notebook = await vscode.workspace.openNotebookDocument("jupyter-notebook", data);
  await vscode.window.showNotebookDocument(notebook);
  await run("notebook.cell.edit");
  const { document } = notebook.cellAt(0);
  await until(() => vscode.window.activeTextEditor?.document === document, "cell's editor");
  await type("x =");
  await take(vscode.window.activeTextEditor, "x = 1");
});

test("tells the server about workspace folders that come and go", async () => {
  const folders = vscode.workspace.workspaceFolders;
  const [first] = received("initialize");
  if (first.workspaceFolders.length !== 2) throw new Error("two folders were opened");
  const uri = vscode.Uri.joinPath(folders[0].uri, "..", "third");
  fs.mkdirSync(uri.fsPath);
  vscode.workspace.updateWorkspaceFolders(folders.length, 0, { uri });
  await until(() => received("workspace/didChangeWorkspaceFolders").length > 0, "change");
});

test("takes no server's command from a folder that is not trusted", async () => {
  const command = vscode.workspace.getConfiguration("stateline").inspect("server.command");
  if (vscode.workspace.isTrusted) throw new Error("It is trusted.");
  const { argv } = extension().server;
  if (argv.includes("/not/trusted")) throw new Error(JSON.stringify(command));
});

test("is answered once where text cannot grow", async () => {
  const { ghost } = extension();
  writes(["x =", [" 1\n"]]);
  const before = received(STREAM).length;
  ghost.grows = false;
  try {
    const editor = await open("");
    await type("x =");
    await take(editor, "x = 1");
  } finally {
    ghost.grows = true;
  }
  if (received(STREAM).length !== before) throw new Error("It asked for a stream.");
  if (received("textDocument/inlineCompletion").length === 0) throw new Error("It never asked.");
});

exports.run = async () => {
  const errors = [];
  process.on("unhandledRejection", (error) => errors.push(String(error?.stack ?? error)));
  await vscode.extensions.getExtension("stateline.stateline").activate();
  for (const [name, body] of tests) {
    errors.length = 0;
    let failure = await body().then(() => "", (error) => error.stack ?? String(error));
    failure ||= errors.filter((error) => error.includes("stateline")).join("\n");
    fs.appendFileSync(process.env.STATELINE_RESULTS, `${JSON.stringify([name, failure])}\n`);
  }
};
