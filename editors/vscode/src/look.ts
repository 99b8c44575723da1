/**
 * How the status bar item looks: owns every text and icon of it, one for each state.
 *
 * Knows no VS Code, so that every state can be tested.
 */

/** LSP's. */
export interface Command {
  title: string;
  command: string;
  arguments?: unknown[];
}

/** What the server says of itself in `stateline/didChangeStatus`. */
export interface Told {
  readonly busy: boolean;
  readonly message: string;
  readonly kind: "Normal" | "Warning" | "Error" | "Inactive";
  readonly command?: Command;
}

export type ServerState =
  | { readonly is: "off" | "missing" | "installing" | "starting" | "restarting" }
  | { readonly is: "failed"; readonly message: string }
  | { readonly is: "running"; readonly told: Told };

export interface Situation {
  readonly server: ServerState;
  /** The language of the active editor where it gets no suggestions, else empty. */
  readonly silentLanguage: string;
  readonly snoozedMs: number;
  readonly onlyWhenAsked: boolean;
}

export interface Look {
  readonly text: string;
  readonly tooltip: string;
  readonly severity?: "warning" | "error";
}

export function look({ server, silentLanguage, snoozedMs, onlyWhenAsked }: Situation): Look {
  if (server.is !== "running") return lookOfServer(server);
  const { kind, message, busy } = server.told;
  if (kind === "Error") return { text: "$(error) Stateline", tooltip: message, severity: "error" };
  if (busy) return { text: "$(loading~spin) Stateline", tooltip: message };
  if (snoozedMs > 0) return snoozed(snoozedMs);
  if (silentLanguage !== "") {
    return { text: "$(circle-slash) Stateline", tooltip: `Off for ${silentLanguage}` };
  }
  if (kind === "Inactive") return { text: "$(circle-slash) Stateline", tooltip: message };
  if (kind === "Warning") {
    return { text: "$(warning) Stateline", tooltip: message, severity: "warning" };
  }
  const tooltip = onlyWhenAsked ? `${message}; suggests only when asked` : message;
  return { text: "$(sparkle) Stateline", tooltip };
}

function lookOfServer(server: Exclude<ServerState, { is: "running" }>): Look {
  switch (server.is) {
    case "off":
      return { text: "$(circle-slash) Stateline", tooltip: "Off; its server is stopped" };
    case "missing":
      return {
        text: "$(cloud-download) Stateline",
        tooltip: "Stateline's server is not installed; click to install it",
        severity: "warning",
      };
    case "installing":
      return { text: "$(loading~spin) Stateline", tooltip: "Installing the server" };
    case "starting":
      return { text: "$(loading~spin) Stateline", tooltip: "Starting the server" };
    case "restarting":
      return {
        text: "$(sync~spin) Stateline",
        tooltip: "The server has crashed and is started again",
        severity: "warning",
      };
    case "failed":
      return { text: "$(error) Stateline", tooltip: server.message, severity: "error" };
  }
}

function snoozed(leftMs: number): Look {
  const minutes = Math.ceil(leftMs / 60_000);
  return { text: `$(bell-slash) Stateline ${minutes} min`, tooltip: `Silent for ${minutes} min` };
}
