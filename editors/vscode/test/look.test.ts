/** Every state of the status bar item: look.ts, without VS Code. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { look, type Situation, type Told } from "../src/look.ts";
import { canGrow } from "../src/versions.ts";

const told: Told = { busy: false, message: "Ready", kind: "Normal" };
const usual = { silentLanguage: "", snoozedMs: 0, onlyWhenAsked: false };
const running = (more: Partial<Told> = {}, rest: Partial<Situation> = {}): Situation => ({
  ...usual,
  ...rest,
  server: { is: "running", told: { ...told, ...more } },
});

test("each state has an icon and a sentence of its own", () => {
  const states = ["off", "missing", "installing", "starting", "restarting"] as const;
  const looks = states.map((is) => look({ ...usual, server: { is } }));
  assert.equal(new Set(looks.map(({ tooltip }) => tooltip)).size, states.length);
  for (const { text } of looks) assert.match(text, /^\$\([\w~-]+\) Stateline/);
});

test("what is wrong comes before all else", () => {
  const error = running({ kind: "Error", message: "No model", busy: true }, { snoozedMs: 1 });
  assert.deepEqual(look(error), {
    text: "$(error) Stateline",
    tooltip: "No model",
    severity: "error",
  });
});

test("snoozed minutes are counted up, for the last of them is not over", () => {
  assert.match(look(running({}, { snoozedMs: 60_001 })).text, /2 min$/);
  assert.match(look(running({}, { snoozedMs: 60_000 })).text, /1 min$/);
});

test("silence has a reason", () => {
  assert.equal(look(running({}, { silentLanguage: "css" })).tooltip, "Off for css");
  const inactive = look(running({ kind: "Inactive", message: "It may hold secrets" }));
  assert.equal(inactive.tooltip, "It may hold secrets");
  assert.match(look(running({}, { onlyWhenAsked: true })).tooltip, /only when asked/);
});

test("text grows since VS Code 1.106", () => {
  for (const version of ["1.91.0", "1.105.1", "0.200.0"]) assert.ok(!canGrow(version), version);
  for (const version of ["1.106.0", "1.139.1-insider", "2.0.0"]) {
    assert.ok(canGrow(version), version);
  }
});
