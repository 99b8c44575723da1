/** Typing what a growing answer says: stream.ts, without VS Code. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Stream } from "../src/stream.ts";

const at = (line: number, character: number) => ({ line, character });
const item = (insertText: string, start: number, end: number) => ({
  insertText,
  start: at(0, start),
  end: at(0, end),
});

test("shows what was told, as it was told", () => {
  const stream = new Stream(at(0, 8), "def add(");
  stream.tell([item("a, b):", 8, 9)]);
  assert.deepEqual(stream.rest(), [item("a, b):", 8, 9)]);
});

test("says whether it was told more, for looking again in vain would cost the user's place", () => {
  const stream = new Stream(at(0, 0), "");
  assert.ok(stream.tell([item("a", 0, 0)]));
  assert.ok(!stream.tell([item("a", 0, 0)]));
  assert.ok(stream.tell([item("ab", 0, 0)]));
});

test("leaves out what was typed, and still covers what stood behind", () => {
  const stream = new Stream(at(0, 8), "def add(");
  stream.tell([item("a, b):", 8, 9)]);
  assert.ok(stream.type(at(0, 8), "a, "));
  assert.deepEqual(stream.rest(), [item("b):", 11, 12)]);
});

test("goes on in the next line", () => {
  const stream = new Stream(at(0, 2), "if");
  stream.tell([item(" x:\r\n    y", 2, 2)]);
  assert.ok(stream.type(at(0, 2), " x:\r\n    "));
  assert.deepEqual(stream.at, at(1, 4));
  assert.equal(stream.rest()[0]?.insertText, "y");
});

test("keeps only what begins with what was typed", () => {
  const stream = new Stream(at(0, 0), "");
  stream.tell([item("one", 0, 0), item("two", 0, 0)]);
  assert.ok(stream.type(at(0, 0), "t"));
  assert.deepEqual(stream.rest(), [item("wo", 1, 1)]);
});

test("counts what a range has before the cursor as typed", () => {
  const stream = new Stream(at(0, 3), "pri");
  stream.tell([item("print(x)", 0, 3)]);
  assert.ok(stream.type(at(0, 3), "nt"));
  assert.deepEqual(stream.rest(), [item("(x)", 5, 5)]);
});

test("waits for who types faster than it is written, until it ends", () => {
  const stream = new Stream(at(0, 0), "");
  stream.tell([item("a", 0, 0)]);
  assert.ok(stream.type(at(0, 0), "ab"));
  assert.deepEqual(stream.rest(), []);
  stream.tell([item("abc", 0, 0)]);
  assert.deepEqual(stream.rest(), [item("c", 2, 2)]);
  stream.end();
  assert.ok(!stream.type(at(0, 2), "c"), "nothing is left");
});

test("does not fit another text, or another place", () => {
  const stream = new Stream(at(0, 0), "");
  stream.tell([item("abc", 0, 0)]);
  assert.ok(!stream.type(at(0, 1), "b"));
  assert.ok(!stream.type(at(0, 0), "x"));
});

test("has begun with the first text, or with the end", async () => {
  const told = new Stream(at(0, 0), "");
  told.tell([]);
  told.tell([item("a", 0, 0)]);
  await told.begun();
  const ended = new Stream(at(0, 0), "");
  ended.end();
  await ended.begun();
});
