"""Where things are on VS Code's screen: functions that the page runs.

Owns VS Code's class names and ids. Each constant is a JavaScript function, ROWS an expression.
"""

# What the functions for text have in common: the drawn lines of the editor, top to bottom.
LINES = """
  const text = (node) => node.textContent.replaceAll("\\u00a0", " ").replaceAll("\\u200b", "");
  const top = (node) => node.getBoundingClientRect().top;
  const editor = document.querySelector(".editor-group-container.active .monaco-editor");
  const lines = [...(editor?.querySelectorAll(".view-line") ?? [])].sort((a, b) => top(a) - top(b));
  const isGhost = (node) => node.closest("[class*=ghost-text]") !== null;
"""
SCREEN = f"() => {{ {LINES} return lines.map(text); }}"
GHOST = f"""() => {{ {LINES}
  const ghosts = (line) => [...line.querySelectorAll("[class*=ghost-text]")];
  return lines.map((line) => isGhost(line) ? [line] : ghosts(line))
    .filter((parts) => parts.length > 0).map((parts) => parts.map(text).join("")).join("\\n"); }}"""
ROWS = "document.querySelectorAll('.quick-input-widget .monaco-list-row')"
MENU_IS_AWAY = """() =>
  !(document.querySelector(".quick-input-widget")?.checkVisibility() ?? false)"""
STATUS_ITEM = '[id="stateline.stateline.status"]'
EDITING = """(name) => document.querySelector(".tab.active")?.textContent.includes(name)
  && document.activeElement.closest(".editor-group-container.active .monaco-editor")"""
BUTTON = """(name) => [...document.querySelectorAll(".notifications-toasts .monaco-button, \
.monaco-dialog-box .monaco-button")].find((button) => button.textContent === name)"""
WATCH = f"""() => {{
  const look = {GHOST};
  window.seen = [look()];
  window.watching = true;
  const note = () => {{
    if (look() !== window.seen.at(-1)) window.seen.push(look());
    if (window.watching) requestAnimationFrame(note);
  }};
  requestAnimationFrame(note);
}}"""
STATUS = (
    """() => document.getElementById("stateline.stateline.status")?.getAttribute("aria-label")"""
)
STOP_WATCHING = "() => { window.watching = false; return window.seen; }"
