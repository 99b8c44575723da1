/** What this VS Code can do, by its version: owns the one feature that is asked for. */

/** Whether `editor.action.inlineSuggest.trigger` takes arguments: see growing.ts. */
export function canGrow(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  return major > 1 || (major === 1 && minor >= 106);
}
