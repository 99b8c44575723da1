-- Asking: when the server is asked, and which of its answers may be shown.
-- No timer and no cache: the server supersedes older requests, and we cancel ours.
local api = vim.api
local ghost = require('stateline.ghost')
local say = require('stateline.say')
local tell = require('stateline.tell')
local M = { auto_trigger = true }

-- The first is answered bit by bit. A server that does not know it is asked by the second.
local GROWING, AT_ONCE = 'stateline/streamInlineCompletion', 'textDocument/inlineCompletion'
local TOKEN = 'stateline-ghost-'
local INVOKED, AUTOMATIC = 1, 2 -- InlineCompletionTriggerKind of LSP 3.18
local METHOD_NOT_FOUND = -32601
local NO_NEWS = { [-32800] = true, [-32801] = true, [-32802] = true } -- cancelled, text changed

---@class stateline.Request
---@field client vim.lsp.Client
---@field id? integer
---@field token string
---@field place table
---@field kind integer
---@field step integer how far from the first suggestion the user wants to be
---@field drawn? boolean part of its answer was shown already

local pending = nil ---@type stateline.Request? the one on its way
local asked_at, dismissed_at = nil, nil
local tokens = 0
local only_at_once = {} -- [client id] = true

--- A place: everything that an answer must find unchanged.
local function here()
  local buf, cursor = api.nvim_get_current_buf(), api.nvim_win_get_cursor(0)
  local tick = api.nvim_buf_get_changedtick(buf)
  return { buf = buf, tick = tick, row = cursor[1] - 1, col = cursor[2] }
end

local function wanted()
  return api.nvim_get_mode().mode == 'i'
    and vim.fn.pumvisible() == 0
    and vim.b.stateline_enabled ~= false
    and vim.lsp.is_enabled('stateline')
end

local function cancel()
  if pending and pending.id then pending.client:cancel_request(pending.id) end
  pending = nil
end

--- What is on the screen now, the server has to know of.
local function tell_drawn()
  local now = ghost.current()
  if now then tell.drew(now.suggestion) end
end

--- Shows what an answer has so far, if it is for this very place.
local function display(request, result)
  local place = request.place
  if not wanted() or not vim.deep_equal(place, here()) then return end
  local suggestions = {}
  for _, item in ipairs(result.items or result) do
    local s = ghost.suggestion(item, request.client, place.buf, place.row, place.col)
    if s then table.insert(suggestions, s) end
  end
  tell.known(suggestions)
  if request.drawn then ghost.grow(suggestions) else ghost.show(suggestions) end
  request.drawn = true
  tell_drawn()
end

--- What there is of an answer meanwhile; `params.value` replaces the one before.
function M.on_progress(err, params, context)
  if not vim.startswith(tostring(params.token), TOKEN) then
    return vim.lsp.handlers['$/progress'](err, params, context)
  end
  local request = pending
  if not request or request.token ~= params.token then return end
  local place, item = request.place, params.value.items[1]
  local s = item and ghost.suggestion(item, request.client, place.buf, place.row, place.col)
  -- What was typed through is longer than the beginning of the same text once more.
  if not request.drawn and ghost.covers(s) then return end
  display(request, params.value)
end

local send

local function answer(request, err, result)
  if err and err.code == METHOD_NOT_FOUND then only_at_once[request.client.id] = true end
  if pending ~= request then return end -- superseded
  if err and err.code == METHOD_NOT_FOUND and request.token then
    request.token = nil
    return send(request)
  end
  pending = nil
  if err and not NO_NEWS[err.code] then
    say.once('Stateline: the server answered: ' .. err.message, vim.log.levels.ERROR)
  end
  -- Null is "no news": what is shown and still fits may stay.
  if err or result == nil then return ghost.refresh() end
  display(request, result)
  if request.step ~= 0 then ghost.cycle(request.step) end
  tell_drawn()
end

function send(request)
  local params = vim.lsp.util.make_position_params(0, request.client.offset_encoding)
  params.context = { triggerKind = request.kind }
  params.partialResultToken = request.token
  local method = request.token and GROWING or AT_ONCE
  _, request.id = request.client:request(method, params, function(err, result)
    answer(request, err, result)
  end, request.place.buf)
end

local function ask(kind, step)
  local place = here()
  local client = vim.lsp.get_clients({ name = 'stateline', bufnr = place.buf })[1]
  if not client then return end
  cancel()
  asked_at, tokens = place, tokens + 1
  pending = { client = client, place = place, kind = kind, step = step }
  if not only_at_once[client.id] then pending.token = TOKEN .. tokens end
  send(pending)
end

--- The trigger key: asks even where nothing is asked by itself.
function M.invoke()
  if wanted() then ask(INVOKED, 0) end
end

--- Shows the next suggestion, or the one before with -1; asks for others if only one is known.
function M.cycle(step)
  if not wanted() then return end
  if ghost.cycle(step) then return tell_drawn() end
  ask(INVOKED, step)
end

--- Hides the ghost until the text changes.
function M.dismiss()
  dismissed_at = here()
  cancel()
  ghost.hide()
end

--- Hides the ghost and forgets the request: the user is elsewhere.
function M.leave()
  asked_at = nil
  cancel()
  ghost.hide()
end

--- The text, the cursor or the mode may have changed. One key raises several events: asks once.
function M.update()
  if not wanted() then return M.leave() end
  ghost.refresh()
  tell_drawn()
  local place, since = here(), dismissed_at
  if vim.deep_equal(place, asked_at) then return end
  local dismissed = since and place.buf == since.buf and place.tick == since.tick
  -- What the user chose among several stays as long as it fits.
  if M.auto_trigger and not dismissed and not ghost.picked() then
    ask(AUTOMATIC, 0)
  else
    cancel()
  end
end

return M
