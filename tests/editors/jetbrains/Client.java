// An editor without a screen that talks to a language server as LSP4IJ does, by way of LSP4J.
//
// Owns the document as the platform keeps it (line feeds only, offsets in UTF-16 units), the
// messages of LSP4IJ in their order, and what accepting an inline completion does to the text. Is
// told what to do by JSON lines on stdin, and answers each with one on stdout. Knows no test.

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.eclipse.lsp4j.DidChangeTextDocumentParams;
import org.eclipse.lsp4j.DidCloseTextDocumentParams;
import org.eclipse.lsp4j.DidOpenTextDocumentParams;
import org.eclipse.lsp4j.ExecuteCommandParams;
import org.eclipse.lsp4j.InitializedParams;
import org.eclipse.lsp4j.MessageActionItem;
import org.eclipse.lsp4j.MessageParams;
import org.eclipse.lsp4j.Position;
import org.eclipse.lsp4j.ProgressParams;
import org.eclipse.lsp4j.PublishDiagnosticsParams;
import org.eclipse.lsp4j.Range;
import org.eclipse.lsp4j.ShowMessageRequestParams;
import org.eclipse.lsp4j.TextDocumentContentChangeEvent;
import org.eclipse.lsp4j.TextDocumentIdentifier;
import org.eclipse.lsp4j.TextDocumentItem;
import org.eclipse.lsp4j.VersionedTextDocumentIdentifier;
import org.eclipse.lsp4j.WorkDoneProgressCreateParams;
import org.eclipse.lsp4j.jsonrpc.Launcher;
import org.eclipse.lsp4j.jsonrpc.services.JsonRequest;
import org.eclipse.lsp4j.services.LanguageClient;
import org.eclipse.lsp4j.services.LanguageServer;

public final class Client implements LanguageClient {
    private static final long DEADLINE_S = 60;
    private static final Gson GSON = new Gson();

    /** The requests whose types this release of LSP4J does not have, or would not let through. */
    interface Server extends LanguageServer {
        @JsonRequest("textDocument/inlineCompletion")
        CompletableFuture<JsonElement> inlineCompletion(JsonObject params);
    }

    private Process process;
    private Server server;
    private Launcher<Server> launcher;
    private String uri;
    private StringBuilder text;
    private int caret;
    private int version;
    private final List<JsonObject> items = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        var client = new Client();
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            var answer = client.obey(JsonParser.parseString(line).getAsJsonObject());
            System.out.write((answer + "\n").getBytes(StandardCharsets.UTF_8));
            System.out.flush();
        }
        client.end();
        System.exit(0);  // LSP4J's threads would go on
    }

    private JsonObject obey(JsonObject order) {
        var answer = new JsonObject();
        try {
            switch (order.get("do").getAsString()) {
                case "start" -> answer.add("capabilities", start(order));
                case "open" -> open(order);
                case "type" -> replace(caret, caret, order.get("text").getAsString());
                case "erase" -> replace(caret - order.get("units").getAsInt(), caret, "");
                case "ask" -> answer.add("variants", ask());
                case "leave" -> leave();
                case "accept" -> accept(items.get(order.get("variant").getAsInt()));
                case "close" -> close();
                case "run" -> answer.add("result", run(order.get("command").getAsString()));
                case "stop" -> answer.addProperty("exit", stop());
                case "kill" -> end();
                default -> throw new IllegalArgumentException("no such order: " + order);
            }
            if (text != null) {
                answer.addProperty("text", text.toString());
                answer.addProperty("caret", caret);
            }
        } catch (Exception error) {
            answer.addProperty("error", error.toString());
        }
        return answer;
    }

    /** Start the server's process, and shake hands. */
    private JsonElement start(JsonObject order) throws Exception {
        end();
        var command = new ArrayList<String>();
        order.getAsJsonArray("command").forEach(each -> command.add(each.getAsString()));
        process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        launcher = new Launcher.Builder<Server>().setLocalService(this)
                .setRemoteInterface(Server.class)
                .setInput(process.getInputStream()).setOutput(process.getOutputStream()).create();
        launcher.startListening();
        server = launcher.getRemoteProxy();
        var params = order.getAsJsonObject("initialize");
        params.addProperty("processId", ProcessHandle.current().pid());
        var result = launcher.getRemoteEndpoint().request("initialize", params)
                .get(DEADLINE_S, TimeUnit.SECONDS);
        server.initialized(new InitializedParams());
        return GSON.toJsonTree(result).getAsJsonObject().get("capabilities");
    }

    private void end() throws InterruptedException {
        if (process != null) process.destroyForcibly().waitFor();
        text = null;
    }

    private void open(JsonObject order) {
        if (text != null) close();
        uri = order.get("uri").getAsString();
        text = new StringBuilder(order.get("text").getAsString().replaceAll("\r\n?", "\n"));
        caret = order.get("caret").getAsInt();
        version = 1;
        var language = order.get("language").getAsString();
        var item = new TextDocumentItem(uri, language, version, text.toString());
        server.getTextDocumentService().didOpen(new DidOpenTextDocumentParams(item));
    }

    private void close() {
        var params = new DidCloseTextDocumentParams(new TextDocumentIdentifier(uri));
        server.getTextDocumentService().didClose(params);
        text = null;
    }

    /** Change the text and tell the server, as the platform's document listener does. */
    private void replace(int start, int end, String inserted) {
        if (inserted.contains("\r")) throw new IllegalArgumentException("wrong line separators");
        var range = new Range(position(start), position(end));
        var change = new TextDocumentContentChangeEvent(range, inserted);
        text.replace(start, end, inserted);
        caret = start + inserted.length();
        var document = new VersionedTextDocumentIdentifier(uri, ++version);
        var params = new DidChangeTextDocumentParams(document, List.of(change));
        server.getTextDocumentService().didChange(params);
    }

    private CompletableFuture<JsonElement> request() {
        var context = new JsonObject();
        context.addProperty("triggerKind", 2);  // Automatic, by hand too
        var params = new JsonObject();
        params.add("textDocument", GSON.toJsonTree(new TextDocumentIdentifier(uri)));
        params.add("position", GSON.toJsonTree(position(caret)));
        params.add("context", context);
        return server.inlineCompletion(params);
    }

    /** Ask, and wait; the variants that would be offered. */
    private JsonArray ask() throws Exception {
        var result = request().get(DEADLINE_S, TimeUnit.SECONDS);
        items.clear();
        var variants = new JsonArray();
        if (result == null || result.isJsonNull()) return variants;
        var found = result.isJsonArray() ? result : result.getAsJsonObject().get("items");
        for (var each : found.getAsJsonArray()) {
            if (each.getAsJsonObject().get("insertText").getAsString().isBlank()) continue;
            items.add(each.getAsJsonObject());
            variants.add(each);
        }
        return variants;
    }

    /** Ask, and cancel at once: the caret has moved on. */
    private void leave() {
        request().cancel(true);
    }

    /** What of the range stands before the caret is not written again; what stands after it stays. */
    private void accept(JsonObject item) {
        var inserted = item.get("insertText").getAsString();
        int at = caret;
        if (item.has("range")) {
            int start = offset(item.getAsJsonObject("range").getAsJsonObject("start"));
            int end = offset(item.getAsJsonObject("range").getAsJsonObject("end"));
            int typed = caret - start;
            if (start < caret && caret <= end && typed < inserted.length()) {
                inserted = inserted.substring(typed);
            }
            at = Math.max(caret, end);
        }
        replace(at, at, inserted);  // the item's command is not run
    }

    private JsonElement run(String command) throws Exception {
        var params = new ExecuteCommandParams(command, List.of());
        var result = server.getWorkspaceService().executeCommand(params);
        return GSON.toJsonTree(result.get(DEADLINE_S, TimeUnit.SECONDS));
    }

    private int stop() throws Exception {
        server.shutdown().get(DEADLINE_S, TimeUnit.SECONDS);
        server.exit();
        if (!process.waitFor(DEADLINE_S, TimeUnit.SECONDS)) throw new Exception("it does not end");
        return process.exitValue();
    }

    private Position position(int offset) {
        var before = text.substring(0, offset);
        int line = (int) before.chars().filter(each -> each == '\n').count();
        return new Position(line, offset - (before.lastIndexOf('\n') + 1));
    }

    private int offset(JsonObject position) {
        int start = 0;
        for (int line = position.get("line").getAsInt(); line > 0; line--) {
            start = text.indexOf("\n", start) + 1;
        }
        return start + position.get("character").getAsInt();
    }

    // What the server says of its own accord; nothing of it is shown here.

    @Override public void telemetryEvent(Object event) {}

    @Override public void publishDiagnostics(PublishDiagnosticsParams params) {}

    @Override public void showMessage(MessageParams message) {}

    @Override public void logMessage(MessageParams message) {}

    @Override public void notifyProgress(ProgressParams params) {}

    @Override
    public CompletableFuture<MessageActionItem> showMessageRequest(ShowMessageRequestParams params) {
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> createProgress(WorkDoneProgressCreateParams params) {
        return CompletableFuture.completedFuture(null);
    }
}
