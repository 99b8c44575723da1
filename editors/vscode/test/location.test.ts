/** Where the server is looked for: location.ts, without VS Code. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { bin, locate } from "../src/location.ts";

const root = mkdtempSync(join(tmpdir(), "stateline-"));

function program(folder: string, name = "stateline"): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, process.platform === "win32" ? `${name}.exe` : name);
  writeFileSync(file, "");
  chmodSync(file, 0o755);
  return file;
}

const environment = join(root, "environment");
const installed = program(bin(environment));
const onPath = program(join(root, "path"));
const path = [join(root, "empty"), join(root, "path")].join(delimiter);

test("the setting comes first, then the PATH, then what was installed", () => {
  const named = program(join(root, "named"), "mine");
  assert.deepEqual(locate(named, path, environment), { argv: [named] });
  assert.deepEqual(locate("", path, environment), { argv: [onPath] });
  assert.deepEqual(locate("", "", environment), { argv: [installed] });
  assert.equal(locate("", "", join(root, "nothing")), undefined);
});

test("the setting may be a list, and a name on the PATH", () => {
  const expected = { argv: [onPath, "--here"] };
  assert.deepEqual(locate(["stateline", "--here"], path, environment), expected);
});

test("a setting that names nothing is a problem, not a reason to look elsewhere", () => {
  const location = locate("/nowhere/stateline", path, environment);
  assert.ok(location && "problem" in location && location.problem.includes("/nowhere/stateline"));
});

test("the opened folder is not on the PATH", () => {
  const { cwd, chdir } = process;
  const before = cwd();
  chdir(join(root, "path"));
  try {
    assert.equal(locate("", [".", ""].join(delimiter), join(root, "nothing")), undefined);
  } finally {
    chdir(before);
  }
});
