-- The verbs of `:Stateline`: what each does, and what it says.
local api = vim.api
local say = require('stateline.say')
local server = require('stateline.server')
local settings = require('stateline.settings')
local stateline = require('stateline')
local M = {}

--- One sentence on what Stateline does in this buffer, and why it is silent where it is.
local function explain()
  local said = server.status()
  if not vim.lsp.is_enabled('stateline') then
    return 'Stateline is off; `:Stateline enable` turns it on.'
  elseif vim.b.stateline_enabled == false then
    return 'Stateline is off in this buffer; `:Stateline toggle` turns it on.'
  elseif not vim.list_contains(settings.chosen.filetypes, vim.bo.filetype) then
    return ('Stateline is off for filetype `%s`; add it to `filetypes`.'):format(vim.bo.filetype)
  elseif #vim.lsp.get_clients({ name = 'stateline', bufnr = 0 }) == 0 then
    local hint = '`:Stateline restart` starts it, `:Stateline log` may show why'
    local why = said ~= '' and said or 'no server runs for this buffer'
    return settings.missing() or ('Stateline is off: %s; %s.'):format(why, hint)
  end
  return 'Stateline is on: ' .. (said ~= '' and said or 'ready'):gsub('%.$', '') .. '.'
end

local function status()
  local sentence, command, client = explain(), server.offered()
  if not command then return vim.notify(sentence) end
  local choices = { command.title, 'Leave it' }
  vim.ui.select(choices, { prompt = sentence }, function(_, chosen)
    if chosen == 1 then client:exec_cmd(command) end
  end)
end

local function enable()
  vim.b.stateline_enabled = nil
  server.enable()
end

local function toggle_everywhere()
  local on = vim.lsp.is_enabled('stateline')
  if on then server.disable() else server.enable() end
  vim.notify(on and 'Stateline is off.' or 'Stateline is on.')
end

local function toggle()
  if not vim.lsp.is_enabled('stateline') then return enable() end
  local on = vim.b.stateline_enabled ~= false
  stateline.enable_buffer(0, not on)
  vim.notify(('Stateline is %s in this buffer.'):format(on and 'off' or 'on'))
end

--- What `stateline stats` prints, in a window of its own.
local function stats()
  local argv = settings.program('stats')
  if not argv or vim.fn.executable(argv[1]) == 0 then
    return say.say(settings.missing() or 'Stateline: `cmd` does not run `stateline lsp`.', 4)
  end
  vim.cmd('botright new')
  vim.bo.bufhidden = 'wipe'
  vim.fn.jobstart(argv, { term = true })
end

local function log()
  local path = settings.log_path()
  if vim.fn.filereadable(path) == 0 then
    return vim.notify(('Stateline: nothing was logged yet in %s.'):format(path))
  end
  vim.cmd('botright split +setlocal\\ autoread\\ readonly | edit ' .. vim.fn.fnameescape(path))
  api.nvim_feedkeys('G', 'n', false)
end

local verbs = {
  enable = enable,
  disable = server.disable,
  toggle = toggle,
  ['toggle!'] = toggle_everywhere,
  ['toggle global'] = toggle_everywhere,
  restart = server.restart,
  status = status,
  stats = stats,
  log = log,
}

--- Carries out `:Stateline {verb}`.
function M.run(verb)
  if verbs[verb] then return verbs[verb]() end
  local known = table.concat(vim.fn.sort(vim.tbl_keys(verbs)), ', ')
  vim.notify(('Stateline: there is no `%s`; say %s.'):format(verb, known), vim.log.levels.ERROR)
end

--- The verbs that begin with what is on the command line.
function M.complete(lead, line)
  local words = vim.split(line, '%s+')
  if #words > 2 then return words[2] == 'toggle' and { 'global' } or {} end
  local simple = vim.tbl_filter(function(verb) return not verb:find(' ') end, vim.tbl_keys(verbs))
  return vim.tbl_filter(function(verb) return vim.startswith(verb, lead) end, vim.fn.sort(simple))
end

return M
