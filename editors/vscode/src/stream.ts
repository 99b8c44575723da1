/**
 * One answer of the server while it is written, and what the user has typed of it.
 *
 * Owns how an answer is shifted when its beginning is typed. Knows neither VS Code nor the
 * protocol, so that it can be tested without them. Characters are UTF-16 code units, as in both.
 */

export interface Place {
  readonly line: number;
  readonly character: number;
}

/** Text to put in the place of what stands from `start` to `end` on the cursor's line. */
export interface Item {
  readonly insertText: string;
  readonly start: Place;
  readonly end: Place;
  readonly command?: unknown;
}

export class Stream {
  /** Where the cursor must be for the rest to fit. */
  at: Place;
  done = false;
  private items: readonly Item[] = [];
  private typed = "";
  private wake: () => void = () => {};
  private readonly waited = new Promise<void>((resolve) => (this.wake = resolve));
  private readonly asked: Place;
  private readonly left: string;

  /** `left` is what stands left of the cursor on its line. */
  constructor(asked: Place, left: string) {
    this.asked = this.at = asked;
    this.left = left;
  }

  /** The whole answer as it stands now; it replaces the one before. Whether it says more. */
  tell(items: readonly Item[]): boolean {
    const before = texts(this.items);
    this.items = items;
    if (items.length > 0) this.wake();
    return texts(items) !== before;
  }

  /** Nothing more will come. */
  end(): void {
    this.done = true;
    this.wake();
  }

  /** Done when there is something to show, or never will be. */
  begun(): Promise<void> {
    return this.waited;
  }

  /** The user put `text` at `place`; whether what is written, or will be, can still fit. */
  type(place: Place, text: string): boolean {
    if (!samePlace(place, this.at)) return false;
    this.typed += text;
    this.at = after(place, text);
    return this.items.some((item) => {
      const known = this.known(item);
      if (item.insertText.startsWith(known)) return !this.done || item.insertText !== known;
      return !this.done && known.startsWith(item.insertText);
    });
  }

  /** What is left to show at `at`, best first. */
  rest(): Item[] {
    if (this.typed === "") return [...this.items];
    return this.items.flatMap((item) => {
      const known = this.known(item);
      const insertText = item.insertText.slice(known.length);
      if (insertText === "" || !item.insertText.startsWith(known)) return [];
      // A range lies on the cursor's line, so what was typed is left out rather than covered.
      const covered = item.end.character - this.asked.character;
      const end = { line: this.at.line, character: this.at.character + covered };
      return [{ ...item, insertText, start: this.at, end }];
    });
  }

  /** What of an item's text stands left of the cursor. */
  private known(item: Item): string {
    return this.left.slice(item.start.character) + this.typed;
  }
}

export function samePlace(one: Place, other: Place): boolean {
  return one.line === other.line && one.character === other.character;
}

function texts(items: readonly Item[]): string {
  return JSON.stringify(items.map(({ insertText }) => insertText));
}

/** Where the cursor is after `text` was put at `place`. */
export function after(place: Place, text: string): Place {
  const lines = text.split(/\r\n|\r|\n/);
  const last = lines[lines.length - 1] ?? "";
  if (lines.length === 1) return { line: place.line, character: place.character + last.length };
  return { line: place.line + lines.length - 1, character: last.length };
}
