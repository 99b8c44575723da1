/**
 * Where the server is: owns the order in which it is looked for.
 *
 * The setting, then `stateline` on the PATH, then the environment that this extension has made.
 * Knows no VS Code.
 */

import { accessSync, constants, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";

export type Location = { argv: string[] } | { problem: string } | undefined;

const WINDOWS = process.platform === "win32";
const ENDINGS = WINDOWS ? [".exe"] : [""];

export function locate(setting: unknown, path: string, environment: string): Location {
  const argv = (Array.isArray(setting) ? setting : [setting]).map((part) => String(part ?? ""));
  const [program = "", ...rest] = argv;
  if (program !== "") {
    const named = resolve(program, path);
    if (named !== undefined) return { argv: [named, ...rest] };
    return {
      problem: `The setting stateline.server.command names ${program}, which is no program here.`,
    };
  }
  const found = resolve("stateline", path) ?? resolve(join(bin(environment), "stateline"), path);
  return found === undefined ? undefined : { argv: [found] };
}

/** The folder of an environment's programs. */
export function bin(environment: string): string {
  return join(environment, WINDOWS ? "Scripts" : "bin");
}

/** The file that a program's name stands for. */
export function resolve(program: string, path: string): string | undefined {
  const name = program.replace(/^~(?=[/\\])/, homedir());
  if (/[/\\]/.test(name)) return ["", ...ENDINGS].map((end) => name + end).find(isProgram);
  return path
    .split(delimiter)
    .filter(isAbsolute) // others mean the opened folder, which may be anybody's
    .flatMap((folder) => ENDINGS.map((end) => join(folder, name + end)))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
