-- Stateline for Neovim 0.11 and later: sets up the parts, and what a buffer gets of them.
-- What to complete, and whether to show it, is decided in the server.
local api = vim.api
local accept = require('stateline.accept')
local ask = require('stateline.ask')
local ghost = require('stateline.ghost')
local keys = require('stateline.keys')
local say = require('stateline.say')
local server = require('stateline.server')
local settings = require('stateline.settings')
local M = {}

local group = api.nvim_create_augroup('stateline', {})

--- The keys that call `call` of the module `ask`.
local function asking(call) return ("<Cmd>lua require('stateline.ask').%s<CR>"):format(call) end

local function map_keys(buf)
  local map = settings.chosen.keymap
  for name, what in pairs({ accept = 'all', accept_word = 'word', accept_line = 'line' }) do
    keys.map(buf, map[name], function() return accept.keys(what) end, 'Stateline: accept ' .. what)
  end
  local function with_ghost(name, call, desc)
    keys.map(buf, map[name], function() return ghost.current() and asking(call) end, desc)
  end
  with_ghost('dismiss', 'dismiss()', 'Stateline: hide the ghost text')
  with_ghost('next', 'cycle(1)', 'Stateline: next suggestion')
  with_ghost('previous', 'cycle(-1)', 'Stateline: suggestion before')
  keys.map(buf, map.trigger, function() return asking('invoke()') end, 'Stateline: ask for ghost text')
end

local function detach(buf)
  ask.leave()
  api.nvim_clear_autocmds({ group = group, buffer = buf })
  keys.unmap(buf)
end

local function attach(buf, client)
  detach(buf) -- `setup` may be called again
  local function on(events, callback)
    api.nvim_create_autocmd(events, { group = group, buffer = buf, callback = callback })
  end
  on({ 'TextChangedI', 'CursorMovedI', 'CompleteChanged' }, ask.update)
  on('InsertEnter', vim.schedule_wrap(ask.update)) -- it comes before the mode has changed
  on({ 'InsertLeave', 'BufLeave', 'WinLeave' }, ask.leave)
  map_keys(buf)
  server.add_folder(client, buf)
  ask.update()
end

local function on(events, callback, pattern)
  api.nvim_create_autocmd(events, { group = group, callback = callback, pattern = pattern })
end

--- Calls `callback` with the buffer and the client of each LspAttach or LspDetach of our server.
local function on_client(event, callback)
  on(event, function(args)
    local client = vim.lsp.get_client_by_id(args.data.client_id)
    if client and client.name == 'stateline' then callback(args.buf, client) end
  end)
end

--- Keeps the server's documents apart where Neovim's client does not: a renamed buffer is another
--- document, and all buffers without a name are the same one, so the current one has to be open.
local function follow_names()
  local open_again, nameless = {}, nil -- by buffer, since `:saveas` renames two at a time
  on('BufFilePre', function(args) open_again[args.buf] = server.close(args.buf) end)
  on('BufFilePost', function(args)
    local open = open_again[args.buf]
    open_again[args.buf] = open and open()
  end)
  on('BufEnter', function(args)
    if api.nvim_buf_get_name(args.buf) ~= '' then return end
    if nameless and nameless ~= args.buf then server.close(args.buf)() end
    nameless = args.buf
  end)
end

local function look_for_command()
  local sentence = settings.missing()
  if sentence then say.once(sentence, vim.log.levels.ERROR) end
end

--- Sets Stateline up; `opts` overrides the settings' defaults.
function M.setup(opts)
  local wrong = settings.choose(opts or {})
  if wrong then say.say(wrong, vim.log.levels.ERROR) end
  ask.auto_trigger = settings.chosen.auto_trigger
  server.configure()
  api.nvim_clear_autocmds({ group = group })
  on_client('LspAttach', attach)
  on_client('LspDetach', detach)
  -- Later, since an error said inside of an autocommand breaks whatever caused that.
  on('FileType', vim.schedule_wrap(look_for_command), settings.chosen.filetypes)
  follow_names()
  for _, client in ipairs(server.running()) do
    for buf in pairs(client.attached_buffers) do attach(buf, client) end
  end
  server.enable()
end

M.enable, M.disable, M.restart = server.enable, server.disable, server.restart

--- Turns the ghost text of a buffer on or off.
---@param enabled boolean
function M.enable_buffer(buf, enabled)
  vim.b[buf].stateline_enabled = enabled
  ask.update()
end

--- What the server last said about itself; '' when it has said nothing.
M.status = server.status

--- The same for a statusline, '' where Stateline has nothing to do with the buffer.
function M.statusline()
  local concerned = vim.list_contains(settings.chosen.filetypes, vim.bo.filetype)
  if not concerned then return '' end
  local off = vim.b.stateline_enabled == false or not vim.lsp.is_enabled('stateline')
  local said = off and 'Off' or server.status()
  return said ~= '' and 'Stateline: ' .. said or ''
end

return M
