-- Stateline for Neovim 0.11 and later: settings, the life of the language server, status.
-- What to complete, and whether to show it, is decided in the server.
local api = vim.api
local accept = require('stateline.accept')
local ask = require('stateline.ask')
local ghost = require('stateline.ghost')
local keys = require('stateline.keys')
local M = {}

local options = {
  cmd = { 'stateline', 'lsp' },
  filetypes = { 'python' },
  settings = {}, -- initializationOptions of the server
  auto_trigger = true, -- false: only the trigger key asks
  keymap = { -- each a key, a list of keys, or false
    accept = '<Tab>',
    accept_word = { '<M-Right>', '<M-w>' },
    accept_line = { '<M-C-Right>', '<M-l>' },
    dismiss = '<C-]>',
    trigger = '<M-\\>',
  },
}
local status = '' -- what the server last said about itself
local restarting = false
local group = api.nvim_create_augroup('stateline', {})

local function map_keys(buf)
  for name, what in pairs({ accept = 'all', accept_word = 'word', accept_line = 'line' }) do
    keys.map(buf, options.keymap[name], function() return accept.keys(what) end, 'Accept ' .. what)
  end
  keys.map(buf, options.keymap.dismiss, function()
    return ghost.current() and "<Cmd>lua require('stateline.ask').dismiss()<CR>"
  end, 'Dismiss the ghost text')
  keys.map(buf, options.keymap.trigger, function()
    return "<Cmd>lua require('stateline.ask').invoke()<CR>"
  end, 'Ask for ghost text')
end

local function detach(buf)
  ask.leave()
  api.nvim_clear_autocmds({ group = group, buffer = buf })
  keys.unmap(buf)
end

local function attach(buf)
  detach(buf) -- `setup` may be called again
  local function on(events, callback)
    api.nvim_create_autocmd(events, { group = group, buffer = buf, callback = callback })
  end
  on({ 'TextChangedI', 'CursorMovedI', 'CompleteChanged' }, ask.update)
  on('InsertEnter', vim.schedule_wrap(ask.update)) -- it comes before the mode has changed
  on({ 'InsertLeave', 'BufLeave', 'WinLeave' }, ask.leave)
  map_keys(buf)
  ask.update()
end

--- Calls `callback` with the buffer of each LspAttach or LspDetach of our server.
local function on_client(event, callback)
  api.nvim_create_autocmd(event, { group = group, callback = function(args)
    local client = vim.lsp.get_client_by_id(args.data.client_id)
    if client and client.name == 'stateline' then callback(args.buf) end
  end })
end

local function on_status(_, params)
  status = params.message
  if params.kind == 'Error' then vim.notify_once('Stateline: ' .. status, vim.log.levels.ERROR) end
  vim.cmd.redrawstatus({ bang = true })
end

--- The server says an error this way too, for clients without a status; users read it once.
local function on_message(_, params)
  local levels = { vim.log.levels.ERROR, vim.log.levels.WARN } -- by MessageType
  vim.notify_once(params.message, levels[params.type] or vim.log.levels.INFO)
end

local function running()
  local clients = vim.lsp.get_clients({ name = 'stateline' })
  return vim.tbl_filter(function(client) return not client:is_stopped() end, clients)
end

local function on_exit(code, signal)
  status = ''
  if vim.v.exiting == vim.NIL and (code ~= 0 or not vim.list_contains({ 0, 15 }, signal)) then
    status = ('the server stopped with exit code %d (signal %d)'):format(code, signal)
    local hint = 'type `:Stateline restart` to start it again, `:LspLog` shows why'
    vim.notify(('Stateline: %s; %s.'):format(status, hint), vim.log.levels.ERROR)
  end
  if restarting and #running() == 0 then M.enable() end
end

local function missing()
  if vim.fn.executable(options.cmd[1]) == 1 then return nil end
  local hint = 'install it with `pip install stateline` or set `cmd` in require("stateline").setup'
  return ('Stateline: the command `%s` was not found; %s.'):format(options.cmd[1], hint)
end

local function look_for_command()
  if missing() then vim.notify_once(missing(), vim.log.levels.ERROR) end
end

--- Sets Stateline up; `opts` overrides the options above.
function M.setup(opts)
  options = vim.tbl_deep_extend('force', options, opts or {})
  ask.auto_trigger = options.auto_trigger
  local sent = vim.tbl_extend('keep', { ghostText = true, editor = 'neovim' }, options.settings)
  sent.languages = sent.languages or options.filetypes
  vim.lsp.config('stateline', {
    cmd = options.cmd,
    filetypes = options.filetypes,
    root_markers = { 'pyproject.toml', '.git' },
    init_options = sent,
    capabilities = { textDocument = { inlineCompletion = { dynamicRegistration = false } } },
    handlers = { ['stateline/didChangeStatus'] = on_status, ['window/showMessage'] = on_message },
    on_exit = vim.schedule_wrap(on_exit),
  })
  api.nvim_clear_autocmds({ group = group })
  on_client('LspAttach', attach)
  on_client('LspDetach', detach)
  -- Later, since an error said inside of an autocommand breaks whatever caused that.
  local look = vim.schedule_wrap(look_for_command)
  local seen = { group = group, pattern = options.filetypes, callback = look }
  api.nvim_create_autocmd('FileType', seen)
  for _, client in ipairs(running()) do
    vim.iter(pairs(client.attached_buffers)):each(attach)
  end
  M.enable()
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
  local clients = running()
  M.disable()
  if #clients == 0 then return M.enable() end
  restarting = true
  vim.defer_fn(function()
    for _, client in ipairs(clients) do client:stop(true) end -- nothing to one that has stopped
  end, 3000)
end

--- What the server last said about itself, for a statusline; '' when it has said nothing.
function M.status() return status end

--- One sentence on what Stateline does in this buffer, and why it is silent where it is.
local function explain()
  if not vim.lsp.is_enabled('stateline') then
    return 'Stateline is off; `:Stateline enable` turns it on.'
  elseif vim.b.stateline_enabled == false then
    return 'Stateline is off in this buffer, because b:stateline_enabled is false.'
  elseif not vim.list_contains(options.filetypes, vim.bo.filetype) then
    return ('Stateline is off for filetype `%s`; add it to `filetypes`.'):format(vim.bo.filetype)
  elseif #vim.lsp.get_clients({ name = 'stateline', bufnr = 0 }) == 0 then
    return missing() or 'Stateline has no server for this buffer; `:LspLog` shows why.'
  end
  return 'Stateline is on: ' .. (status ~= '' and status or 'ready') .. '.'
end

--- Carries out `:Stateline {verb}`.
function M.command(verb)
  if verb == 'status' then return vim.notify(explain()) end
  M[verb]()
end

return M
