-- The server: its life in this editor, and what it last said of itself.
-- Neovim starts and attaches it; what is done to the buffers then is decided elsewhere.
local api = vim.api
local ask = require('stateline.ask')
local say = require('stateline.say')
local settings = require('stateline.settings')
local M = {}

local RESTARTS, WITHIN_SECONDS = 3, 180
local ROOT_MARKERS = { 'pyproject.toml', '.git' }
local silent = { message = '' } -- when nothing was said
local status = silent
local ends = {} -- the times at which it ended unasked, in seconds
local restarting = false

local function set_status(new)
  status = new
  vim.cmd.redrawstatus({ bang = true })
end

local function on_status(_, params)
  set_status(params)
  if params.kind == 'Error' then say.once('Stateline: ' .. params.message, vim.log.levels.ERROR) end
end

--- The server says an error this way too, for clients without a status; users read it once.
local function on_message(_, params)
  local levels = { vim.log.levels.ERROR, vim.log.levels.WARN } -- by MessageType
  say.once(params.message, levels[params.type] or vim.log.levels.INFO)
end

function M.running()
  local clients = vim.lsp.get_clients({ name = 'stateline' })
  return vim.tbl_filter(function(client) return not client:is_stopped() end, clients)
end

--- It ended unasked: starts it again, unless that has not helped the last times.
local function on_crash(how)
  local now = vim.uv.now() / 1000
  ends = vim.tbl_filter(function(past) return now - past < WITHIN_SECONDS end, ends)
  table.insert(ends, now)
  if #ends <= RESTARTS then
    set_status({ message = ('Starting again after it %s'):format(how) })
    local said = 'Stateline: the server %s; restarting (%d of %d).'
    say.say(said:format(how, #ends, RESTARTS), vim.log.levels.WARN)
    return vim.lsp.enable('stateline')
  end
  set_status({ message = ('the server %s, too often to be started again'):format(how) })
  say.say('Stateline: the server keeps ending; see `:Stateline status`.', vim.log.levels.ERROR)
end

local function on_exit(code, signal)
  status = silent
  local asked = code == 0 and (signal == 0 or signal == 15)
  if vim.v.exiting ~= vim.NIL then return end
  if not asked and vim.lsp.is_enabled('stateline') and not restarting then
    on_crash(signal ~= 0 and ('was killed (signal %d)'):format(signal) or 'ended with ' .. code)
  end
  if restarting and #M.running() == 0 then M.enable() end
end

--- Starts the server's program. Neovim is told of a good end whatever it was: its own message is
--- longer than a line, so that a key typed just then would be swallowed.
local function start(dispatchers)
  local told = vim.tbl_extend('force', dispatchers, {
    on_exit = function(code, signal)
      dispatchers.on_exit(0, 0)
      vim.schedule(function() on_exit(code, signal) end)
    end,
  })
  return vim.lsp.rpc.start(settings.chosen.cmd, told)
end

--- One server for all projects, since a model takes much memory; they are folders of its workspace.
local function only_one(client) return client.name == 'stateline' and not client:is_stopped() end

--- Tells the server of the project that a buffer belongs to.
function M.add_folder(client, buf)
  local path = vim.fs.root(buf, ROOT_MARKERS)
  if not path then return end
  local folder = { uri = vim.uri_from_fname(path), name = path }
  local folders = client.workspace_folders or {}
  if vim.iter(folders):any(function(known) return known.uri == folder.uri end) then return end
  client.workspace_folders = vim.list_extend({ folder }, folders)
  local event = { added = { folder }, removed = {} }
  client:notify('workspace/didChangeWorkspaceFolders', { event = event })
end

--- Describes the server to Neovim.
function M.configure()
  local chosen = settings.chosen
  local sent = vim.tbl_extend('keep', { ghostText = true, editor = 'neovim' }, chosen.settings)
  sent.languages = sent.languages or settings.languages
  vim.lsp.config('stateline', {
    cmd = type(chosen.cmd) == 'table' and start or chosen.cmd,
    filetypes = chosen.filetypes,
    root_markers = ROOT_MARKERS,
    reuse_client = only_one,
    init_options = sent,
    capabilities = { textDocument = { inlineCompletion = { dynamicRegistration = false } } },
    handlers = {
      ['stateline/didChangeStatus'] = on_status,
      ['window/showMessage'] = on_message,
      ['$/progress'] = ask.on_progress,
    },
    -- Else Neovim 0.12, where its own inline completion is on, would draw everything once more.
    on_init = function(client) client.server_capabilities.inlineCompletionProvider = nil end,
  })
end

function M.enable()
  restarting = false
  vim.cmd.doautoall('stateline FileType')
  vim.lsp.enable('stateline')
end

function M.disable()
  vim.lsp.enable('stateline', false)
  ask.leave()
end

--- Stops the server, kindly for three seconds, and starts it anew.
function M.restart()
  local clients = M.running()
  ends = {}
  M.disable()
  if #clients == 0 then return M.enable() end
  restarting = true
  vim.defer_fn(function()
    for _, client in ipairs(clients) do client:stop(true) end -- nothing to one that has stopped
  end, 3000)
end

--- What the server last said about itself; '' when it has said nothing.
function M.status() return status.message end

--- The command that the server offers with its status, and who runs it; nil if there is none.
function M.offered()
  local client = M.running()[1]
  if client and status.command then return status.command, client end
end

--- Closes the document of a buffer in the server; what it returns opens it again, under the name
--- that the buffer has by then.
function M.close(buf)
  local clients = vim.lsp.get_clients({ name = 'stateline', bufnr = buf })
  for _, client in ipairs(clients) do vim.lsp.buf_detach_client(buf, client.id) end
  return function()
    for _, client in ipairs(clients) do vim.lsp.buf_attach_client(buf, client.id) end
  end
end

return M
